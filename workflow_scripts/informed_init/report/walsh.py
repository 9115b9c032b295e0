"""Sup-Walsh in the layout of its published tables, with the published numbers beside ours.

The published accuracies are training accuracies in training mode, dropout included, of one unseeded run (README tables of
github.com/mntalha/Efficient-Weight-Initializer); ours are the same quantity, so that the two can be compared, and the test
accuracies, which the published tables do not have.
"""

from collections.abc import Mapping

import pandas as pd

from .curves import cell_matrix
from .statistics import mean_interval
from .tables import NOT_RUN, as_floats, number_text

# data set -> architecture -> first and last epoch without, first and last with Sup-Walsh (%)
PUBLISHED = {
    "mnist": {
        "vgg19": (54.17, 96.80, 83.85, 98.53),
        "resnet50": (13.13, 51.83, 27.14, 85.32),
        "base-mlp": (55.55, 88.93, 68.01, 91.65),
        "alexnet": (14.61, 89.06, 78.99, 96.64),
        "googlenet": (44.79, 97.95, 89.34, 98.84),
        "squeezenet": (16.07, 51.10, 42.41, 93.74),
        "mit-b0": (25.53, 94.21, 56.89, 95.67),
    },
    "fashionmnist": {
        "vgg19": (55.38, 84.82, 71.33, 88.90),
        "resnet50": (13.22, 45.82, 26.23, 72.64),
        "base-mlp": (56.68, 78.44, 62.83, 81.43),
        "alexnet": (17.61, 69.77, 70.91, 85.24),
        "googlenet": (44.76, 87.67, 76.37, 92.87),
        "squeezenet": (27.16, 77.40, 48.93, 79.04),
        "mit-b0": (41.96, 81.88, 54.99, 82.75),
    },
    "cifar10": {
        "vgg19": (13.11, 39.60, 22.95, 50.13),
        "resnet50": (10.62, 15.85, 11.47, 21.81),
        "base-mlp": (13.05, 23.44, 10.72, 21.72),
        "alexnet": (9.88, 9.96, 10.70, 14.63),
        "googlenet": (16.35, 48.56, 31.72, 59.54),
        "squeezenet": (10.84, 10.00, 9.97, 11.86),
        "mit-b0": (12.61, 36.59, 14.12, 37.28),
    },
}
SIDES = {"without": "default", "with": "sup-walsh"}
NOTE = (
    "Training accuracy in training mode (dropout on) in the first and in the last epoch, as the published tables have it, and "
    "our test accuracy after the last epoch. `walsh_published` compares the test accuracies, paired and with the controls."
)


def published_layout(
    curves: pd.DataFrame, members: list[Mapping], *, chance: float | Mapping[str, float] = 10.0
) -> pd.DataFrame:
    """One row per data set and network of ``members`` (:func:`.comparisons.comparison_spec`), from curves of one recipe.

    Returns:
        Columns ``dataset, architecture, n, epochs`` and for ``without`` and ``with`` Sup-Walsh ``<side>_first,
        <side>_last, <side>_test`` and ``published_<side>_first, published_<side>_last``, in percent.
    """
    rows = []
    for dataset, architecture in dict.fromkeys((m["dataset"], m["architecture"]) for m in members):
        row = {"dataset": dataset, "architecture": architecture, "n": 0}
        numbers = PUBLISHED.get(dataset, {}).get(architecture, ())
        for side, template in SIDES.items():
            place = 0 if side == "without" else 2
            row |= {f"published_{side}_first": None, f"published_{side}_last": None}
            if numbers:
                row |= {f"published_{side}_first": numbers[place], f"published_{side}_last": numbers[place + 1]}
            arms = [
                m["arm"]
                for m in members
                if (m["dataset"], m["architecture"], m["label"]) == (dataset, architecture, template)
            ]
            own = curves[(curves["protocol"] == "controlled") & curves["arm"].isin(arms)]
            if own.empty:
                continue
            last = int(own["epoch"].max())
            for name, metric, epoch in (
                ("first", "train_accuracy", 1),
                ("last", "train_accuracy", last),
                ("test", "test_accuracy", last),
            ):
                interval = mean_interval(cell_matrix(own, arms[0], metric, epoch=epoch, chance=chance))
                row |= {f"{side}_{name}": interval.mean, "n": interval.n, "epochs": last}
        rows.append(row)
    values = [f"{side}_{name}" for side in SIDES for name in ("first", "last", "test")]
    published = [f"published_{side}_{name}" for side in SIDES for name in ("first", "last")]
    table = pd.DataFrame(rows, columns=["dataset", "architecture", "n", "epochs", *values, *published])
    return as_floats(table, [*values, *published])


def display_published(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`published_layout` in words."""
    lines = []
    for row in table.to_dict("records"):
        line = {"data": row["dataset"], "network": row["architecture"], "replicas": row["n"] or NOT_RUN}
        for side in SIDES:
            first, last = (number_text(row[f"{side}_{name}"]) for name in ("first", "last"))
            theirs = [number_text(row[f"published_{side}_{name}"]) for name in ("first", "last")]
            line[f"{side}: training (%)"] = f"{first} → {last}" if first else NOT_RUN
            line[f"{side}: published (%)"] = " → ".join(theirs) if theirs[0] else ""
            line[f"{side}: test (%)"] = number_text(row[f"{side}_test"])
        lines.append(line)
    return pd.DataFrame(lines)
