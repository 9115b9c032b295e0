"""The published Sup-Walsh tables beside ours: the same quantity in each column, and nothing that was not run."""

import pandas as pd
from informed_init.facts import completed
from informed_init.plan.published import _rows
from informed_init.report.walsh import differences, display_published, published_layout


def rows(arm, first, last, test):
    return [
        {"run": "x", "protocol": "controlled", "recipe": "r", "task": "mnist", "arm": arm, "replica": replica}
        | {"epoch": epoch, "train_accuracy": value + replica, "val_accuracy": 1.0, "diverged": 0}
        | ({"test_accuracy": test} if epoch == 3 else {})
        for replica in range(2)
        for epoch, value in ((1, first), (2, 50.0), (3, last))
    ]


INITIALIZERS = {"plain": "default", "pretrained": "sup-walsh", "noise": "sup-walsh"}
SETTINGS = {"noise": {"reducer": "gaussian"}, "pretrained": {"refit": 10}}


def member(architecture, label):
    place = {"dataset": "mnist", "architecture": architecture}
    facts = completed({"initializer": INITIALIZERS.get(label, label), "steps": 70} | SETTINGS.get(label, {}) | place)
    return place | {"label": label, "arm": f"mnist-{architecture}-{label}", "facts": facts}


PUBLISHED = {key: value for key, value in _rows("sup_walsh_settings")[0].items() if key != "dataset"}
RECIPE = {key: value for key, value in PUBLISHED.items() if key not in ("train_per_class", "steps", "rate", "refit")}
SETTINGS_THERE = {"mnist": {"theirs": PUBLISHED, "ours": RECIPE | {"epochs": 3}}}
MEMBERS = [member(a, label) for a in ("base-mlp", "vgg19") for label in ("noise", "plain", "pretrained")]


def test_training_accuracies_stand_beside_the_published_ones():
    curves = pd.DataFrame(rows("mnist-base-mlp-plain", 40, 80, 85) + rows("mnist-base-mlp-pretrained", 60, 90, 84))
    table = published_layout(curves, MEMBERS, _rows("sup_walsh"), SETTINGS_THERE).set_index("architecture")
    ours = table.loc["base-mlp"]
    assert (ours["without_first"], ours["without_last"], ours["without_test"]) == (40.5, 80.5, 85.0)
    assert (ours["with_first"], ours["with_last"], ours["with_test"]) == (60.5, 90.5, 84.0)
    assert (ours["published_without_first"], ours["published_with_last"]) == (55.55, 91.65)
    words = display_published(table.reset_index()).set_index("network")
    assert words.loc["base-mlp", "with: training (%)"] == "60.50 → 90.50"
    assert words.loc["vgg19", "with: training (%)"] == "not run"
    assert words.loc["vgg19", "with: published (%)"] == "83.85 → 98.53"


def test_every_published_cell_is_an_accuracy():
    cells = pd.DataFrame(_rows("sup_walsh"))
    assert cells["train_accuracy"].between(0, 100, inclusive="neither").all()
    # three data sets, seven networks, without and with, the first and the last epoch
    assert len(cells) == 84 and not cells.duplicated(["dataset", "architecture", "initializer", "epoch"]).any()
    assert set(cells["epoch"]) == {1, 10}


def test_a_row_says_in_what_it_differs_from_the_publication():
    table = published_layout(pd.DataFrame(rows("x", 1, 2, 3)), MEMBERS, _rows("sup_walsh"), SETTINGS_THERE)
    said = "epochs 3 instead of 10; steps 70 instead of 600; refit 10 instead of 1"
    assert set(table["differs"]) == {said} == set(display_published(table)["differs from the publication in"])
    same = {"steps": 600, "rate": 0.00003, "refit": 1}
    assert differences({"theirs": PUBLISHED, "ours": RECIPE}, same) == ""
    part = differences({"theirs": PUBLISHED, "ours": RECIPE | {"train_per_class": 600}}, same)
    assert part == "train_per_class 600 instead of all"
    assert (
        differences({"theirs": PUBLISHED, "ours": {**RECIPE, "pixels": "unit"}}, None) == "pixels unit instead of raw"
    )
    assert differences(None, same) == "not published"


def test_the_publication_trained_on_cifar_otherwise_than_on_the_others():
    settings = {row["dataset"]: row for row in _rows("sup_walsh_settings")}
    assert {name: (row["pixels"], row["steps"]) for name, row in settings.items()} == {
        "mnist": ("raw", 600),
        "fashionmnist": ("raw", 600),
        "cifar10": ("unit", 500),
    }
