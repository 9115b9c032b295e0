"""The published Sup-Walsh tables beside ours: the same quantity in each column, and nothing that was not run."""

import pandas as pd
from informed_init.report.walsh import PUBLISHED, display_published, published_layout


def rows(arm, first, last, test):
    return [
        {"run": "x", "protocol": "controlled", "recipe": "r", "task": "mnist", "arm": arm, "replica": replica}
        | {"epoch": epoch, "train_accuracy": value + replica, "val_accuracy": 1.0, "diverged": 0}
        | ({"test_accuracy": test} if epoch == 3 else {})
        for replica in range(2)
        for epoch, value in ((1, first), (2, 50.0), (3, last))
    ]


def member(architecture, label):
    return {"dataset": "mnist", "architecture": architecture, "label": label, "arm": f"mnist-{architecture}-{label}"}


MEMBERS = [member(a, label) for a in ("base-mlp", "vgg19") for label in ("default", "sup-walsh", "sup-walsh-gaussian")]


def test_training_accuracies_stand_beside_the_published_ones():
    curves = pd.DataFrame(rows("mnist-base-mlp-default", 40, 80, 85) + rows("mnist-base-mlp-sup-walsh", 60, 90, 84))
    table = published_layout(curves, MEMBERS).set_index("architecture")
    ours = table.loc["base-mlp"]
    assert (ours["without_first"], ours["without_last"], ours["without_test"]) == (40.5, 80.5, 85.0)
    assert (ours["with_first"], ours["with_last"], ours["with_test"]) == (60.5, 90.5, 84.0)
    assert (ours["published_without_first"], ours["published_with_last"]) == (55.55, 91.65)
    words = display_published(table.reset_index()).set_index("network")
    assert words.loc["base-mlp", "with: training (%)"] == "60.50 → 90.50"
    assert words.loc["vgg19", "with: training (%)"] == "not run"
    assert words.loc["vgg19", "with: published (%)"] == "83.85 → 98.53"


def test_every_published_cell_is_an_accuracy():
    assert {name: len(cells) for name, cells in PUBLISHED.items()} == {"mnist": 7, "fashionmnist": 7, "cifar10": 7}
    for cells in PUBLISHED.values():
        for values in cells.values():
            assert len(values) == 4
            assert all(0 < value < 100 for value in values)
