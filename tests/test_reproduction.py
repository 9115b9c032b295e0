"""The comparison with the published curves finds what was planted."""

import numpy as np
import pandas as pd
import pytest
from informed_init.errors import InputError
from informed_init.report.figures.gaps import draw_gaps, gap_rows
from informed_init.report.figures.style import Style
from informed_init.report.reproduction import (
    NOT_REPRODUCED,
    REPRODUCED,
    display_reproduction,
    replica_spread,
    reproduction,
    summary,
)
from informed_init.report.tables import NOT_RUN

PUBLISHED = {"same": [50.0, 60.0], "lower": [50.0, 60.0], "absent": [40.0, 41.0]}


def curves(values: dict[str, np.ndarray], diverged: tuple[str, ...] = ()) -> pd.DataFrame:
    """Curves under ``published`` whose accuracies are ``values[arm]`` (epochs, tasks, replicas)."""
    rows = []
    for arm, array in values.items():
        for (epoch, task, replica), value in np.ndenumerate(array):
            rows.append(
                {"run": "r", "protocol": "published", "recipe": "steps", "task": f"t{task}", "arm": arm}
                | {"replica": replica, "seed": 1, "epoch": epoch + 1, "lr": 0.1, "val_accuracy": value}
                | {"diverged": int(arm in diverged)}
            )
    return pd.DataFrame(rows)


def around(mean: float, tasks: int = 10, replicas: int = 1) -> np.ndarray:
    """Task values that differ by tens of points and have exactly this mean in every replica."""
    spread = np.linspace(-20, 20, tasks)[:, None].repeat(replicas, 1)
    return mean + spread


def test_verdicts_and_gaps():
    found = curves({"same": np.stack([around(51), around(60.9)]), "lower": np.stack([around(50), around(58.5)])})
    table = reproduction(found, PUBLISHED, recipes=dict.fromkeys(found["arm"], "steps"), epochs=(1, 2)).set_index(
        ["arm", "epoch"]
    )
    assert table.loc[("same", 2), "gap"] == pytest.approx(0.9)
    assert list(table["verdict"]) == [REPRODUCED, REPRODUCED, REPRODUCED, NOT_REPRODUCED, NOT_RUN, NOT_RUN]
    assert table["standard_error"].isna().all()  # nobody was trained twice
    words = display_reproduction(table.reset_index()).set_index("arm")
    assert words.loc["lower", "verdict"] == "**not reproduced**, one replica"
    assert words.loc["absent", "verdict"] == NOT_RUN
    assert summary(table.reset_index()) == "Of 3 published curves: 1 reproduced, 1 not reproduced, 1 not run."


def test_the_spread_of_replicas_widens_what_counts_as_reproduced():
    twice = around(60.0, replicas=2) + np.array([-1.0, 1.0])  # a standard deviation of sqrt 2 over replicas
    found = curves({"same": np.stack([twice, twice]), "lower": np.stack([around(50), around(57.0)])})
    table = reproduction(found, PUBLISHED, recipes=dict.fromkeys(found["arm"], "steps"), epochs=(2,)).set_index("arm")
    assert replica_spread([pd.DataFrame(twice)]) == (pytest.approx(2**0.5), 1)
    assert table.loc["same", "standard_error"] == pytest.approx(2**0.5 * (1 / 2 + 1 / 5) ** 0.5)
    assert table.loc["lower", "standard_error"] == pytest.approx(2**0.5 * (1 + 1 / 5) ** 0.5)
    assert table.loc["lower", "verdict"] == REPRODUCED  # -3.0 within 2 * 1.55


def test_a_diverged_arm_counts_as_chance_and_is_said():
    found = curves({"lower": np.stack([around(50), around(60)])}, diverged=("lower",))
    table = reproduction(found, PUBLISHED, recipes=dict.fromkeys(found["arm"], "steps"), epochs=(2,)).set_index("arm")
    assert table.loc["lower", ["ours", "diverged", "verdict"]].tolist() == [10.0, 10, NOT_REPRODUCED]


def test_nothing_was_run():
    table = reproduction(curves({}), PUBLISHED, recipes={}, epochs=(2, 7))  # epoch 7 has no published number
    assert set(table["verdict"]) == {NOT_RUN} and set(table["epoch"]) == {2}


def test_the_picture_has_a_row_for_every_arm_that_was_run_and_says_how_many_were_not():
    found = curves({"same": np.stack([around(51), around(60.9)])})
    rows = gap_rows(reproduction(found, PUBLISHED, recipes={"same": "steps"}, epochs=(1, 2)))
    assert list(rows["arm"]) == list(PUBLISHED)  # the figure's data name them all
    figure = draw_gaps(rows, Style("Gaps", methods=dict.fromkeys(PUBLISHED, "default")))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["same"]
    assert [round(float(line.get_xdata()[0]), 2) for line in axes.lines if line.get_marker() == "o"] == [0.9]
    assert f"1 of {len(PUBLISHED)} published arms were run" in " ".join(
        text.get_text() for text in figure.texts
    ).replace("\n", " ")
    with pytest.raises(InputError, match="no curves that are published and were run"):
        draw_gaps(rows[rows["arm"] != "same"], Style("Gaps"))
