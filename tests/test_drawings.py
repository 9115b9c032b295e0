"""Drawings say what was measured and write the numbers that they show."""

import runpy

import numpy as np
import pandas as pd
import pytest
import torch
from informed_init.banks import sources
from informed_init.banks.bank import Bank, LayerBank
from informed_init.banks.cosine import cosine, cosines, summarize
from informed_init.errors import InputError
from informed_init.report.figures.drawings import (
    draw_bank,
    draw_bars_by_layer,
    draw_best_rates,
    draw_differences,
    draw_filters,
    draw_live_taps,
)
from informed_init.runs.sources import untrained_sources
from repository import ROOT
from snakemake.iocontainers import Namedlist
from test_figures import texts

MINUS = "\N{MINUS SIGN}"


class Job:
    """What a script sees as ``snakemake``, and the run of one."""

    def __init__(self, folder, **parts):
        self.log = [folder / "log.txt"]
        self.input, self.output, self.params = (Namedlist(fromdict=parts[key]) for key in ("input", "output", "params"))

    def run(self, script):
        runpy.run_path(str(ROOT / "workflow_scripts" / script), {"snakemake": self}, "__main__")


def paths(folder, name):
    return {kind: folder / f"{name}.{kind}" for kind in ("png", "svg", "csv")}


def check(files):
    """The pictures are pictures; returns the table beside them."""
    assert files["png"].read_bytes().startswith(b"\x89PNG") and b"</svg>" in files["svg"].read_bytes()
    return pd.read_csv(files["csv"])


def test_differences_bars_filters_and_maps_write_their_data(tmp_path, monkeypatch):
    rows = [
        {"arm": "gabor-1", "label": "Gabor", "mean": 2.0, "low": 1.0, "high": 3.0, "n": 50},
        {"arm": "euclid-k2", "label": "k = 2", "mean": -4.0, "low": None, "high": None, "n": 1},
    ]
    bars = [{"layer": layer, "arm": "random", "label": "random", "value": 0.98} for layer in ("conv1", "conv2")]
    bank = np.arange(18.0).reshape(2, 3, 3) - 9
    files = {name: paths(tmp_path, name) for name in ("differences", "bars", "bank", "live")}

    def everything():
        draw_differences(pd.DataFrame(rows), "Differences", *files["differences"].values())
        draw_bars_by_layer(pd.DataFrame(bars), "Bars", *files["bars"].values(), xlabel="cosine", start=1.0)
        draw_filters({"conv1": bank}, {"conv1": np.array([0.75, 0.25])}, "Bank", *files["bank"].values())
        draw_live_taps({"conv1": np.eye(3)}, "Live", *files["live"].values(), weights={"conv1": 900})

    words = texts(monkeypatch, everything)
    for expected in ("+2.0 [+1.0, +3.0]", f"{MINUS}4.0 no interval", "n = 1 to 50", "0.980", "75 %", "33 %"):
        assert expected in words
    assert "live: 300 of 900 weights" in words
    tables = {name: check(those) for name, those in files.items()}
    assert tables["differences"]["low"].tolist()[0] == 1.0
    assert tables["bank"]["value"].tolist() == bank.ravel().tolist() and tables["bank"]["share"].iloc[-1] == 0.25
    assert tables["live"]["live"].sum() == 3 and tables["live"]["weights"].sum() == 900
    assert tables["bars"]["layer"].tolist() == ["conv1", "conv2"]


def test_drawings_refuse_shapes_that_do_not_fit(tmp_path):
    files = [tmp_path / name for name in ("a.png", "a.svg", "a.csv")]
    with pytest.raises(InputError, match=r"filters of 'conv1' .* n shares"):
        draw_filters({"conv1": np.zeros((3, 3, 3))}, {"conv1": np.ones(2)}, "Bank", *files)
    with pytest.raises(InputError, match="live map of conv1"):
        draw_live_taps({"conv1": np.full((3, 3), 2.0)}, "Live", *files)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- a bank (Figure 10)


def small_bank(**sizes):
    """A bank with this many filters a layer; filter i is filled with i + 1 and stands for 2 i + 1 parts."""
    layers = {}
    for name, count in sizes.items():
        parts = 2 * torch.arange(count) + 1.0
        filters = (torch.arange(count) + 1.0)[:, None, None].expand(count, 3, 3).contiguous()
        layers[name] = LayerBank(filters, parts / parts.sum(), 0.1)
    return Bank("euclid", layers, ["one", "two"], {"k": 3})


def test_a_bank_is_drawn_from_its_file_with_the_most_frequent_filter_first(tmp_path, monkeypatch):
    small_bank(conv1=3, conv2=2).save(tmp_path / "bank.safetensors")
    files = paths(tmp_path, "bank")
    params = {"title": "A bank", "layers": ["conv2", "conv1"]}
    job = Job(tmp_path, input={"bank": tmp_path / "bank.safetensors"}, output=files, params=params)
    words = texts(monkeypatch, lambda: job.run("report/draw_bank.py"))
    assert "euclid, 2 source models" in words and "A bank" in words and "56 % 33 % 11 %" in words
    table = check(files).drop_duplicates(["layer", "filter"])
    assert table["layer"].tolist() == ["conv2"] * 2 + ["conv1"] * 3
    assert table["value"].tolist() == [2, 1, 3, 2, 1]
    assert table["share"].tolist() == pytest.approx([3 / 4, 1 / 4, 5 / 9, 3 / 9, 1 / 9])


def test_a_bank_without_the_layer_or_with_a_whole_sample_is_refused(tmp_path):
    files = paths(tmp_path, "bank").values()
    with pytest.raises(InputError, match=r"no layer conv9 \(did you mean conv1\?\)"):
        draw_bank(small_bank(conv1=3), ["conv9"], "A bank", *files)
    with pytest.raises(InputError, match="layer conv1 has 70 filters"):
        draw_bank(small_bank(conv1=70), ["conv1"], "A bank", *files)


# ---------------------------------------------------------------- live taps


def test_the_live_tap_map_counts_the_weights_that_a_small_image_can_train(tmp_path, monkeypatch):
    files = paths(tmp_path, "live")
    params = {"architecture": "resnet18", "input_size": [3, 32, 32], "title": "Live taps"}
    words = texts(
        monkeypatch, lambda: Job(tmp_path, input={}, output=files, params=params).run("report/draw_live_taps.py")
    )
    table = check(files)
    layers = table.groupby("layer", sort=False)
    assert len(layers) == 20 and layers["live"].sum()["conv1"] == 49
    # on 1 x 1 maps only the center of a kernel meets a pixel
    assert layers["live"].sum()["layer4.1.conv2"] == 1 and layers["live"].sum()["layer4.0.conv1"] == 4
    assert layers["weights"].sum()["layer4.1.conv2"] == 512 * 512 * 9
    # 4,234,826 of 11,181,642 parameters train, of them 14,730 in batch norms and in a head of ten classes
    assert "live: 4,220,096 of 11,166,912 weights" in words


# ---------------------------------------------------------------- cosine of initial and trained weights


def test_the_cosine_is_that_of_the_angle_whatever_the_lengths():
    first = torch.tensor([[3.0, 0.0], [0.0, 0.0]])
    for degrees in (0, 30, 60, 90, 180):
        angle = torch.tensor(degrees * torch.pi / 180)
        second = torch.tensor([[angle.cos(), 0.0], [0.0, angle.sin()]]) * 0.2
        assert cosine(first, second) == pytest.approx(np.cos(np.radians(degrees)), abs=1e-6)


def turned(start, mask, degrees):
    """Weights whose live taps are turned away from ``start`` by this angle; all of them are halved in length."""
    random = torch.randn(start.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    live, away = start[..., mask].double(), random[..., mask]
    away = away - live * (away * live).sum() / (live * live).sum()
    away *= live.norm() / away.norm()
    angle = np.radians(degrees)
    end = start.double()
    end[..., mask] = np.cos(angle) * live + np.sin(angle) * away
    return 0.5 * end.float()


def test_the_planted_angle_of_each_layer_is_found_over_live_taps_and_hidden_by_dead_ones():
    mask = torch.zeros(3, 3, dtype=torch.bool)
    mask[1, 1] = True
    rng = torch.Generator().manual_seed(1)
    start = {"a.weight": torch.randn(8, 4, 3, 3, generator=rng), "b.weight": torch.randn(4, 8, 3, 3, generator=rng)}
    live = {"a": mask, "b": torch.ones(3, 3, dtype=torch.bool)}
    angles = {"one": 20, "two": 40}
    pairs = [
        (name, {f"{layer}.weight": turned(start[f"{layer}.weight"], live[layer], angle) for layer in live}, start)
        for name, angle in angles.items()
    ]
    table = summarize(cosines(pairs, live)).set_index(["layer", "arm"])
    near, far = np.cos(np.radians([20, 40]))
    for layer in live:
        row = table.loc[layer, "live"]
        assert (row["value"], row["low"], row["high"]) == pytest.approx(((near + far) / 2, far, near), abs=1e-5)
        assert row["n"] == 2
    # where every tap is live there is nothing to tell apart; where eight of nine are dead, they hide the turn
    assert table.loc[("b", "all"), "value"] == pytest.approx(table.loc[("b", "live"), "value"])
    assert table.loc[("a", "all"), "low"] > 0.95 > 0.8 > table.loc[("a", "live"), "low"]


def test_cosines_refuse_networks_that_do_not_fit():
    live = {"a": torch.ones(3, 3, dtype=torch.bool)}
    with pytest.raises(InputError, match="source 'one' has no layer 'a'"):
        cosines([("one", {}, {"a.weight": torch.ones(1, 1, 3, 3)})], live)
    with pytest.raises(InputError, match=r"\(1, 1, 3, 3\), \(1, 2, 3, 3\), \(3, 3\)"):
        cosines([("one", {"a.weight": torch.ones(1, 1, 3, 3)}, {"a.weight": torch.ones(1, 2, 3, 3)})], live)
    with pytest.raises(InputError, match="no networks"):
        cosines([], live)


def test_trained_sources_are_drawn_against_their_own_start(tmp_path, monkeypatch):
    tasks = [{"name": name, "superclasses": [0, 1]} for name in ("first", "second")]
    networks = untrained_sources("resnet18", tasks, 10)
    # one source is its own start, of the other one layer is turned around and another is only longer
    networks["second"]["layer1.0.conv1.weight"] = -networks["second"]["layer1.0.conv1.weight"]
    networks["second"]["layer4.1.conv2.weight"] = 3 * networks["second"]["layer4.1.conv2.weight"]
    sources.save(tmp_path / "sources.safetensors", networks, {"architecture": "resnet18"})
    files = paths(tmp_path, "cosine")
    params = {"architecture": "resnet18", "source_tasks": tasks, "num_classes": 10, "input_size": [3, 32, 32]}
    names = {"sources": [tmp_path / "sources.safetensors"]}
    job = Job(tmp_path, input=names, output=files, params=params | {"title": "Cosine"})
    words = texts(monkeypatch, lambda: job.run("report/draw_cosine.py"))
    assert "mean over 2 source models" in words
    table = check(files).set_index(["layer", "arm"])
    assert len(table) == 2 * 17 and (table["n"] == 2).all()
    turned_layer = table.loc["layer1.0.conv1"]
    assert turned_layer["value"].tolist() == pytest.approx([0, 0], abs=1e-6)
    assert turned_layer["low"].tolist() == pytest.approx([-1, -1])
    assert table.drop("layer1.0.conv1")["value"].tolist() == pytest.approx([1.0] * 32)


# ---------------------------------------------------------------- best learning rates


def test_best_rates_are_drawn_with_the_rate_beside_the_arm_and_without_what_was_not_run(tmp_path, monkeypatch):
    rates = pd.DataFrame(
        {
            "arm": ["random", "euclid-k2", "gabor-1"],
            "recipe": ["rate-0.1", "stepwise", None],
            "difference": [None, 1.5, None],
            "low": [None, 0.5, None],
            "high": [None, 2.5, None],
            "n": [15, 15, 0],
        }
    )
    rates.to_csv(tmp_path / "rates.csv", index=False)
    files = paths(tmp_path, "rates")
    params = {"title": "At the best rate", "labels": {"euclid-k2": "k = 2"}}
    job = Job(tmp_path, input={"best_rates": tmp_path / "rates.csv"}, output=files, params=params)
    words = texts(monkeypatch, lambda: job.run("report/draw_best_rates.py"))
    assert "k = 2, stepwise" in words and "+1.5 [+0.5, +2.5]" in words and "from random at its best" in words
    assert check(files)["arm"].tolist() == ["euclid-k2"]
    with pytest.raises(InputError, match="no differences to draw"):
        draw_best_rates(rates.iloc[[0, 2]], "None", *files.values())
