"""The published Sup-Walsh tables beside ours: the same quantity in each column, and nothing that was not run."""

import pandas as pd
from informed_init.facts import completed
from informed_init.plan.published import _rows
from informed_init.report.walsh import display_published, published_layout


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


MEMBERS = [member(a, label) for a in ("base-mlp", "vgg19") for label in ("noise", "plain", "pretrained")]


def test_training_accuracies_stand_beside_the_published_ones():
    curves = pd.DataFrame(rows("mnist-base-mlp-plain", 40, 80, 85) + rows("mnist-base-mlp-pretrained", 60, 90, 84))
    table = published_layout(curves, MEMBERS, _rows("sup_walsh")).set_index("architecture")
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
