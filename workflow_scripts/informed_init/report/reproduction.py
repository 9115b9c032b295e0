"""Does the published protocol give the published curves? Every published arm, its number and ours, and the gap.

The published means are over five replicas of the same ten tasks, so tasks are no source of chance here: what is left is the
replica, i.e. what the mean over the ten chained tasks varies by when everything is drawn anew. Its standard deviation s is pooled
over the arms that this run has several replicas of; the gap of an arm with R replicas then has the standard error
s * sqrt(1 / R + 1 / 5). Where no arm has two replicas nothing is known of s, and only the fixed margin judges.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from .curves import cell_matrix, count_diverged, select
from .tables import NOT_RUN, as_floats, number_text

EPOCHS = (1, 7, 8, 15)  # the first, the last before the learning rate falls, the first after it, the last
MARGIN = 1.0  # points
PUBLISHED_REPLICAS = 5
REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"

RULE = (
    f"Reproduced: the gap (ours minus published) after the last epoch is at most {MARGIN:g} point or two standard errors. "
    f"Published means are over {PUBLISHED_REPLICAS} replicas of the same ten tasks, each replica one network carried through them."
)


def reproduction(
    curves: pd.DataFrame,
    published: Mapping[str, Sequence[float]],
    *,
    recipes: Mapping[str, str],
    epochs: Sequence[int] = EPOCHS,
    chance: float | Mapping[str, float] = 10.0,
) -> pd.DataFrame:
    """One row per published arm and epoch, in the order of ``published`` (arm -> means in percent from epoch 1 on).

    Args:
        curves: of one run.
        recipes: arm -> the recipe whose curves are compared, of the arms that were trained.
        chance: see :func:`.curves.cell_matrix`; a diverged training counts as this and is counted.

    Returns:
        Columns ``arm, epoch, published, ours, gap, standard_error, n_tasks, n_replicas, n, diverged, verdict``. The verdict is that
        of the row's epoch: :data:`REPRODUCED`, :data:`NOT_REPRODUCED` or ``not run``.
    """
    own = {arm: _own(curves, arm, recipe) for arm, recipe in recipes.items() if arm in published}
    epochs = [epoch for epoch in epochs if all(epoch <= len(means) for means in published.values())]
    rows = []
    for epoch in epochs:
        cells = {
            arm: cell_matrix(rows, arm, "val_accuracy", epoch=epoch, chance=chance)
            for arm, rows in own.items()
            if (rows["epoch"] == epoch).any()
        }
        spread, _ = replica_spread(list(cells.values()))
        for arm, means in published.items():
            row = {"arm": arm, "epoch": epoch, "published": means[epoch - 1]}
            row |= {"n_tasks": 0, "n_replicas": 0, "n": 0, "diverged": 0, "verdict": NOT_RUN}
            if arm in cells:
                row |= _compared(cells[arm], means[epoch - 1], spread)
                row["diverged"] = count_diverged(own[arm][own[arm]["epoch"] <= epoch])
            rows.append(row)
    rows.sort(key=lambda row: list(published).index(row["arm"]))  # stable: epochs stay in order
    columns = ["arm", "epoch", "published", "ours", "gap", "standard_error", "n_tasks", "n_replicas", "n", "diverged"]
    return as_floats(pd.DataFrame(rows, columns=[*columns, "verdict"]), columns[2:6])


def _own(curves: pd.DataFrame, arm: str, recipe: str) -> pd.DataFrame:
    return select(curves[curves["arm"] == arm], protocol="published", recipe=recipe)


def _compared(cells: pd.DataFrame, published: float, spread: float) -> dict:
    ours = float(cells.to_numpy().mean())
    n_tasks, n_replicas = cells.shape
    gap, error = ours - published, spread * np.sqrt(1 / n_replicas + 1 / PUBLISHED_REPLICAS)
    allowed = max(MARGIN, 0.0 if np.isnan(error) else 2 * error)
    # the rounding of published means to two digits must not decide
    verdict = REPRODUCED if abs(gap) <= allowed + 1e-9 else NOT_REPRODUCED
    return {"ours": ours, "gap": gap, "standard_error": error, "verdict": verdict} | {
        "n_tasks": n_tasks,
        "n_replicas": n_replicas,
        "n": cells.size,
    }


def replica_spread(cells: Sequence[pd.DataFrame]) -> tuple[float, int]:
    """Standard deviation over replicas of the mean over tasks, pooled over arms, and its degrees of freedom.

    ``cells`` are (tasks, replicas) tables; those with one replica say nothing. NaN and 0 where none has two.
    """
    means = [table.to_numpy().mean(0) for table in cells if table.shape[1] > 1]
    freedom = sum(len(values) - 1 for values in means)
    if not freedom:
        return float("nan"), 0
    squares = sum(((values - values.mean()) ** 2).sum() for values in means)
    return float(np.sqrt(squares / freedom)), freedom


def last_spread(
    curves: pd.DataFrame, table: pd.DataFrame, recipes: Mapping[str, str], chance: float | Mapping[str, float]
) -> tuple[float, int]:
    """:func:`replica_spread` of the arms of :func:`reproduction`'s ``table`` after its last epoch."""
    last = table[(table["epoch"] == table["epoch"].max()) & (table["n_replicas"] > 1)]
    own = {row.arm: (_own(curves, row.arm, recipes[row.arm]), row.epoch) for row in last.itertuples()}
    return replica_spread(
        [cell_matrix(rows, arm, "val_accuracy", epoch=epoch, chance=chance) for arm, (rows, epoch) in own.items()]
    )


def display_reproduction(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`reproduction` in words: a line per arm with its four epochs, and the gap and verdict of the last."""
    lines = []
    for arm, rows in table.groupby("arm", sort=False):
        last = rows.iloc[-1]
        line = {"arm": arm}
        for row in rows.itertuples():
            ours = number_text(row.ours) or "–"
            line[f"epoch {row.epoch}: published → ours (%)"] = f"{row.published:.2f} → {ours}"
        line["gap"] = f"{last['gap']:+.2f}" if last["n"] else ""
        line["standard error"] = number_text(last["standard_error"])
        line["n"] = f"{last['n_tasks']} x {last['n_replicas']}" if last["n"] else ""
        line["diverged"] = last["diverged"] or ""
        line["verdict"] = _verdict(last)
        lines.append(line)
    words = pd.DataFrame(lines)
    return words[[column for column in words if (words[column].astype(str) != "").any()]]


def _verdict(row: Mapping) -> str:
    if row["verdict"] == NOT_RUN:
        return NOT_RUN
    return f"**{row['verdict']}**" + (", one replica" if row["n_replicas"] == 1 else "")


def summary(table: pd.DataFrame) -> str:
    """The verdicts after the last epoch, counted, in one sentence."""
    last = table[table["epoch"] == table["epoch"].max()]
    counts = last["verdict"].value_counts()
    words = [f"{counts.get(verdict, 0)} {verdict}" for verdict in (REPRODUCED, NOT_REPRODUCED, NOT_RUN)]
    return f"Of {len(last)} published curves: {', '.join(words)}."


def reproduction_parts(table: pd.DataFrame, spread: tuple[float, int]) -> list[str | pd.DataFrame]:
    """:func:`reproduction` with its rule, for :func:`.tables.document` and :func:`.tables.page`.

    ``spread`` is :func:`replica_spread` after the last epoch.
    """
    deviation, freedom = spread
    known = "No arm was run twice, so the spread between replicas is not known and only the margin judges."
    if freedom:
        known = (
            f"From replica to replica the mean over ten chained tasks varies by a standard deviation of {deviation:.2f} points "
            f"(degrees of freedom: {freedom}, from the arms that were run more than once)."
        )
    return [summary(table), display_reproduction(table), RULE, known]
