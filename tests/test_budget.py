"""A comparison is as large as its time allows, and says what it found and no more."""

import pandas as pd
import pytest
from informed_init.errors import InputError
from informed_init.plan.budget import EPOCHS, FEWEST_EPOCHS, REPLICAS, Counts, fit, overlay
from informed_init.report.sentence import sentence

COUNTS = Counts(classes=10, per_class=3000, tests=5000, total=35_000)
HERE = {"initializers": 3, "cores": 2}


def test_more_time_never_gives_less_and_the_time_is_kept():
    last = 0
    for minutes in (15, 30, 60, 240, 100_000):
        scale = fit(COUNTS, **HERE, seconds_per_image=0.002, budget=60 * minutes)
        assert scale.seconds <= 60 * minutes * 2
        seen = scale.train_per_class * scale.epochs * scale.replicas
        assert seen >= last
        last = seen
    assert (scale.train_per_class, scale.epochs, scale.replicas) == (3000, EPOCHS, REPLICAS)


def test_a_budget_for_not_even_the_smallest_comparison_is_refused_with_what_it_would_take():
    with pytest.raises(
        InputError, match=r"1 min are too few for 3 initializers; .* takes about \d+ min here"
    ) as refused:
        fit(COUNTS, **HERE, seconds_per_image=0.05, budget=60)
    minutes = int(str(refused.value).split("takes about ")[1].split()[0])
    assert fit(COUNTS, **HERE, seconds_per_image=0.05, budget=60 * (minutes + 1)).epochs >= FEWEST_EPOCHS


def test_the_overlay_is_a_config_that_the_plan_accepts(tmp_path):
    import yaml
    from informed_init.plan.checks import check_config
    from repository import ROOT
    from snakemake.utils import update_config

    for split in ("train", "test"):
        for name in ("a", "b"):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            (folder / "0.png").write_bytes(b"not looked at in the plan")
    (tmp_path / "mine.py").write_text("def make(num_classes):\n    pass\n")
    scale = fit(COUNTS, **HERE, seconds_per_image=0.001, budget=3600)
    arms = {"default": {"initializer": "default"}, "gabor": {"initializer": "gabor"}}
    made = overlay(
        scale, run="mine", pictures={"folder": str(tmp_path), "size": 32}, model=f"{tmp_path}/mine.py:make", arms=arms,
        precision="float32", device="cpu",
    )  # fmt: skip
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(config, made)
    check_config(config)


def found(*rows: tuple) -> pd.DataFrame:
    columns = ["arm", "label", "baseline", "difference", "low", "high", "p_holm", "n"]
    return pd.DataFrame([("default", "default", "", None, None, None, None, 5), *rows], columns=columns)


def test_the_sentence_names_what_is_told_apart_and_what_is_not():
    table = found(
        ("gabor", "gabor", "default", 1.9, 0.6, 3.2, 0.01, 5),
        ("lsuv", "lsuv", "default", 0.4, -0.6, 1.2, 0.6, 5),
        ("dirac", "dirac", "default", 2.4, 0.1, 4.7, 0.06, 5),  # its own interval is above zero, but three were tried
        ("zero", "zero", "default", -9.0, -10, -8, 0.001, 5),
    )
    assert sentence(table) == (
        "On your images gabor gains +1.9 [+0.6, +3.2] points over default; zero loses -9.0 [-10.0, -8.0] points; "
        "lsuv and dirac are not told apart from default (n = 5 paired trainings)."
    )
    assert sentence(table.iloc[[0, 2]]) == (
        "On your images lsuv is not told apart from default (n = 5 paired trainings)."
    )
