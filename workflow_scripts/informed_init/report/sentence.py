"""What a comparison found, in one sentence: who gains, who loses, and who is not told apart."""

from collections.abc import Mapping

import pandas as pd

from .statistics import ALPHA


def sentence(table: pd.DataFrame, labels: Mapping[str, str] | None = None) -> str:
    """The sentence of a family's comparison (:func:`.comparison.compare`) with one baseline.

    A gain or loss is named only where its p-value, corrected over the family (Holm), is below 0.05; the interval beside it is
    the 95 % interval of that difference alone.
    """
    labels = labels or {}
    judged = table[table["difference"].notna()]
    if judged.empty:
        return "Nothing was compared: no initializer but the baseline was trained."
    name = judged["label"].map(lambda label: labels.get(label, label))
    baseline = judged["baseline"].iloc[0]
    baseline = table.loc[table["arm"] == baseline, "label"].iloc[0]
    sizes = sorted(set(judged["n"]))
    told = judged["p_holm"].notna() & (judged["p_holm"] < ALPHA)
    words = []
    for verb, side in (("gains", judged["difference"] > 0), ("loses", judged["difference"] < 0)):
        rows = judged[told & side].sort_values("difference", ascending=verb == "loses", key=abs)
        words += [
            f"{name[place]} {verb} {row.difference:+.1f} [{row.low:+.1f}, {row.high:+.1f}] points"
            for place, row in rows.iterrows()
        ]
    over = f" over {labels.get(baseline, baseline)}" if words else ""
    if not told.all():
        same = _list([name[place] for place in judged.index[~told]])
        verb = "is" if (~told).sum() == 1 else "are"
        words.append(f"{same} {verb} not told apart from {labels.get(baseline, baseline)}")
    n = f"n = {sizes[0]}" if len(sizes) == 1 else f"n = {sizes[0]} to {sizes[-1]}"
    first, *rest = words
    return f"On your images {'; '.join([first + (over if not first.endswith(baseline) else ''), *rest])} ({n} paired trainings)."


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
