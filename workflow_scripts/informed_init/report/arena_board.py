"""The board of the arena: all workloads together, in groups that are told apart, and who wins.

* **Score.** A final test accuracy of a workload is put between guessing (0) and the mean of that workload's best seat (100); a
  seat's score is the interquartile mean over its workloads x trainings (Agarwal et al., Deep Reinforcement Learning at the Edge of
  the Statistical Precipice, 2021), with a stratified bootstrap over the trainings of every workload (percentiles, 95 %). What is
  between guessing and the best seat is not drawn anew.
* **Better than the baseline.** The probability that a training of the seat ends with more than one of the baseline in the same
  task (ties count half), mean over the tasks of a workload and over workloads; bootstrap as above (Agarwal et al. 2021).
* **Groups.** The seat with the best score leads the first group; in it are all whose difference from it is not told from zero; the
  best of the others leads the next one. A difference is the mean over the workloads that both take part in of the paired
  differences of scores, with intervals that hold together over the seats that are compared with the leader (:mod:`.simultaneous`).
* **Wins.** A seat wins when the lower limit of its simultaneous 95 % interval against its best rival is above zero on at least
  :data:`WINS_ON` workloads and on none below -:data:`ALLOWED` points. Rivals are all other seats but those of its own idea.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from ..seeds import derive_seed
from .arena import Arena, Played, played
from .arena_scores import cells_of, ranks_by_trials
from .simultaneous import Bounds, bounds, moments, pooled
from .statistics import ALPHA
from .tables import as_floats

WINS_ON = 3  # workloads
ALLOWED = 0.5  # points
RESAMPLES = 5000
COLUMNS = (
    *("group", "seat", "label", "wins", "wins_on", "worst_low", "workloads", "workloads_of", "best_or_tied", "n"),
    *("score", "score_low", "score_high", "improvement", "improvement_low", "improvement_high"),
    *("relative_cost", "relative_seconds", "reached", "relative_images"),
    *("trials_diverged", "trials_trained", "final_diverged", "final_trained"),
)
COUNTS = (
    *("group", "wins", "wins_on", "workloads", "workloads_of", "best_or_tied", "n", "reached"),
    *("trials_diverged", "trials_trained", "final_diverged", "final_trained"),
)


def board(
    arena: Arena, scores: pd.DataFrame, trials: pd.DataFrame, *, baseline: str, labels: Mapping[str, str]
) -> pd.DataFrame:
    """One row per seat: groups in their order, in a group by score; seats that take part nowhere come last, without a group.

    Args:
        arena: :func:`.arena.read_arena`.
        scores: :func:`.arena_scores.workload_scores` of it.
        trials: :func:`.arena_scores.trial_table` of it.
        baseline: the seat that the others are compared with.
        labels: seat -> how it is called; of all seats of the arena.

    Returns:
        ``group`` (from 1), ``seat, label``, ``wins`` (0 or 1), on how many workloads the limit is above zero (``wins_on``) and the
        lowest of those limits (``worst_low``); ``workloads`` that it takes part in, of ``workloads_of``, ``best_or_tied`` on how
        many; ``score`` and ``improvement`` with limits, as this module's docstring has them; ``n`` trainings; ``relative_cost,
        relative_seconds, relative_images``: geometric means over workloads of the ratios to the baseline, images where the target
        is ``reached``; trainings that diverged; ``rank_<m>``: mean rank after m trials.
    """
    parts = {workload: played(field) for workload, field in arena.items()}
    parts = {workload: seats for workload, seats in parts.items() if seats}
    normal = {workload: normalized(seats) for workload, seats in parts.items()}
    rows = []
    for seat, label in labels.items():
        own = scores[(scores["seat"] == seat) & scores["n"].notna()]
        row = {"seat": seat, "label": label, "workloads": len(own), "workloads_of": len(arena)}
        if len(own):
            row |= _score([cells[seat] for cells in normal.values() if seat in cells])
            row |= _improvement(parts, seat, baseline) | _wins(own) | _summed(own) | _costs(own, scores, baseline)
            row |= {"best_or_tied": int(own["tied"].sum())}
        rows.append(row)
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    ranks = ranks_by_trials(trials).groupby(["seat", "trials"])["rank"].mean().unstack()
    table = table.join(ranks.add_prefix("rank_"), on="seat")
    table["group"] = table["seat"].map(groups(normal, dict(zip(table["seat"], table["score"], strict=True))))
    table = table.sort_values(["group", "score"], ascending=[True, False], na_position="last", kind="stable")
    table = table.astype(dict.fromkeys(COUNTS, "Int64")).reset_index(drop=True)
    return as_floats(table, [name for name in table if name not in (*COUNTS, "seat", "label")])


# ---------------------------------------------------------------- scores


def normalized(seats: Mapping[str, Played]) -> dict[str, np.ndarray]:
    """Final test accuracies of the seats of a workload, (tasks, replicas), as percent of the way from guessing to the mean of the
    best seat; where no seat is better than guessing, all are 0."""
    cells = cells_of(seats)
    guessing = next(iter(seats.values())).guessing
    room = max(values.mean() for values in cells.values()) - guessing
    return {name: 100 * (values - guessing) / room if room > 0 else 0 * values for name, values in cells.items()}


def interquartile_mean(*strata: np.ndarray, axis: int = -1) -> np.ndarray:
    """The mean of the middle half of all values of the strata."""
    return stats.trim_mean(np.concatenate(strata, axis=axis), 0.25, axis=axis)


def probability(*strata: np.ndarray, weights: Sequence[float], axis: int = -1) -> np.ndarray:
    """The probability that a value of one side is above one of the other, ties counting half: the weighted mean over strata.

    ``strata`` are those of the one side, then those of the other in the same order; values lie along the last axis.
    """
    half = len(strata) // 2
    total = 0.0
    for weight, x, y in zip(weights, strata[:half], strata[half:], strict=True):
        wins = np.sign(x[..., :, None] - y[..., None, :])
        total = total + weight * (0.5 + 0.5 * wins.mean((-2, -1)))
    return total


def _bootstrap(strata: Sequence[np.ndarray], statistic, **known) -> dict[str, float]:
    """A statistic of strata with its stratified bootstrap interval; none where a stratum has one value only."""

    def measured(*given, axis=-1):
        return statistic(*given, axis=axis, **known)

    found = {"": float(measured(*strata)), "_low": np.nan, "_high": np.nan}
    if min(map(len, strata)) > 1:
        random = np.random.default_rng(derive_seed("stratified bootstrap"))
        drawn = stats.bootstrap(
            strata,
            measured,
            n_resamples=RESAMPLES,
            batch=500,
            method="percentile",
            confidence_level=1 - ALPHA,
            rng=random,
        )
        found |= {"_low": float(drawn.confidence_interval.low), "_high": float(drawn.confidence_interval.high)}
    return found


def _score(cells: Sequence[np.ndarray]) -> dict[str, float]:
    strata = [row for values in cells for row in values]
    found = _bootstrap(strata, interquartile_mean)
    return {f"score{end}": value for end, value in found.items()} | {"n": sum(map(len, strata))}


def _improvement(parts: Mapping[str, Mapping[str, Played]], seat: str, baseline: str) -> dict[str, float]:
    """Empty for the baseline, and for a seat that shares no workload with it."""
    shared = [cells_of(seats) for seats in parts.values() if seat in seats and baseline in seats]
    if seat == baseline or not shared:
        return {}
    strata = [row for cells in shared for row in cells[seat]] + [row for cells in shared for row in cells[baseline]]
    weights = [1 / len(shared) / len(cells[seat]) for cells in shared for _ in cells[seat]]
    found = _bootstrap(strata, probability, weights=weights)
    return {f"improvement{end}": value for end, value in found.items()}


def _wins(own: pd.DataFrame) -> dict[str, float]:
    rivals = own[own["other"] != ""]
    low = rivals["other_low"]
    known = len(low) > 0 and low.notna().all()
    wins = known and (low > 0).sum() >= WINS_ON and low.min() >= -ALLOWED
    return {"wins": int(wins), "wins_on": int((low > 0).sum()), "worst_low": low.min() if known else np.nan}


def _summed(own: pd.DataFrame) -> dict[str, int]:
    names = [name for name in COLUMNS if name.startswith(("trials_", "final_"))]
    return {name: int(own[name].sum()) for name in names}


def _costs(own: pd.DataFrame, scores: pd.DataFrame, baseline: str) -> dict[str, float]:
    images = scores[scores["seat"] == baseline].set_index("workload")["images"]
    ratios = own["images"] / np.maximum(own["workload"].map(images).astype(float), 1.0)
    found = {name: _geometric_mean(own[name]) for name in ("relative_cost", "relative_seconds")}
    return found | {"reached": int(own["images"].notna().sum()), "relative_images": _geometric_mean(ratios)}


def _geometric_mean(ratios: pd.Series) -> float:
    """Of those that there are; none has none."""
    known = ratios.dropna()
    return float(stats.gmean(known)) if len(known) else np.nan


# ---------------------------------------------------------------- groups


def pooled_differences(
    normal: Mapping[str, Mapping[str, np.ndarray]], leader: str, seats: Sequence[str]
) -> dict[str, Bounds]:
    """The mean over shared workloads of the seats' paired differences from ``leader``, with simultaneous intervals.

    Args:
        normal: workload -> seat -> :func:`normalized` cells.
        leader, seats: names; a seat that shares no workload with the leader is left out.
    """
    shared = [cells for cells in normal.values() if leader in cells]
    seats = [seat for seat in seats if any(seat in cells for cells in shared)]
    if not seats:
        return {}
    # a seat that is missing from a workload has differences of zero there, which are left out below
    parts = [moments([cells.get(seat, cells[leader]) - cells[leader] for seat in seats]) for cells in shared]
    taking_part = np.array([[seat in cells for seat in seats] for cells in shared])
    return dict(zip(seats, bounds(pooled(parts, taking_part)), strict=True))


def groups(normal: Mapping[str, Mapping[str, np.ndarray]], scores: Mapping[str, float]) -> dict[str, int]:
    """The group of every seat with a score, from 1; the rule is in this module's docstring. A seat that shares no workload with a
    leader is not told apart from it."""
    left = sorted((seat for seat in scores if not np.isnan(scores[seat])), key=lambda seat: -scores[seat])
    found, number = {}, 0
    while left:
        leader, others = left[0], left[1:]
        number += 1
        found[leader] = number
        told = pooled_differences(normal, leader, others)
        found |= {seat: number for seat in others if not (seat in told and told[seat].told)}
        left = [seat for seat in others if seat not in found]
    return found


# ---------------------------------------------------------------- trials


def agreement(scores: pd.DataFrame, trials: pd.DataFrame) -> dict[int, float]:
    """Trials -> how well the order of the seats by their best validation accuracy after so many agrees with that by final test
    accuracy: Kendall's tau, mean over workloads (those where it is defined)."""
    ranks = ranks_by_trials(trials).merge(scores[["workload", "seat", "test_mean"]], on=["workload", "seat"])
    found: dict[int, list[float]] = {}
    for (_, number), rows in ranks.groupby(["workload", "trials"]):
        if len(rows) > 1:
            found.setdefault(int(number), []).append(stats.kendalltau(-rows["rank"], rows["test_mean"]).statistic)
    return {number: float(np.nanmean(taus)) for number, taus in found.items() if not np.isnan(taus).all()}
