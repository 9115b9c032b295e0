"""The scores of one workload of the arena: every seat's final accuracy, its paired differences, and what it cost.

All of them come from the seats' files alone (:mod:`.arena`). A seat is compared with its own best trial, on trainings whose seeds
no trial had; differences are paired by task and replica, their intervals hold together over the seats of the workload
(:mod:`.simultaneous`). A seat that does not fit the network takes no part.
"""

from collections.abc import Mapping, Sequence
from math import floor

import numpy as np
import pandas as pd

from .arena import Arena, NotApplicable, Played, played
from .curves import shared_cells
from .simultaneous import Bounds, simultaneous
from .tables import as_floats

BOUNDS = ("difference", "low", "high")
AGAINST = ("", "best_", "other_")  # the baseline, the workload's best seat, the best of a seat's rivals
VALUES = (
    *("test_mean", *(f"{against}{bound}" for against in AGAINST for bound in BOUNDS)),
    *("total_cost", "relative_cost", "seconds", "relative_seconds", "start_cost"),
    *("target", "images", "relative_images", "at_cost", "learning_rate"),
)
COUNTS = (
    "n_tasks",
    "n_replicas",
    "n",
    "trials",
    "trials_diverged",
    "trials_trained",
    "final_diverged",
    "final_trained",
)
COLUMNS = ("workload", "seat", "not_applicable", *COUNTS, *VALUES, "tied", "other", "chosen", "edge")


def workload_scores(
    arena: Arena, *, baseline: str, target: float, ideas: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """One row for every workload and seat, in the order of the arena.

    Args:
        arena: :func:`.arena.read_arena`.
        baseline: the seat that the others are compared with.
        target: see :func:`target_accuracy`.
        ideas: seat -> its idea, of the seats that have one; those that share one are variants, no rivals of each other.

    Returns:
        * ``not_applicable``: the reason, empty for a seat that takes part; for others all that follows is empty.
        * ``n_tasks, n_replicas, n``, ``test_mean``: final test accuracy in percent.
        * ``difference, low, high``: from the baseline in points, with simultaneous 95 % limits over the seats; empty for the
          baseline, limits empty where there is one training.
        * ``best_difference, best_low, best_high``: from the seat with the highest test accuracy, in the same way; ``tied`` says
          that the seat is that one, or is not told apart from it; the truly best seat is among these with 95 % (Hsu, Multiple
          Comparisons, 1996).
        * ``other``: the best of the seat's rivals, which are all others but those of its own idea; ``other_difference, other_low,
          other_high``: from it, in the same way. Empty without rivals.
        * ``total_cost`` (tera multiply-adds, a gradient step as three forward passes, the initializer's images charged),
          ``start_cost`` of it before the first step, ``seconds`` of a final training, and both relative to the baseline.
        * ``target`` (percent), ``images`` until the mean validation accuracy first is at least that, those of the initializer
          charged (empty: not reached); ``relative_images``: divided by the fewest that a seat of this workload needs.
        * ``at_cost``: :func:`accuracy_at_cost` at the baseline's total cost.
        * ``chosen``, ``learning_rate``, ``edge``: of the chosen trial, and whether it is at an edge of what was tried; ``trials``
          counts them, ``trials_diverged`` of ``trials_trained`` and ``final_diverged`` of ``final_trained`` the trainings.
    """
    rows = [row for field in arena.values() for row in _rows(field, baseline, target, ideas or {})]
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    for column in (*COUNTS, "tied", "edge"):
        table[column] = table[column].astype("Int64")
    words = ["not_applicable", "other", "chosen"]
    return as_floats(table.assign(**table[words].astype(object).fillna("")), list(VALUES))


def _rows(
    field: Mapping[str, Played | NotApplicable], baseline: str, target: float, ideas: Mapping[str, str]
) -> list[dict]:
    seats = played(field)
    rows = {name: {"workload": seat.workload, "seat": name} for name, seat in field.items()}
    for name, seat in field.items():
        if isinstance(seat, NotApplicable):
            rows[name]["not_applicable"] = seat.reason
    if not seats:
        return list(rows.values())
    for name, seat in seats.items():
        rows[name] |= _own(seat)
    _add_differences(rows, cells_of(seats), baseline, ideas)
    if baseline in seats:
        _add_costs(rows, seats, seats[baseline], target)
    return list(rows.values())


def cells_of(seats: Mapping[str, Played]) -> dict[str, np.ndarray]:
    """Final test accuracies of the seats of a workload, (tasks, replicas), on the cells that all of them have."""
    return shared_cells({name: seat.test for name, seat in seats.items()})


def _own(seat: Played) -> dict:
    trial = next(trial for trial in seat.trials if trial["recipe"] == seat.chosen)
    row = {"n_tasks": seat.test.shape[0], "n_replicas": seat.test.shape[1], "n": seat.test.size}
    row |= {"test_mean": float(seat.test.to_numpy().mean()), "trials": len(seat.trials), **seat.diverged}
    row |= {key: seat.costs[key] for key in ("total_cost", "start_cost", "seconds")}
    return row | {"chosen": seat.chosen, "edge": int(seat.edge), "learning_rate": trial["learning_rate"]}


# ---------------------------------------------------------------- paired differences


def differences_from(cells: Mapping[str, np.ndarray], reference: str) -> dict[str, Bounds]:
    """Every other seat's paired difference from ``reference`` with its simultaneous interval."""
    return simultaneous({name: own - cells[reference] for name, own in cells.items() if name != reference})


def best_rival(seat: str, order: Sequence[str], ideas: Mapping[str, str]) -> str | None:
    """The first in ``order``, best first, that is neither ``seat`` nor of its idea; none where all are."""
    own = ideas.get(seat)
    return next((name for name in order if name != seat and (own is None or ideas.get(name) != own)), None)


def _add_differences(
    rows: Mapping[str, dict], cells: Mapping[str, np.ndarray], baseline: str, ideas: Mapping[str, str]
) -> None:
    order = sorted(cells, key=lambda name: -cells[name].mean())
    rivals = {name: best_rival(name, order, ideas) for name in cells}
    # one family of intervals for each seat that others are compared with: all its differences hold together
    asked = {baseline, order[0], *rivals.values()} & set(cells)
    families = {reference: differences_from(cells, reference) for reference in asked}
    for name in cells:
        row = rows[name]
        for against, reference in zip(AGAINST, (baseline, order[0], rivals[name]), strict=True):
            if found := families.get(reference, {}).get(name):
                values = found.mean, found.low, found.high
                row |= {f"{against}{bound}": value for bound, value in zip(BOUNDS, values, strict=True)}
        row |= {"tied": int(name == order[0] or not families[order[0]][name].told), "other": rivals[name] or ""}


# ---------------------------------------------------------------- costs


def target_accuracy(baseline: Played, share: float) -> float:
    """The mean validation accuracy that the baseline's final trainings have after ``share`` of their epochs: after the last
    whole epoch within it, the first at least."""
    return float(baseline.validation[max(floor(share * baseline.epochs + 1e-9), 1)])


def images_to(seat: Played, accuracy: float) -> int | None:
    """Images until the mean validation accuracy of a seat's final trainings first is at least ``accuracy``, those that its
    initializer used charged; counted after whole epochs. None where it never is."""
    there = seat.validation.index[seat.validation >= accuracy]
    if there.empty:
        return None
    return round(seat.costs["start_images"] + int(there[0]) * seat.costs["epoch_images"])


def accuracy_at_cost(seat: Played, cost: float) -> float:
    """Mean validation accuracy of a seat's final trainings at a total ``cost`` in tera multiply-adds, in percent: what a dearer
    start leaves.

    Between epochs it is interpolated linearly, before the first step it is guessing, and after the last it stays: a rate that
    falls towards the end of a training has not fallen yet where a dear start takes the last epochs away.
    """
    known = (
        seat.validation if 0 in seat.validation.index else pd.concat([pd.Series({0: seat.guessing}), seat.validation])
    )
    epochs = (cost - seat.costs["start_cost"]) / seat.costs["epoch_cost"]
    return seat.guessing if epochs < 0 else float(np.interp(epochs, known.index, known))


def _add_costs(rows: Mapping[str, dict], seats: Mapping[str, Played], baseline: Played, share: float) -> None:
    goal, paid = target_accuracy(baseline, share), baseline.costs
    images = {name: images_to(seat, goal) for name, seat in seats.items()}
    fewest = min(count for count in images.values() if count is not None)  # the baseline's at least
    for name, seat in seats.items():
        row = {"relative_cost": seat.costs["total_cost"] / paid["total_cost"]}
        row |= {"relative_seconds": seat.costs["seconds"] / paid["seconds"], "target": goal}
        row |= {"at_cost": accuracy_at_cost(seat, paid["total_cost"])}
        if images[name] is not None:
            row |= {"images": images[name], "relative_images": images[name] / max(fewest, 1)}
        rows[name] |= row


# ---------------------------------------------------------------- trials


def trial_table(arena: Arena) -> pd.DataFrame:
    """One row for every trial of every seat that takes part, in the order in which they were tried.

    Returns:
        ``workload, seat, trial`` (from 1), ``recipe, learning_rate, weight_decay, rate_factor, decay_factor, knob`` (in words),
        ``val_accuracy`` (percent), ``diverged`` (count), ``chosen`` (0 or 1), ``best`` (the best validation accuracy so far)
        and ``n``, the trainings of a trial.
    """
    rows = []
    for field in arena.values():
        for name, seat in played(field).items():
            trained = seat.curves.drop_duplicates(["recipe", "task", "replica"])["recipe"].value_counts()
            best = -np.inf
            for number, trial in enumerate(seat.trials, start=1):
                best = max(best, trial["val_accuracy"])
                row = {"workload": seat.workload, "seat": name, "trial": number}
                row |= {key: trial[key] for key in ("recipe", "learning_rate", "weight_decay")}
                row |= {key: trial[key] for key in ("rate_factor", "decay_factor")}
                row |= {"knob": ", ".join(f"{key} = {value}" for key, value in trial["knob"].items())}
                row |= {"val_accuracy": trial["val_accuracy"], "diverged": trial["diverged"]}
                row |= {"chosen": int(trial["recipe"] == seat.chosen), "best": best}
                rows.append(row | {"n": int(trained.get(trial["recipe"], 0))})
    names = ["workload", "seat", "trial", "recipe", "learning_rate", "weight_decay", "rate_factor", "decay_factor"]
    return pd.DataFrame(rows, columns=[*names, "knob", "val_accuracy", "diverged", "chosen", "best", "n"])


def ranks_by_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """How the seats would rank after 1, 2, ... trials: by their best validation accuracy so far, 1 is the best, ties share the
    mean of their ranks. A seat with fewer trials keeps its last best.

    Returns:
        One row per workload, seat and ``trials`` with ``rank``; as many ``trials`` as the seat with the most has there.
    """
    parts = []
    for workload, rows in trials.groupby("workload", sort=False):
        best = rows.pivot(index="seat", columns="trial", values="best").ffill(axis=1)
        ranks = best.rank(ascending=False).reset_index().melt("seat", var_name="trials", value_name="rank")
        parts.append(ranks.assign(workload=workload))
    columns = ["workload", "seat", "trials", "rank"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


# ---------------------------------------------------------------- profile


def performance_profile(scores: pd.DataFrame) -> pd.DataFrame:
    """The share of workloads on which a seat needs at most ``factor`` times the images of the fastest seat there (Dolan & More,
    Benchmarking optimization software with performance profiles, 2002).

    A workload where the seat does not reach the target counts against it, one where it is not applicable does not count; nor does
    one without a target.

    Returns:
        ``seat, factor, share, workloads`` (counted); a step upwards at each row, from ``factor`` 1 to the largest of all seats.
    """
    counted = scores[scores["target"].notna()]
    end = max(counted["relative_images"].max(), 1.0) if counted["relative_images"].notna().any() else 1.0
    rows = []
    for seat, own in counted.groupby("seat", sort=False):
        known = np.sort(own["relative_images"].dropna().to_numpy())
        factors = np.unique([1.0, *known, end])
        shares = np.searchsorted(known, factors, side="right") / len(own)
        rows += [
            {"seat": seat, "factor": factor, "share": share, "workloads": len(own)}
            for factor, share in zip(factors, shares, strict=True)
        ]
    return pd.DataFrame(rows, columns=["seat", "factor", "share", "workloads"])
