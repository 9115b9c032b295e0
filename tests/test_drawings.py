"""Numbers are measured by one rule and drawn by another, which says what was measured and writes the numbers that it shows."""

import ast
import os
import re
import runpy
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from informed_init.banks import sources
from informed_init.banks.bank import Bank, LayerBank
from informed_init.banks.cosine import cosine, cosines, summarize
from informed_init.errors import InputError
from informed_init.plan.code_inputs import code
from informed_init.report.curves import csv_text
from informed_init.report.figures.costs import draw_costs
from informed_init.report.figures.filters import draw_filters, draw_live_taps
from informed_init.report.figures.forest import best_rate_rows, compared_rows, draw_differences
from informed_init.report.figures.style import PALETTE, Style, save
from informed_init.report.kernels import bank_table, filter_table, tap_table
from informed_init.report.measured import read_measured
from informed_init.runs.sources import untrained_sources
from matplotlib.colors import to_hex
from repository import ROOT
from snakemake.iocontainers import Namedlist
from test_figures import words

MINUS = "\N{MINUS SIGN}"


class Job:
    """What a script sees as ``snakemake``, and the run of one."""

    def __init__(self, folder, **parts):
        self.log = [folder / "log.txt"]
        self.input, self.output, self.params = (
            Namedlist(fromdict=parts[key]) if isinstance(parts[key], dict) else parts[key]
            for key in ("input", "output", "params")
        )

    def run(self, script):
        runpy.run_path(str(ROOT / "workflow_scripts" / script), {"snakemake": self}, "__main__")


def paths(folder, name):
    return {kind: folder / f"{name}.{kind}" for kind in ("png", "svg", "csv")}


def check(files):
    """The pictures are pictures; returns the table beside them."""
    assert files["png"].read_bytes().startswith(b"\x89PNG") and b"</svg>" in files["svg"].read_bytes()
    return pd.read_csv(files["csv"])


# ---------------------------------------------------------------- compute, then draw


def drawing_scripts():
    """The scripts of all rules that write a picture, as the rules name them."""
    found = {}
    for file in sorted((ROOT / "rules").glob("*.smk")):
        for rule in re.split(r"^rule ", file.read_text(), flags=re.MULTILINE)[1:]:
            if re.search(r'"<results>/figures/[^"]*\.svg"', rule):
                found[rule.split(":")[0]] = re.search(r'"\.\./workflow_scripts/([\w/]+\.py)"', rule)[1]
    return found


def imported(file):
    """The names that a file imports when it is imported, not those that its functions import when they are called."""
    waiting, found = [ast.parse(file.read_text())], set()
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
            elif not isinstance(node, ast.FunctionDef) and not (
                isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node)
            ):
                waiting.append(node)
    return found


def test_rules_that_draw_import_no_torch():
    scripts = drawing_scripts()
    assert {"draw_figure", "draw_walsh", "draw_model", "write_search", "compare_family"} <= set(scripts)
    for rule, script in scripts.items():
        for file in code(script):
            heavy = {"torch", "torchvision"} & {name.split(".")[0] for name in imported(ROOT / file)}
            assert not heavy, f"{rule} imports {heavy} in {file}"


def test_rules_that_draw_start_without_torch():
    folder = ROOT / "workflow_scripts"
    start = "import runpy, sys; [runpy.run_path(script) for script in sys.argv[1:]]; sys.exit('torch' in sys.modules)"
    command = [sys.executable, "-c", start, *sorted(set(drawing_scripts().values()))]
    subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, check=True, timeout=120)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such file"),
        ("", "empty or cut off"),
        ("layer,value\na,1", "empty or cut off"),
        ("layer,value\n", "a header and no rows"),
        ("layer,worth\na,1\n", "no column value"),
        ("layer,value\na,1,2,3\n,\n1,2,3,4,5\n", "not a well-formed CSV"),
    ],
)
def test_a_damaged_measured_file_is_refused_by_name(tmp_path, text, said):
    path = tmp_path / "measured.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=rf"measured\.csv: .*{said}") as error:
        read_measured(path, ["layer", "value"])
    assert "\n" not in str(error.value)


def test_what_the_study_measured_is_what_it_drew():
    study = ROOT / "results/study"
    measured = sorted(path.relative_to(study / "measured") for path in (study / "measured").glob("**/*.csv"))
    assert len(measured) == 8
    for name in measured:
        drawn = (study / "figures" / name).read_text()
        assert csv_text(read_measured(study / "measured" / name, drawn.splitlines()[0].split(","))) == drawn


# ---------------------------------------------------------------- differences and costs


def rows(*arms, n=9, **more):
    low = {"low": -1.0, "high": 3.0}
    return pd.DataFrame([{"arm": arm, "label": arm, "mean": 1.0, **low, "n": n} | more for arm in arms])


def test_differences_are_drawn_with_their_numbers(tmp_path):
    table = rows("gabor-1", "euclid-k2").assign(mean=[2.0, -4.0], low=[1.0, None], high=[3.0, None], n=[50, 1])
    files = paths(tmp_path, "differences")
    save(draw_differences(table, Style("Differences"), reference="random"), table, *files.values())
    said = words(files["svg"])
    for expected in ("+2.0 [+1.0, +3.0]", f"{MINUS}4.0 no interval", "n = 1 to 50 pairs", "points of test accuracy"):
        assert expected in said
    assert check(files)["low"].tolist()[0] == 1.0
    with pytest.raises(InputError, match="figure 'None': no differences to draw"):
        draw_differences(table[:0], Style("None"), reference="random")


def colors_of(axes):
    return [to_hex(line.get_color()) for line in axes.lines if line.get_marker() == "o"]


def test_differences_are_colored_by_method_and_no_two_unknown_ones_alike():
    methods = {"a": "euclid", "b": "mine", "c": "yours", "d": "mine"}
    (axes,) = draw_differences(rows(*methods), Style("D", methods=methods), reference="x").axes
    found = dict(zip(methods, colors_of(axes), strict=True))
    assert found["a"] == PALETTE["euclid"] and found["b"] == found["d"] and len(set(found.values())) == 3
    (axes,) = draw_differences(rows("p", "q"), Style("D"), reference="x").axes
    assert len(set(colors_of(axes))) == 2


def compared(**places):
    found = []
    for panel, labels in places.items():
        for label in labels:
            found.append({"panel": panel, "arm": f"{panel}-{label}", "label": label, "baseline": f"{panel}-default"})
    return pd.DataFrame(found).assign(difference=1.0, low=0.0, high=2.0, n=3)


def test_places_get_a_picture_each_and_share_names_and_colors(tmp_path):
    labels = ["zero", "lsuv", "orthogonal"]
    table, reference = compared_rows(compared(mnist=labels, cifar10=labels))
    assert reference == "default" and list(table["label"][:2]) == ["mnist zero", "mnist lsuv"]
    methods = {arm: label.split()[1] for arm, label in zip(table["arm"], table["label"], strict=True)}
    figure = draw_differences(table, Style("D", methods=methods), reference=reference)
    first, second = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["mnist", "cifar10"]
    assert [text.get_text() for text in first.get_yticklabels()] == labels
    assert not any(text.get_text() for text in second.get_yticklabels())
    assert colors_of(first) == colors_of(second) and len(set(colors_of(first))) == 3
    # of places with different arms each has its names, and rows are as high everywhere
    table, _ = compared_rows(compared(mnist=labels, cifar10=labels[:1], fashion=labels[1:]))
    figure = draw_differences(table, Style("D"), reference="default")
    assert [len(axes.get_yticklabels()) for axes in figure.axes[:3]] == [3, 1, 2]
    assert {axes.get_ylim() for axes in figure.axes[:3]} == {(2.6, -0.6)}
    # one place is not named, and a baseline of its own stands below each label
    table, reference = compared_rows(compared(mnist=labels).assign(baseline=["mnist-a", "mnist-b", "mnist-c"]))
    assert "panel" not in table and reference == "its baseline"
    assert table["label"].tolist() == ["zero\nagainst a", "lsuv\nagainst b", "orthogonal\nagainst c"]


def test_a_row_far_from_the_others_is_an_arrow_inside_the_picture():
    table = rows(*"abcdef").assign(mean=[1, 2, 1, 1, 2, -80], low=[0, 1, 0, 0, 1, -81], high=[2, 3, 2, 2, 3, -79])
    (axes,) = draw_differences(table, Style("D"), reference="x").axes
    (arrow,) = (line for line in axes.lines if line.get_marker() == "<")
    low, high = axes.get_xlim()
    assert -5 < low < arrow.get_xdata()[0] < 0 < 3 < high


def costs(**runs):
    found = []
    for label, values in runs.items():
        for epoch, cells in enumerate(values, start=1):
            row = {"panel": "mnist", "arm": label, "label": label, "epoch": epoch, "cost": 0.1 * epoch, "n": len(cells)}
            row |= {"mean": float(np.mean(cells)), "low": 0.0, "high": 100.0}
            found.append(row | {"runs": " ".join(map(str, cells)) if len(cells) > 1 else None})
    return pd.DataFrame(found)


@pytest.mark.parametrize(
    ("table", "scale"),
    [
        (costs(a=[[50.0, 60.0], [80.0, 98.0]], b=[[55.0, 57.0], [70.0, 72.0]]), "log"),
        (costs(a=[[50.0], [99.9]], b=[[2.0], [98.0]]).drop(columns="runs"), "log"),
        (costs(a=[[50.0, 100.0], [100.0, 100.0]], b=[[99.0, 98.0], [99.5, 98.5]]), "symlog"),
    ],
)
def test_cost_plots_hold_every_training_and_no_band(table, scale):
    figure = draw_costs(table, Style("Costs"))
    for axes in figure.axes:
        assert not axes.collections and axes.get_yscale() == scale
        low, high = axes.get_ylim()
        drawn = [value for line in axes.lines for value in line.get_ydata()]
        assert low <= min(drawn) and max(drawn) < high
        cells = [value for text in table.get("runs", pd.Series()).dropna() for value in text.split()]
        assert len(drawn) == len(table) + len(cells)
    with pytest.raises(InputError, match="no curves to draw"):
        draw_costs(table[:0], Style("Costs"))


# ---------------------------------------------------------------- filters and taps


def test_filters_are_drawn_as_they_were_measured(tmp_path):
    bank = np.arange(18.0).reshape(2, 3, 3) - 9
    table = filter_table({"conv1": bank}, {"conv1": np.array([0.75, 0.25])})
    files = paths(tmp_path, "bank")
    figure = draw_filters(table, Style("Bank", "euclid"))
    save(figure, table, *files.values())
    said = words(files["svg"])
    assert "75 %" in said and "euclid; red: positive" in said and "numbers: share" in said
    assert check(files)["value"].tolist() == bank.ravel().tolist() and check(files)["share"].iloc[-1] == 0.25
    shown = [axes.collections[0].get_array().reshape(3, 3) for axes in figure.axes]
    assert np.array_equal(np.stack(shown), bank)
    assert "%" not in words_of(draw_filters(filter_table({"conv1": bank}), Style("Bank")))


def words_of(figure):
    return " ".join(text.get_text() for text in figure.texts)


def test_kernels_that_are_not_whole_are_refused():
    with pytest.raises(InputError, match=r"filters of 'conv1' .* n shares"):
        filter_table({"conv1": np.zeros((3, 3, 3))}, {"conv1": np.ones(2)})
    table = filter_table({"conv1": np.zeros((3, 3, 3))})
    with pytest.raises(InputError, match="layer conv1: 26 taps are no 3 kernels of 3 x 3"):
        draw_filters(table[:-1], Style("Bank"))
    taps = tap_table({"conv1": np.ones((3, 3), bool)}, {"conv1": 900})
    with pytest.raises(InputError, match="live shares must be from 0 to 1"):
        draw_live_taps(taps.assign(live=2.0), Style("Live"))


# ---------------------------------------------------------------- a bank (Figure 10)


def small_bank(**sizes):
    """A bank with this many filters a layer; filter i is filled with i + 1 and stands for 2 i + 1 parts."""
    layers = {}
    for name, count in sizes.items():
        parts = 2 * torch.arange(count) + 1.0
        filters = (torch.arange(count) + 1.0)[:, None, None].expand(count, 3, 3).contiguous()
        layers[name] = LayerBank(filters, parts / parts.sum(), 0.1)
    return Bank("euclid", layers, ["one", "two"], {"k": 3})


def test_a_bank_is_drawn_from_its_file_with_the_most_frequent_filter_first(tmp_path):
    small_bank(conv1=3, conv2=2).save(tmp_path / "bank.safetensors")
    measured = [tmp_path / "measured.csv"]
    params = {"layers": ["conv2", "conv1"]}
    Job(tmp_path, input={"bank": tmp_path / "bank.safetensors"}, output=measured, params=params).run(
        "banks/measure_bank.py"
    )
    files = paths(tmp_path, "bank")
    job = Job(tmp_path, input={"measured": measured[0]}, output=files, params={"title": "A bank"})
    job.run("report/draw_filters.py")
    said = words(files["svg"])
    assert "euclid, 2 source models" in said and "A bank" in said and "56 % 33 % 11 %" in said
    table = check(files).drop_duplicates(["layer", "filter"])
    assert list(table) == ["layer", "filter", "row", "column", "value", "share"]
    assert table["layer"].tolist() == ["conv2"] * 2 + ["conv1"] * 3
    assert table["value"].tolist() == [2, 1, 3, 2, 1]
    assert table["share"].tolist() == pytest.approx([3 / 4, 1 / 4, 5 / 9, 3 / 9, 1 / 9])


def test_a_bank_without_the_layer_or_with_a_whole_sample_is_refused():
    with pytest.raises(InputError, match=r"no layer conv9; it has conv1"):
        bank_table(small_bank(conv1=3), ["conv9"])
    with pytest.raises(InputError, match="layer conv1 has 70 filters"):
        bank_table(small_bank(conv1=70), ["conv1"])


# ---------------------------------------------------------------- live taps


def test_the_live_tap_map_counts_the_weights_that_a_small_image_can_train(tmp_path):
    measured, files = tmp_path / "measured.csv", paths(tmp_path, "live")
    params = {"architecture": "resnet18", "input_size": [3, 32, 32]}
    Job(tmp_path, input={}, output=[measured], params=params).run("banks/measure_live_taps.py")
    job = Job(tmp_path, input={"measured": measured}, output=files, params={"title": "Live taps"})
    job.run("report/draw_live_taps.py")
    table = check(files)
    assert files["csv"].read_bytes() == measured.read_bytes()
    layers = table.groupby("layer", sort=False)
    assert len(layers) == 20 and layers["live"].sum()["conv1"] == 49
    # on 1 x 1 maps only the center of a kernel meets a pixel
    assert layers["live"].sum()["layer4.1.conv2"] == 1 and layers["live"].sum()["layer4.0.conv1"] == 4
    assert layers["weights"].sum()["layer4.1.conv2"] == 512 * 512 * 9
    # 4,234,826 of 11,181,642 parameters train, of them 14,730 in batch norms and in a head of ten classes
    assert "live: 4,220,096 of 11,166,912 weights" in words(files["svg"])


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


def test_trained_sources_are_drawn_against_their_own_start(tmp_path):
    tasks = [{"name": name, "superclasses": [0, 1]} for name in ("first", "second")]
    networks = untrained_sources("resnet18", tasks, 10, (3, 32, 32))
    # one source is its own start, of the other one layer is turned around and another is only longer
    networks["second"]["layer1.0.conv1.weight"] = -networks["second"]["layer1.0.conv1.weight"]
    networks["second"]["layer4.1.conv2.weight"] = 3 * networks["second"]["layer4.1.conv2.weight"]
    sources.save(tmp_path / "sources.safetensors", networks, {"architecture": "resnet18"})
    measured, files = tmp_path / "measured.csv", paths(tmp_path, "cosine")
    params = {"architecture": "resnet18", "source_tasks": tasks, "num_classes": 10, "input_size": [3, 32, 32]}
    given = {"sources": [tmp_path / "sources.safetensors"]}
    Job(tmp_path, input=given, output=[measured], params=params).run("banks/measure_cosine.py")
    job = Job(tmp_path, input={"measured": measured}, output=files, params={"title": "Cosine"})
    job.run("report/draw_cosine.py")
    assert "mean over 2 source models" in words(files["svg"])
    table = check(files).set_index(["layer", "arm"])
    assert len(table) == 2 * 17 and (table["n"] == 2).all()
    turned_layer = table.loc["layer1.0.conv1"]
    assert turned_layer["value"].tolist() == pytest.approx([0, 0], abs=1e-6)
    assert turned_layer["low"].tolist() == pytest.approx([-1, -1])
    assert table.drop("layer1.0.conv1")["value"].tolist() == pytest.approx([1.0] * 32)


# ---------------------------------------------------------------- best learning rates


def test_best_rates_are_drawn_with_the_rate_beside_the_arm_and_without_what_was_not_run(tmp_path):
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
    params = {"title": "At the best rate", "labels": {"euclid-k2": "k = 2"}, "methods": {"euclid-k2": "euclid"}}
    job = Job(tmp_path, input={"best_rates": tmp_path / "rates.csv"}, output=files, params=params)
    job.run("report/draw_best_rates.py")
    said = words(files["svg"])
    assert "k = 2, stepwise" in said and "+1.5 [+0.5, +2.5]" in said and "from random at its best" in said
    assert check(files)["arm"].tolist() == ["euclid-k2"]
    assert best_rate_rows(rates.iloc[[0, 2]])[0].empty
