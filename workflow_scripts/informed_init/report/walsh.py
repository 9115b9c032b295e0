"""Sup-Walsh in the layout of its published tables, with the published numbers beside ours.

The published accuracies are training accuracies in training mode, dropout included, of one unseeded run (README tables of
github.com/mntalha/Efficient-Weight-Initializer); ours are the same quantity, so that the two can be compared, and the test
accuracies, which the published tables do not have.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from ..facts import PLACE, find
from .curves import cell_matrix
from .statistics import mean_interval
from .tables import NOT_RUN, as_floats, number_text

# the arms of the two sides, whatever they are called; how long and how often the pretraining is refitted is the run's own choice
SIDES = {"without": {"initializer": "default"}, "with": {"initializer": "sup-walsh"}}
FREE = ("steps", "refit", *PLACE)
PRETRAINING = ("steps", "rate", "refit")
NOT_PUBLISHED = "not published"
NOTES = (
    "Training accuracy in training mode (dropout on) in the first and in the last epoch, as the published tables have it, and "
    "our test accuracy after the last epoch. {families} compares the test accuracies, paired and with the controls, `extra-steps` "
    "among them.",
    "A row may be read against its published numbers where it differs in nothing. Beside the settings, everywhere: ours hold out a "
    "part of the training images, start both sides from the same weights, and measure batch norm's running statistics on real "
    "images before the training; the published code does none of this.",
)


def published_layout(
    curves: pd.DataFrame,
    members: Sequence[Mapping],
    published: Sequence[Mapping],
    settings: Mapping[str, Mapping[str, Mapping]],
    *,
    chance: float | Mapping[str, float] = 10.0,
) -> pd.DataFrame:
    """One row per data set and network of ``members`` (:func:`.comparisons.comparison_spec`), from curves of one recipe.

    ``published`` are rows ``dataset, architecture, initializer, epoch, train_accuracy`` with the first and the last epoch;
    ``settings`` says of published data sets how the networks were trained: :func:`.published.published_settings`.

    Returns:
        Columns ``dataset, architecture, n, epochs`` and for ``without`` and ``with`` Sup-Walsh ``<side>_first,
        <side>_last, <side>_test`` and ``published_<side>_first, published_<side>_last``, in percent; ``differs``, in which
        settings the row differs from the publication, in words (empty: in none).
    """
    rows = []
    for dataset, architecture in dict.fromkeys((m["dataset"], m["architecture"]) for m in members):
        row = {"dataset": dataset, "architecture": architecture, "n": 0}
        here = [m for m in members if (m["dataset"], m["architecture"]) == (dataset, architecture)]
        facts = {m["arm"]: m["facts"] for m in here}
        row["differs"] = differences(settings.get(dataset), facts.get(find(facts, SIDES["with"], FREE)))
        for side, wanted in SIDES.items():
            row |= _published(published, side, {"dataset": dataset, "architecture": architecture, **wanted})
            arm = find(facts, wanted, FREE)
            own = curves[(curves["protocol"] == "controlled") & (curves["arm"] == arm)]
            if own.empty:
                continue
            last = int(own["epoch"].max())
            for name, metric, epoch in (
                ("first", "train_accuracy", 1),
                ("last", "train_accuracy", last),
                ("test", "test_accuracy", last),
            ):
                interval = mean_interval(cell_matrix(own, arm, metric, epoch=epoch, chance=chance))
                row |= {f"{side}_{name}": interval.mean, "n": interval.n, "epochs": last}
        rows.append(row)
    values = [f"{side}_{name}" for side in SIDES for name in ("first", "last", "test")]
    published = [f"published_{side}_{name}" for side in SIDES for name in ("first", "last")]
    table = pd.DataFrame(rows, columns=["dataset", "architecture", "n", "epochs", *values, *published, "differs"])
    return as_floats(table, [*values, *published])


def differences(settings: Mapping[str, Mapping] | None, facts: Mapping | None) -> str:
    """What is done otherwise than published, in words: ``epochs 3 instead of 10; ...``.

    ``facts`` are those of the arm with Sup-Walsh; without one, its settings are not spoken of.
    """
    if settings is None:
        return NOT_PUBLISHED
    ours = {"train_per_class": "all"} | settings["ours"] | (facts or {})
    theirs = {key: value for key, value in settings["theirs"].items() if facts or key not in PRETRAINING}
    told = [
        f"{key} {ours.get(key, 'unset')} instead of {value}" for key, value in theirs.items() if ours.get(key) != value
    ]
    return "; ".join(told)


def _published(published: Sequence[Mapping], side: str, wanted: Mapping) -> dict:
    """The published accuracies of one side in the first and in the last epoch; None where there are none."""
    rows = [row for row in published if all(row[key] == value for key, value in wanted.items())]
    found = [row["train_accuracy"] for row in sorted(rows, key=lambda row: row["epoch"])] or [None]
    return {f"published_{side}_first": found[0], f"published_{side}_last": found[-1]}


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
        lines.append(line | {"differs from the publication in": row["differs"] or "nothing"})
    return pd.DataFrame(lines)
