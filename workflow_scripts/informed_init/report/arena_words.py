"""The arena in words: the board with a sentence above it, and a table for every workload, for :mod:`.tables` to print."""

from collections.abc import Mapping, Sequence

import pandas as pd

from .arena import NOT_APPLICABLE, NOT_REACHED
from .arena_board import ALLOWED, WINS_ON
from .arena_scores import BOUNDS
from .tables import NOT_RUN, interval_text

RULES = (
    "Every seat had the same number of trials in every workload, the best chosen by validation accuracy; where that lay at an edge "
    "of what was tried, it was extended. Compared are fresh trainings at its own best trial, whose test images were looked "
    "at once. A training that diverged counts as guessing.",
    "**score**: interquartile mean of test accuracy over workloads x trainings, 0 for guessing, 100 for the mean of the workload's "
    "best seat, with its 95 % interval (bootstrap over the trainings of every workload). **group**: its first seat leads it; in it "
    "are those that are not told apart from the leader: the paired difference of their scores, mean over shared workloads, has an "
    "interval with zero in it (95 %, together for all seats compared with the leader). The order in a group means nothing; "
    "intervals speak of more trainings in these workloads, not of other workloads. "
    "**above the baseline**: probability that a training of the seat ends above one of the baseline's, mean over workloads.",
    "**wins**: the lower limit of the simultaneous 95 % interval of the paired difference from the best rival is above "
    f"zero on at least {WINS_ON} workloads and on none below -{ALLOWED:g} points; in brackets: on how many it is above zero, and "
    "the lowest of those limits. Rivals are all other seats but those of the same idea{variants}. **best or tied**: workloads "
    "where the seat is the best, or its simultaneous interval from the best holds zero.",
    "**cost**, **time** and **images** are ratios to the baseline, geometric means over workloads: multiply-adds of a training (a "
    "gradient step as three forward passes, the initializer's images charged); seconds of it; and images, the initializer's "
    "included, until the mean validation accuracy is the one that the baseline has after {share:.0%} of its epochs, over the "
    "workloads where it is reached at all (in brackets). Where a seat is not applicable it takes no part: its pooled numbers are "
    "over the **workloads** that it has.",
)
WORKLOAD_RULE = (
    "Differences are paired by task and replica, in points of test accuracy, with 95 % intervals that hold together over the seats "
    "of the workload; tied: the best, or not told apart from it (the truly best seat is one of these in 95 % of studies). "
    "Validation at the baseline's cost: the mean when a training has cost what the baseline's costs in all, between epochs "
    "interpolated."
)


def parts(
    table: pd.DataFrame,
    scores: pd.DataFrame,
    agreements: Mapping[int, float],
    *,
    titles: Mapping[str, str],
    labels: Mapping[str, str],
    baseline: str,
    target: float,
    ideas: Mapping[str, str] | None = None,
) -> list[str | pd.DataFrame]:
    """The whole page: sentence, board, rules, ranks by trials, and a section for every workload.

    Args:
        table: :func:`.arena_board.board`.
        scores: :func:`.arena_scores.workload_scores`.
        agreements: :func:`.arena_board.agreement`.
        titles: workload -> title; labels: seat -> how it is called.
        baseline, target, ideas: as for the scores.
    """
    found: list[str | pd.DataFrame] = [sentence(table, scores, titles, labels), display_board(table)]
    found += [
        f"The baseline is {labels[baseline]}.",
        *(rule.format(share=target, variants=_variants(ideas or {}, labels)) for rule in RULES),
    ]
    found += ["## Ranks by number of trials", display_ranks(table), _agreement_text(agreements)]
    for workload, title in titles.items():
        rows = scores[scores["workload"] == workload]
        found += [f"## {title}", display_workload(rows, labels, baseline), WORKLOAD_RULE, *_notes(rows, labels, target)]
    return found


def sentence(table: pd.DataFrame, scores: pd.DataFrame, titles: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """What the board shows, in plain words: who wins, if anyone does, and who is in the first group."""
    entered = table[table["group"].notna()]
    if entered.empty:
        return f"Nothing was compared: no seat takes part in a workload, or all were {NOT_RUN}."
    words = []
    for row in entered[entered["wins"] == 1].itertuples():
        own = scores[(scores["seat"] == row.seat) & (scores["other_low"] > 0)]
        places = _list([titles[workload] for workload in own["workload"]])
        words.append(
            f"**{row.label} wins**: the lower limit of its difference from its best rival is above zero on {row.wins_on} of "
            f"{row.workloads_of} workloads ({places}) and nowhere below {row.worst_low:+.1f} points."
        )
    if not words:
        words = [
            f"**No seat wins**: for none is the lower limit of its difference from its best rival above zero on at least "
            f"{WINS_ON} workloads and nowhere below -{ALLOWED:g} points."
        ]
    first = entered[entered["group"] == 1]
    leader, others = first["label"].iloc[0], list(first["label"].iloc[1:])
    over = f"over {first['workloads'].iloc[0]} workload{'s' if first['workloads'].iloc[0] > 1 else ''}"
    if others:
        verb = "is" if len(others) == 1 else "are"
        words.append(f"{leader} has the highest score {over}; {_list(others)} {verb} not told apart from it.")
    elif len(entered) > 1:
        words.append(f"{leader} has the highest score {over}, and every other seat is told apart from it.")
    return " ".join(words)


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# ---------------------------------------------------------------- the board


def display_board(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`.arena_board.board` in words, a line per seat."""
    lines = []
    for row in table.to_dict("records"):
        line = {
            "group": row["group"],
            "seat": row["label"],
            "workloads": f"{row['workloads']} of {row['workloads_of']}",
        }
        if not row["workloads"]:
            lines.append(line | {"group": "", "score": NOT_APPLICABLE})
            continue
        line |= {"score": _rounded(row["score"], row["score_low"], row["score_high"], ".1f"), "n": row["n"]}
        chances = row["improvement"], row["improvement_low"], row["improvement_high"]
        line |= {"above the baseline": _rounded(*chances, ".2f"), "best or tied": row["best_or_tied"]}
        worst = "" if pd.isna(row["worst_low"]) else f", {row['worst_low']:+.1f}"
        line |= {"wins": f"{'yes' if row['wins'] else 'no'} ({row['wins_on']}{worst})"}
        line |= {"cost": _ratio(row["relative_cost"]), "time": _ratio(row["relative_seconds"])}
        reached = f" ({row['reached']} of {row['workloads']})"
        line |= {"images": _ratio(row["relative_images"]) + reached if row["reached"] else NOT_REACHED}
        line |= {"trials diverged": f"{row['trials_diverged']} of {row['trials_trained']}"}
        lines.append(line | {"final diverged": f"{row['final_diverged']} of {row['final_trained']}"})
    return pd.DataFrame(lines, dtype=object).fillna("")


def _variants(ideas: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """Which seats share an idea, in brackets."""
    if not ideas:
        return ""
    listed = {
        idea: [labels[seat] for seat, own in ideas.items() if own == idea] for idea in dict.fromkeys(ideas.values())
    }
    return f" ({'; '.join(f'{idea}: {_list(seats)}' for idea, seats in listed.items())})"


def display_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Mean rank of every seat over its workloads after 1, 2, ... trials."""
    numbers = {name: name.removeprefix("rank_") for name in table if name.startswith("rank_")}
    lines = [
        {"seat": row["label"]} | {f"after {number}": f"{row[name]:.1f}" for name, number in numbers.items()}
        for row in table[table["workloads"] > 0].to_dict("records")
    ]
    return pd.DataFrame(lines)


def _agreement_text(agreements: Mapping[int, float]) -> str:
    rule = "Mean rank over workloads by the best validation accuracy among the first trials; a seat with fewer keeps its best."
    if not agreements:
        return rule
    taus = ", ".join(f"{tau:+.2f} after {number}" for number, tau in agreements.items())
    return f"{rule} Kendall's tau between that order and the one by final test accuracy, mean over workloads: {taus}."


def _ratio(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.2f}x"


def _rounded(mean: float, low: float, high: float, form: str) -> str:
    if pd.isna(mean):
        return ""
    return f"{mean:{form}}" + ("" if pd.isna(low) else f" [{low:{form}}, {high:{form}}]")


# ---------------------------------------------------------------- a workload


def display_workload(rows: pd.DataFrame, labels: Mapping[str, str], baseline: str) -> pd.DataFrame:
    """One workload's rows of :func:`.arena_scores.workload_scores` in words, the best seat first, those without a place last."""
    lines = []
    for row in rows.sort_values("test_mean", ascending=False, na_position="last", kind="stable").to_dict("records"):
        line = {"seat": labels[row["seat"]]}
        if row["not_applicable"]:
            lines.append(line | {"test (%)": NOT_APPLICABLE})
            continue
        line |= {"test (%)": f"{row['test_mean']:.2f}", "n": f"{row['n_tasks']} x {row['n_replicas']}"}
        for heading, against in ((f"from {labels[baseline]}", ""), ("from the best rival", "other_")):
            bounds = (row[f"{against}{bound}"] for bound in BOUNDS)
            line[heading] = interval_text(*bounds, row["n"], sign="+")
        line |= {"tied": "yes" if row["tied"] else "no"}
        line |= {"cost (T)": f"{row['total_cost']:.3g}" + _bracketed(row["relative_cost"])}
        line |= {"seconds": f"{row['seconds']:.3g}" + _bracketed(row["relative_seconds"])}
        if not pd.isna(row["target"]):
            line["images to target"] = NOT_REACHED if pd.isna(row["images"]) else f"{row['images']:,.0f}"
            line["validation at the baseline's cost (%)"] = f"{row['at_cost']:.2f}"
        line["first rate"] = f"{row['learning_rate']:.3g}{' (edge)' if row['edge'] else ''}"
        line |= {"trials": row["trials"], "trials diverged": f"{row['trials_diverged']} of {row['trials_trained']}"}
        lines.append(line | {"final diverged": f"{row['final_diverged']} of {row['final_trained']}"})
    return pd.DataFrame(lines, dtype=object).fillna("")


def _bracketed(ratio: float) -> str:
    return "" if pd.isna(ratio) else f" ({ratio:.2f}x)"


def _notes(rows: pd.DataFrame, labels: Mapping[str, str], target: float) -> list[str]:
    """The target of a workload, and why seats take no part in it."""
    notes = []
    goal = rows["target"].dropna()
    if len(goal):
        notes.append(
            f"Target: {goal.iloc[0]:.2f} % validation accuracy, the baseline's mean after {target:.0%} of its epochs."
        )
    else:
        notes.append("The baseline takes no part in this workload: there is no difference from it and no target.")
    left_out = rows[rows["not_applicable"] != ""]
    for row in left_out.itertuples():
        reason = row.not_applicable.rpartition(f"{NOT_APPLICABLE}: ")[2].rstrip(".")
        notes.append(f"{labels[row.seat]} is {NOT_APPLICABLE}: {reason}.")
    return notes
