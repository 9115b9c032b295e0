"""The search under a parameter budget: the published grid, halving and scaling on planted results, jobs from end to end."""

import copy
import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from informed_init.errors import InputError
from informed_init.plan import search as search_plan
from informed_init.plan.checks.search import check_search
from informed_init.report.figures.models import confusion_table, draw_classes, draw_confusion, draw_features
from informed_init.report.figures.style import Style, save
from informed_init.report.search import class_table, scaling_table, search_parts, search_table
from informed_init.report.tables import document
from informed_init.runs.data import Data
from informed_init.runs.partial import Partial
from informed_init.runs.search import train_final, train_rung, with_fewer_images
from informed_init.runs.search_job import final_job, rung_job
from informed_init.search.rungs import (
    PUBLISHED_BUDGET,
    PUBLISHED_GRID,
    Plan,
    Sizes,
    chosen,
    grid_shapes,
    largest_phi,
    ranking,
    read_rungs,
    scaled,
    scaling_pairs,
    under_budget,
)
from informed_init.search.shapes import Shape
from informed_init.tasks.images import Images, save_split
from problems import small_problem, stripes
from repository import ROOT
from snakemake.iocontainers import Namedlist
from test_figures import words
from test_tables import caption

SIZES = Sizes()
TENTHS, TWENTIETHS = [1 + i / 10 for i in range(11)], [1 + i / 20 for i in range(11)]
RECIPE = {"epochs": 3, "learning_rate": [[1, 0.1]], "schedule": "one-cycle", "batch_size": 16}

CONFIG = {
    "run": "mini",
    "device": "cpu",
    "procedural": {"seed": 1, "train_per_class": 8, "test_per_class": 4},
    "recipes": {"modern": {**RECIPE, "validation_fraction": 0.25}},
    "search": {
        "dataset": "procedural",
        "superclasses": [10, 11],
        "budget": 9000,
        "recipe": "modern",
        "grid": {
            "stages": [2],
            "width": [4, 8],
            "blocks": [1, [1, 2]],
            "kernels": [3],
            "skip_kernels": [1],
            "pool": [1],
        },
        "settings": {"stem_stride": 2},
        "scaling": {
            "base": {"stages": 2, "width": 4, "blocks": 1, "kernels": 3, "skip_kernels": 1, "pool": 1},
            "depth": [1.0, 2.0],
            "width": [1.0, 1.4],
            "divisor": 2,
        },
        "rungs": [{"epochs": 1, "images_per_class": 3}, {"configs": 2, "epochs": 2, "replicas": 2}],
        "per_job": 4,
        "final": {
            "replicas": {"count": 2, "per_job": 2},
            "features": {"images": 12},
            "models": {"chosen": {"architecture": "chosen", "recipe": "modern", "feature_dropout": 0.1}},
        },
    },
}


def changed(path, value, config=CONFIG):
    """The config with one key of its search replaced."""
    config = copy.deepcopy(config)
    *parts, last = path.split(".")
    section = config["search"]
    for part in parts:
        section = section[int(part)] if part.isdigit() else section[part]
    section[last] = value
    return config


# ---------------------------------------------------------------- candidates and scaling


def test_66_of_the_96_published_shapes_are_under_the_budget():
    shapes = grid_shapes(PUBLISHED_GRID)
    left = sorted(under_budget(shapes, PUBLISHED_BUDGET, SIZES), key=SIZES.parameters)
    assert (len(shapes), len(left)) == (96, 66)
    assert [SIZES.parameters(shape) for shape in (left[0], left[-1])] == [19_994, 4_919_978]
    assert (left[0].name, left[-1].name) == ("n2-c16-b1-f3-k1-p1", "n5-c32-b1-f3-k1-p2")


def test_scaling_doubles_the_parameters_and_ends_under_the_budget():
    pairs = scaling_pairs(TENTHS, TWENTIETHS)
    assert (1.2, 1.3) in pairs and (1.9, 1.0) in pairs and (1.0, 1.0) not in pairs
    assert all(1.9 <= alpha * beta**2 <= 2.1 + 1e-9 for alpha, beta in pairs)
    base = Shape.of({"stages": 2, "width": 128, "blocks": 10, "kernels": 3, "skip_kernels": 1, "pool": 1})
    small = Shape.of({"stages": 3, "width": 32, "blocks": 2, "kernels": 3, "skip_kernels": 1, "pool": 1})
    for shape, alpha in [(shape, alpha) for shape in (base, small) for alpha, _ in pairs]:
        for phi in (0.5, 1.0, 1.5):
            grown = scaled(shape, alpha, phi, SIZES)
            assert SIZES.parameters(grown) / SIZES.parameters(shape) == pytest.approx(2**phi, rel=0.05)
            assert sum(grown.blocks) == pytest.approx(sum(shape.blocks) * alpha**phi, abs=0.5 + 1e-9)
        assert scaled(shape, alpha, 0, SIZES) == shape
    # with so many blocks rounding hardly matters: the width is what parameters that go with depth * width^2 ask for
    assert scaled(base, 1.2, 1.0, SIZES).width / base.width == pytest.approx(1.3, rel=0.05)
    for alpha, _ in pairs:
        phi = largest_phi(small, alpha, PUBLISHED_BUDGET, SIZES)
        assert SIZES.parameters(scaled(small, alpha, phi, SIZES)) < PUBLISHED_BUDGET
        assert SIZES.parameters(scaled(small, alpha, phi + 0.01, SIZES)) >= PUBLISHED_BUDGET
        assert phi > 1


def test_pairs_that_come_to_one_network_are_one_and_every_one_doubles():
    plan = published_plan()
    shapes = [plan.at(pair, 1.0) for pair in plan.pairs]
    assert len(set(shapes)) == len(shapes) == 7 and set(plan.pairs) <= set(scaling_pairs(TENTHS, TWENTIETHS))
    ratios = [SIZES.parameters(shape) / SIZES.parameters(plan.base) for shape in shapes]
    assert min(ratios) > 1.95 and max(ratios) < 2.05
    assert (1.2, 1.3) in plan.pairs and (1.1, 1.35) not in plan.pairs  # both have seven blocks, 1.17 times six


@pytest.mark.parametrize("divisor", [1, 2, 8])
def test_a_width_is_a_multiple_of_the_divisor(divisor):
    base = Shape.of({"stages": 3, "width": 32, "blocks": 2, "kernels": 3, "skip_kernels": 1, "pool": 1})
    assert all(scaled(base, alpha, 1.3, SIZES, divisor).width % divisor == 0 for alpha in TENTHS)


# ---------------------------------------------------------------- halving on planted results


def planted(shapes, rung, quality, replicas=1, **more):
    """Rows of a rung whose shapes reach the accuracy that ``quality`` gives them."""
    return [
        {
            "rung": rung,
            "configuration": shape.name,
            "parameters": SIZES.parameters(shape),
            "macs": SIZES.macs(shape),
            "epochs": 2,
            "images_per_class": "" if rung else 50,
            "val_accuracy": quality(shape) + replica,
            "diverged": 0,
            **more,
        }
        for shape in shapes
        for replica in range(replicas)
    ]


def published_plan(kept=(8, 3), scaling=True):
    base = {"stages": 3, "width": 32, "blocks": 2, "kernels": 3, "skip_kernels": 1, "pool": 1}
    spec = {"grid": {key: list(values) for key, values in PUBLISHED_GRID.items()}, "common": {}, "configs": list(kept)}
    spec |= {"budget": PUBLISHED_BUDGET, "sizes": {"channels": 3, "classes": 10, "input_size": 32}}
    spec["scaling"] = {"base": base, "depth": TENTHS, "width": TWENTIETHS, "divisor": 1} if scaling else None
    return Plan.from_spec(spec)


def test_the_best_go_on_and_the_best_pair_is_scaled_beside_them():
    plan = published_plan()
    first = plan.entrants(0, [])
    assert len(first) == len(set(first)) == plan.size_of(0) and set(plan.candidates) < set(first)
    best_pair = (1.5, 1.15)
    assert best_pair in plan.pairs
    wide = plan.at(best_pair, 1.0)
    quality = lambda shape: 99 if shape == wide else 50 + shape.width / 10 - shape.stages  # noqa: E731
    earlier = [planted(first, 0, quality)]
    second = plan.entrants(1, earlier)
    assert len(second) <= plan.size_of(1) == 8 + 3
    survivors, ladder = second[:8], second[8:]
    assert {(shape.stages, shape.width) for shape in survivors} == {(2, 128), (3, 128)} or all(
        shape.width == 128 for shape in survivors
    )
    assert (
        ladder[0] == plan.base and ladder[1] == wide
    )  # not a grid shape, however good: it goes on as a rung of scaling
    assert plan.sizes.parameters(ladder[2]) > 4_000_000
    earlier.append(planted(second, 1, quality))
    third = plan.entrants(2, earlier)
    assert third[:3] == [Shape.parse(n) for n in ranking(earlier[1]) if Shape.parse(n) in plan.candidates][:3]
    assert chosen(planted(third, 2, lambda shape: -shape.width)) == min(third, key=lambda shape: shape.width)


def test_replicas_are_averaged_and_a_diverged_training_loses():
    shapes = [Shape.parse(f"n2-c{width}-b1-f3-k1-p1") for width in (4, 8, 16)]
    rows = planted(shapes, 0, lambda shape: {4: 50, 8: 52, 16: 60}[shape.width], replicas=3)
    assert ranking(rows)[0] == "n2-c16-b1-f3-k1-p1"
    rows[-1]["diverged"] = 1
    assert ranking(rows) == ["n2-c8-b1-f3-k1-p1", "n2-c4-b1-f3-k1-p1", "n2-c16-b1-f3-k1-p1"]
    assert ranking(planted(shapes[::-1], 0, lambda shape: 50))[0] == "n2-c4-b1-f3-k1-p1"  # of equals the smallest


def test_tables_say_what_went_on_and_what_has_no_interval():
    plan = published_plan(kept=(4,))
    first = plan.entrants(0, [])
    rungs = [planted(first, 0, lambda shape: shape.width / 2)]
    rungs.append(planted(plan.entrants(1, rungs), 1, lambda shape: shape.width / 2, replicas=3))
    table = search_table(rungs, plan, 10.0)
    assert table[table["rung"] == 0]["val_low"].isna().all() and table[table["rung"] == 1]["val_low"].notna().all()
    assert set(table[table["rung"] == 0]["note"]) == {"n = 1: no interval"}
    going_on = set(table[(table["rung"] == 0) & (table["fate"] == "on")]["configuration"])
    assert going_on <= set(table[table["rung"] == 1]["configuration"])
    assert list(table["fate"]).count("chosen") == 1
    assert table.loc[table["fate"] == "chosen", "configuration"].item() == chosen(rungs[1]).name
    scaling = scaling_table(table, rungs, plan)
    wanted = [SIZES.parameters(Shape.parse(name)) for name in scaling["configuration"]]
    assert (scaling["ratio"] == [count / SIZES.parameters(plan.base) for count in wanted]).all()
    assert set(scaling[scaling["rung"] == 1]["phi"]) == {0.0, 1.0, scaling["phi"].max()}
    assert len(scaling[scaling["rung"] == 0].query("phi == 1")) == len(plan.pairs)
    text = document(search_parts(table, scaling))
    assert "n = 1: no interval" in text and "**chosen**" in text and "## Compound scaling" in text


# ---------------------------------------------------------------- the config


def test_blocks_are_known_before_any_training():
    assert search_plan.rung_blocks(CONFIG, 0) == ["000-003", "004-004"]
    assert search_plan.rung_blocks(CONFIG, 1) == ["000-003", "004-004"]
    spec = search_plan.rung_spec(CONFIG, 0, "000-003")
    later = search_plan.rung_spec(changed("rungs.1.epochs", 9), 0, "000-003")
    assert spec == later and "final" not in json.dumps(spec)  # a later rung and the final models leave rung 0 as it is
    assert search_plan.results({"run": "mini"}) == []
    check_search({"run": "mini", "search": None})  # how an overlay leaves the search out
    assert search_plan.final_models(changed("final.models.chosen", None)) == []
    check_search(CONFIG)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("grid.blocks", [[1, 2, 3]], r"search.grid: n2-c4-b1.2.3-f3-k1-p1-s2: blocks has 3 entries for 2 stages"),
        ("budget", 1000, "search.grid: no shape of the grid has under 1,000 parameters"),
        ("scaling.base", {**CONFIG["search"]["scaling"]["base"], "width": 32}, "search.scaling: n2-c32-b1.* has 7"),
        ("scaling.width", [1.1], r"no pair of depth and width has depth \* width\^2 between 1.9 and 2.1"),
        (
            "settings",
            {"dropblock": 0.1, "block_size": 17, "stem_stride": 2},
            r"search.settings: n2-c4-b1-f3-k1-p1-s2: DropBlock of size 17 is larger than the 16x16 maps of stage 1",
        ),
        ("settings", {"width": 8}, "search.settings: 'compact' has no setting 'width' here; known: block_size, "),
        ("rungs.0.configs", 3, r"search.rungs.0.configs: the first rung trains every candidate"),
        ("rungs.1.configs", 5, r"search.rungs.1.configs: 5 go on, but only 3 come before"),
        ("superclasses", [3, 3], "names one superclass twice"),
        ("dataset", "cifer10", "data set 'cifer10' does not exist"),
        ("recipe", "moden", "search.recipe: recipe 'moden' does not exist"),
        (
            "final.models.big",
            {"architecture": "compact", "recipe": "modern", "width": 16},
            r"search.final.models.big: n2-c16-b3-f3-k3-p1 has 70,554 parameters, the budget is under 9,000; make it smaller",
        ),
        (
            "final.models.big",
            {"architecture": "chosen", "recipe": "modern", "width": 16},
            "search.final.models.big: 'compact' has no setting 'width' here",
        ),
    ],
)
def test_misfits_are_named_before_any_job(path, value, message):
    with pytest.raises(InputError, match=message):
        check_search(changed(path, value))


# ---------------------------------------------------------------- jobs


@pytest.fixture(scope="module")
def data():
    """Ten classes of two superclasses, 8 training images each, and as many test images."""

    def images(name):
        pixels, labels = stripes(80, 4, 12, name)
        fine = (labels + torch.arange(80) // 8) % 10  # ten labels, of which the stripe says a little
        return Images(pixels, fine.sort().values, 10 + fine.sort().values % 2, [], (0.3,) * 3, (0.2,) * 3)

    return Data(images("train"), images("test"))


def rung_spec(rung, block="000-003", **more):
    return {**search_plan.rung_spec(CONFIG, rung, block), **more}


def lines(found):
    return lambda line: found.append(line)


def test_a_rung_resumes_and_repeats_itself_without_the_test_images(data, tmp_path):
    whole, _ = train_rung(rung_spec(0), data, [], Partial(tmp_path / "a", "x"), lines([]))
    assert [row["configuration"] for row in whole] == [
        shape.name for shape in Plan.from_spec(rung_spec(0)["search"]).first_rung()[:4]
    ]
    assert all(row["parameters"] == Shape.parse(row["configuration"]).parameters() for row in whole)

    class Killed(Exception):
        pass

    def kill(line):
        if line.startswith("[2/"):
            raise Killed

    partial = Partial(tmp_path / "b", "x")
    with pytest.raises(Killed):
        train_rung(rung_spec(0), data, [], partial, kill)
    log = []
    other = Data(data.train, Images(255 - data.test.images, *list(vars(data.test).values())[1:]))
    resumed, _ = train_rung(rung_spec(0), other, [], partial, lines(log))
    assert resumed == whole
    assert sum("taken over" in line for line in log) == 2


def test_a_shape_over_the_budget_is_named_before_it_is_trained(data, tmp_path):
    spec = rung_spec(0)
    # the plan counts for three channels and ten classes; these images have more
    spec = {**spec, "search": {**spec["search"], "budget": 1420, "configs": [], "scaling": None}, "members": [0]}
    spec["search"]["sizes"] = {"channels": 1, "classes": 2, "input_size": 12}
    with pytest.raises(InputError, match=r"n2-c4-b1-f3-k1-p1-s2 has 1,454 parameters, the budget is under 1,420"):
        train_rung(spec, data, [], Partial(tmp_path, "x"), lines([]))


def test_more_images_hold_the_fewer_and_held_out_ones_stay():
    seen = small_problem(64, classes=4)
    few, more = (with_fewer_images(seen, count, 0) for count in (3, 9))
    assert few.validation is seen.validation and len(few.train) == 12 and len(more.train) == 36
    keys = [{bytes(image.numpy()) for image in part.train.images} for part in (few, more)]
    assert keys[0] < keys[1]
    assert torch.bincount(few.train.labels).tolist() == [3, 3, 3, 3]
    with pytest.raises(InputError, match="images_per_class is 17, but only 16 images of class 0 are left"):
        with_fewer_images(seen, 17, 0)


def test_a_final_models_accuracy_is_that_of_its_confusion(data, tmp_path):
    spec = search_plan.final_spec(CONFIG, "chosen", "000-001")
    best = Shape.parse("n2-c4-b1.2-f3-k1-p1-s2")
    last = planted([best, Shape.parse("n2-c8-b1-f3-k1-p1-s2")], 1, lambda shape: -shape.width)
    tables, facts = train_final(spec, data, last, Partial(tmp_path, "x"), lines([]))
    assert facts["configuration"] == best.name and facts["parameters"] == best.parameters()
    assert facts["macs"] == best.macs(input_size=12)
    confusion, curves = pd.DataFrame(tables["confusion"]), pd.DataFrame(tables["curves"])
    for replica, rows in confusion.groupby("replica"):
        right = rows.loc[rows["true"] == rows["predicted"], "images"].sum()
        assert rows["images"].sum() == 80
        tested = curves[(curves["replica"] == replica) & (curves["epoch"] == 3)]["test_accuracy"].item()
        assert 100 * right / 80 == pytest.approx(tested)
    assert curves[curves["epoch"] < 3]["test_accuracy"].isna().all()
    assert {row["replica"] for row in tables["features"]} == {0} and len(tables["features"]) == 12
    with pytest.raises(InputError, match=r"model 'chosen' has 2,638 parameters, the budget is under 2,000"):
        train_final({**spec, "budget": 2000}, data, last, Partial(tmp_path, "y"), lines([]))


def files_of(given):
    """Named files as Snakemake hands them to a script: one flat list, of which names are parts."""
    flat = Namedlist()
    for name, value in given.items():
        many = isinstance(value, list)
        start = len(flat)
        flat.extend(map(str, value if many else [value]))
        flat._set_name(name, start, end=len(flat) if many else None)
    return flat


def job(folder, script, **parts):
    named = {"input": files_of(parts["input"])}
    named |= {key: Namedlist(fromdict=parts.get(key, {})) for key in ("output", "params", "wildcards")}
    snakemake = SimpleNamespace(log=[folder / "log.txt"], **named)
    runpy.run_path(str(ROOT / "workflow_scripts" / script), {"snakemake": snakemake}, "__main__")


def test_the_jobs_of_a_search_from_rungs_to_pages(data, tmp_path):
    files = {"train": tmp_path / "train.safetensors", "test": tmp_path / "test.safetensors"}
    for split, path in files.items():
        save_split(path, getattr(data, split))
    rungs: list[list[Path]] = []
    for rung in (0, 1):
        own = []
        for block in search_plan.rung_blocks(CONFIG, rung):
            rows = tmp_path / f"rung{rung}/{block}.csv"
            output = {"rows": rows, "record": rows.with_suffix(".json")}
            params = {"spec": search_plan.rung_spec(CONFIG, rung, block), "partial": tmp_path / "partial"}
            earlier = [path for paths in rungs for path in paths]
            job(tmp_path, "runs/search_rung.py", input={**files, "earlier": earlier}, output=output, params=params)
            own.append(rows)
        rungs.append(own)
    assert not any((tmp_path / "partial").iterdir())
    every = [path for paths in rungs for path in paths]
    first, second = read_rungs(every)
    assert len(first) == 5 and {int(row["replica"]) for row in second} == {0, 1}
    with pytest.raises(InputError, match=r"lack rungs: found \[1\]"):
        read_rungs(rungs[1])

    names = {name: tmp_path / f"search.{name}" for name in ("csv", "scaling", "markdown", "html", "png", "svg")}
    names |= {"trainings": tmp_path / "trainings.csv", "drawn": tmp_path / "drawn.csv"}
    params = {"spec": search_plan.table_spec(CONFIG), "title": "Searched"}
    job(tmp_path, "report/write_search.py", input={"rungs": every}, output=names, params=params)
    winner = pd.read_csv(names["csv"]).query("fate == 'chosen'")["configuration"].item()
    assert len(pd.read_csv(names["trainings"])) == len(first) + len(second)
    assert names["png"].read_bytes().startswith(b"\x89PNG") and "Searched" in names["html"].read_text()

    folder = tmp_path / "compact" / "chosen"
    output = {kind: folder / f"0-{kind}" for kind in ("curves", "confusion", "features", "record")}
    params = {"spec": search_plan.final_spec(CONFIG, "chosen", "000-001"), "partial": tmp_path / "partial"}
    job(tmp_path, "runs/train_compact.py", input={**files, "rungs": every}, output=output, params=params)
    assert json.loads(output["record"].read_text())["configuration"] == winner

    pages = {kind: tmp_path / f"compact.{kind}" for kind in ("csv", "markdown", "html")}
    inputs = {kind: [output[kind]] for kind in ("curves", "confusion", "features")} | {"records": [output["record"]]}
    job(
        tmp_path, "report/write_compact.py", input=inputs, output=pages, params={"spec": search_plan.pages_spec(CONFIG)}
    )
    table = pd.read_csv(pages["csv"]).iloc[0]
    assert table["configuration"] == winner and table["n"] == 2
    assert winner in pages["html"].read_text()
    drawn = {
        f"{part}_{kind}": tmp_path / f"{part}.{kind}" for part in search_plan.PARTS for kind in ("png", "svg", "csv")
    }
    params = {"titles": {part: f"{part} of {{model}}" for part in search_plan.PARTS}}
    inputs |= {"table": pages["csv"]}
    job(tmp_path, "report/draw_model.py", input=inputs, output=drawn, params=params, wildcards={"model": "chosen"})
    shares = pd.read_csv(drawn["confusion_csv"])
    assert shares.groupby("true")["percent"].sum().round(6).eq(100).all()
    assert "features of chosen" in words(drawn["features_svg"])
    assert all(drawn[f"{part}_png"].read_bytes().startswith(b"\x89PNG") for part in search_plan.PARTS)


def test_rules_parse_plans_without_torch():
    code = "import sys; from informed_init.plan import search; sys.exit('torch' in sys.modules)"
    folder = str(ROOT / "workflow_scripts")
    assert subprocess.run([sys.executable, "-c", code], cwd=folder, check=False).returncode == 0


# ---------------------------------------------------------------- pictures and captions


def test_pictures_say_what_they_lack(tmp_path):
    paths = [tmp_path / f"a.{kind}" for kind in ("png", "svg", "csv")]
    names = [f"class {i}" for i in range(50)]
    confusion = pd.DataFrame(
        [{"replica": 0, "true": a, "predicted": b, "images": 5 * (a == b) + 1} for a in names for b in names]
    )
    table = class_table(confusion)
    save(draw_classes(table, Style("Classes"), overall=50.0), table, *paths)
    said = words(paths[1])
    assert "n = 1: no interval" in said and "the 40 worst of 50 classes" in said
    assert len(pd.read_csv(paths[2])) == 50
    shares = confusion_table(confusion)
    draw_confusion(shares, Style("Confusion"), replicas=1)
    assert shares["percent"].max() == pytest.approx(600 / 55)
    empty = pd.DataFrame(columns=["method", "replica", "class", "x", "y"])
    save(draw_features(empty, Style("Features")), empty, *paths)
    assert "the training diverged" in words(paths[1])
    features = pd.DataFrame({"method": "pca", "replica": 0, "class": ["_a", "b"], "x": [0.0, 1.0], "y": [0.0, 1.0]})
    save(draw_features(features, Style("Features")), features, *paths)
    assert "_a" in words(paths[1])
    with pytest.raises(InputError, match="no training that did not diverge"):
        draw_confusion(confusion_table(confusion[:0]), Style("Confusion"), replicas=0)


def test_pages_have_captions():
    config = CONFIG | {"run": "demo"}
    text = caption("search", config=config, params={"spec": search_plan.table_spec(config)})
    assert "under 9,000 parameters" in text and "2 replicas of each shape" in text and "Compound scaling" in text
    assert "snakemake search --cores 2 --configfile config/demo.yaml" in text
    text = caption("compact", config=config, params={"spec": search_plan.pages_spec(config)})
    assert "the shape that the search chose" in text and "2 replicas each" in text and "snakemake compact" in text


# ---------------------------------------------------------------- whole jobs


class Jobs:
    """Jobs of a search in a folder of their own; each tells how many trainings it did."""

    def __init__(self, folder, data):
        self.folder = folder
        for split, images in (("train", data.train), ("test", data.test)):
            save_split(folder / split, images)

    def run(self, body, spec, block, kinds, **given):
        outputs = {kind: self.folder / f"{block}{suffix}" for kind, suffix in kinds.items()}
        given = {"train": str(self.folder / "train"), "test": str(self.folder / "test"), "code": [], **given}
        said = []
        body(spec, given, outputs, self.folder / "partial", said.append)
        assert not list((self.folder / "partial").glob("*"))
        return sum(" left" in line for line in said)

    def rung(self, block, **more):
        return self.run(rung_job, rung_spec(0, block, **more), block, {"rows": ".csv", "record": ".json"})

    def final(self, block, **more):
        spec = {**search_plan.final_spec(CONFIG, "chosen", block), "chosen": False, "architecture": "compact", **more}
        spec["parameters"] = Shape.parse("n2-c4-b1-f3-k1-p1-s2").settings()
        kinds = {"curves": ".csv", "confusion": "-confusion.csv", "features": "-features.csv", "record": ".json"}
        return self.run(final_job, spec, block, kinds)


def test_other_blocks_of_a_rung_train_no_shape_again(data, tmp_path):
    jobs = Jobs(tmp_path, data)
    assert [jobs.rung("000-000"), jobs.rung("001-001")] == [1, 1]
    assert jobs.rung("000-001") == 0 and jobs.rung("000-002") == 1
    first, second, both = ((tmp_path / f"{block}.csv").read_text() for block in ("000-000", "001-001", "000-001"))
    assert both == first + second.split("\n", 1)[1]
    assert jobs.rung("000-001", images_per_class=4) == 2  # other images are another rung


def test_other_blocks_of_a_final_model_train_no_replica_again(data, tmp_path):
    jobs = Jobs(tmp_path, data)
    assert [jobs.final("000-000"), jobs.final("001-001"), jobs.final("000-001")] == [1, 1, 0]
    for suffix in (".csv", "-confusion.csv", "-features.csv"):
        first, second, both = ((tmp_path / f"{b}{suffix}").read_text() for b in ("000-000", "001-001", "000-001"))
        assert both == first + second.split("\n", 1)[1]
    (tmp_path / "000-000-features.csv").write_text("")
    (tmp_path / "000-001.json").unlink()
    assert jobs.final("000-001") == 1
