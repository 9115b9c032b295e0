"""Tables from curves: final accuracies, the audit of the paper's claims, and what controls keep of the gain.

Every table is a data frame of numbers for the CSV; ``display_*`` turns it into the words of a paper's table,
and :func:`to_markdown` and :func:`to_latex` print either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from tabulate import tabulate

from .curves import cell_matrix, count_diverged, pair, select
from .statistics import ALPHA, Verdict, claim_p_value, holm, mean_interval, paired_difference, verdict

# What arms are compared by, at their last epoch. The published code evaluates on the test split alone.
OUTCOMES = {"published": "val_accuracy", "controlled": "test_accuracy"}

# What counts as "no difference" where a claim says so: half of the four points that claim (a) is about.
MARGIN = 2.0

NOT_RUN = "not run"
# A contrast's verdict before any correction has words of its own.
FINDINGS = {"supported": "as claimed", "not supported": "not as claimed", "undecided": "open"}

VERDICT_RULE = (
    "A contrast is *as claimed* when the whole 95 % interval of its paired difference lies where the claim "
    "puts it, *not as claimed* when no part of it does, *open* otherwise. A claim is SUPPORTED when all its "
    "contrasts are as claimed and its p-value, the largest of theirs, is below 0.05 after Holm's correction "
    "over all claims that were run under that protocol; NOT SUPPORTED when a contrast is not as claimed; "
    f'UNDECIDED otherwise. "Equally good" and "does not matter" mean within ±{MARGIN:g} points, "does not '
    f'help" and "no better" mean a gain below {MARGIN:g} points.'
)


@dataclass(frozen=True)
class Contrast:
    """A paired difference that a claim is about: mean of the ``plus`` arms minus mean of the ``minus`` arms.

    Claimed is that it is ``greater`` or ``less`` than ``threshold`` points or within +-``threshold``
    (``equivalent``). ``published`` is the difference of the published means at the last epoch, in points.
    """

    plus: tuple[str, ...]
    minus: tuple[str, ...]
    direction: str
    threshold: float
    published: float
    name: str = ""

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms that have to be trained for it."""
        return (*self.plus, *self.minus)

    @property
    def text(self) -> str:
        """What is claimed, e.g. ``euclid-k2 - random > 4``; ``name`` replaces the arms."""
        arms = self.name or " - ".join(" + ".join(side) for side in (self.plus, self.minus))
        sign = {"greater": "> ", "less": "< ", "equivalent": "within ±"}[self.direction]
        return f"{arms} {sign}{self.threshold:g}"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper and the contrasts that decide it."""

    key: str
    text: str
    contrasts: tuple[Contrast, ...]


def _each(direction: str, threshold: float, *triples: tuple[str, str, float]) -> tuple[Contrast, ...]:
    """Contrasts of single arms from (plus, minus, published difference)."""
    return tuple(
        Contrast((plus,), (minus,), direction, threshold, published) for plus, minus, published in triples
    )


_KS = (2, 3, 10, 30, 50)

# Published numbers: differences of the mean accuracies at epoch 15 in the paper's published curves. The arms
# euclid-k10 and fourier-k10 were trained for three families there; claims (c) and (d) quote their own family.
CLAIMS = (
    Claim(
        "a",
        "Clustering beats random by more than 4 points and Gabor by more than 2",
        _each("greater", 4.0, ("euclid-k2", "random", 4.83), ("fourier-k2", "random", 5.00))
        + _each("greater", 2.0, ("euclid-k2", "gabor-1", 2.57), ("fourier-k2", "gabor-1", 2.74)),
    ),
    Claim(
        "b",
        "Any k > 1 is about equally good, k = 1 is bad",
        _each(
            "equivalent",
            MARGIN,
            ("euclid-k3", "euclid-k2", -0.41),
            ("euclid-k10", "euclid-k2", -1.90),
            ("euclid-k30", "euclid-k2", -2.50),
            ("euclid-k50", "euclid-k2", -2.44),
            ("fourier-k3", "fourier-k2", -0.71),
            ("fourier-k10", "fourier-k2", -0.44),
            ("fourier-k30", "fourier-k2", -1.08),
            ("fourier-k50", "fourier-k2", -0.80),
        )
        + _each("less", -MARGIN, ("euclid-k1", "euclid-k2", -5.50), ("fourier-k1", "fourier-k2", -5.21)),
    ),
    Claim(
        "c",
        "More clustered layers help (17 against 1 and 6)",
        _each(
            "greater",
            0.0,
            ("euclid-k10", "euclid-l1", 2.59),
            ("euclid-k10", "euclid-l6", 2.03),
            ("fourier-k10", "fourier-l1", 4.21),
            ("fourier-k10", "fourier-l6", 2.96),
        ),
    ),
    Claim(
        "d",
        "The number of source models does not matter (20 and 10 against 2)",
        _each(
            "equivalent",
            MARGIN,
            ("euclid-m20", "euclid-m2", 0.07),
            ("euclid-k10", "euclid-m2", 0.22),
            ("fourier-m20", "fourier-m2", 0.29),
            ("fourier-k10", "fourier-m2", 0.38),
        ),
    ),
    Claim(
        "e",
        "On the first layer alone Gabor beats clustering",
        _each("greater", 0.0, ("gabor-1", "euclid-l1", 1.43), ("gabor-1", "fourier-l1", 2.36)),
    ),
    Claim(
        "f",
        "Gabor beyond the first layer hurts",
        _each(
            "less",
            0.0,
            ("gabor-2", "gabor-1", -0.61),
            ("gabor-6", "gabor-1", -3.13),
            ("gabor-10", "gabor-1", -11.44),
            ("gabor-17", "gabor-1", -22.80),
        ),
    ),
    Claim(
        "g",
        "Alignment does not help",
        _each(
            "less",
            MARGIN,
            ("custom-aligned-1", "custom-random", 0.02),
            ("custom-aligned-2", "custom-random", -0.27),
            ("custom-aligned-4", "custom-random", -0.10),
        ),
    ),
    Claim(
        "h",
        "The gain carries over to Tiny ImageNet",
        _each("greater", 0.0, ("tiny-clustered", "tiny-random", 4.45)),
    ),
    Claim(
        "i",
        "Fourier is marginally better than euclid",
        (
            Contrast(("fourier-k2",), ("euclid-k2",), "greater", 0.0, 0.17),
            Contrast(
                tuple(f"fourier-k{k}" for k in _KS),
                tuple(f"euclid-k{k}" for k in _KS),
                "greater",
                0.0,
                1.01,
                "mean of fourier - mean of euclid over k = 2, 3, 10, 30, 50",
            ),
        ),
    ),
    Claim(
        "j",
        "A pretrained model is no better than random",
        _each("less", MARGIN, ("pretrained", "random", -0.08)),
    ),
)


# ---------------------------------------------------------------- final accuracies


def final_table(
    curves: pd.DataFrame,
    *,
    published: Mapping[str, Sequence[float]] | None = None,
    epochs: Sequence[int] | None = None,
    chance: float | Mapping[str, float] = 10.0,
) -> pd.DataFrame:
    """One row per protocol, recipe, arm and epoch: means in percent with their 95 % intervals.

    Args:
        curves: of one run.
        published: arm -> published means from epoch 1 on.
        epochs: default the last epoch of each arm.
        chance: see :func:`curves.cell_matrix`; diverged trainings count as this and are counted.

    Returns:
        Columns ``protocol, recipe, arm, epoch, n_tasks, n_replicas, n, diverged, val_mean, val_low, val_high,
        test_mean, test_low, test_high, published, note``; empty where there is no value. ``note`` says what
        the intervals speak of.
    """
    values = [f"{part}_{what}" for part in ("val", "test") for what in ("mean", "low", "high")]
    rows = []
    for (protocol, recipe, arm), own in curves.groupby(["protocol", "recipe", "arm"], sort=False):
        last = int(own["epoch"].max())
        for epoch in epochs or [last]:
            row = {"protocol": protocol, "recipe": recipe, "arm": arm, "epoch": epoch}
            # test images are looked at once, at the end
            for part in ("val", "test") if protocol == "controlled" and epoch == last else ("val",):
                cells = cell_matrix(own, arm, f"{part}_accuracy", epoch=epoch, chance=chance)
                interval = mean_interval(cells)
                bounds = {"mean": interval.mean, "low": interval.low, "high": interval.high}
                row |= {f"{part}_{name}": value for name, value in bounds.items()}
            row |= {"n_tasks": interval.n_tasks, "n_replicas": interval.n_replicas, "n": interval.n}
            row |= {"diverged": count_diverged(own[own["epoch"] <= epoch]), "note": interval.note}
            means = (published or {}).get(arm, ())
            rows.append(row | {"published": means[epoch - 1] if epoch <= len(means) else None})
    keys = ["protocol", "recipe", "arm", "epoch", "n_tasks", "n_replicas", "n", "diverged"]
    columns = [*keys, *values, "published", "note"]
    return _numbers(pd.DataFrame(rows, columns=columns), [*values, "published"])


def display_final(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`final_table` in words, one line per row."""
    return pd.DataFrame(
        {
            "protocol": table["protocol"],
            "recipe": table["recipe"],
            "arm": table["arm"],
            "epoch": table["epoch"],
            "n": [f"{row.n_tasks} x {row.n_replicas}" for row in table.itertuples()],
            "validation (%)": [_interval(r.val_mean, r.val_low, r.val_high, r.n) for r in table.itertuples()],
            "test (%)": [_interval(r.test_mean, r.test_low, r.test_high, r.n) for r in table.itertuples()],
            "published (%)": [_number(value) for value in table["published"]],
            "diverged": table["diverged"],
        }
    )


# ---------------------------------------------------------------- audit


def audit(
    curves: pd.DataFrame,
    *,
    claims: Sequence[Claim] = CLAIMS,
    recipe: str | None = None,
    chance: float | Mapping[str, float] = 10.0,
) -> pd.DataFrame:
    """The claims against the curves of one run: a row per contrast with what was found under both protocols.

    Args:
        curves: of one run; arms that a contrast needs may be missing.
        claims: default those of the paper.
        recipe: taken where a contrast's arms were trained under several.
        chance: see :func:`curves.cell_matrix`.

    Returns:
        Columns ``claim, text, contrast, published`` and for each protocol ``<protocol>_`` followed by
        ``difference, low, high, p, effect_size, n_tasks, n_replicas, n, diverged, finding, rule, claim_p,
        claim_p_holm, claim_verdict, claim_rule``. ``p`` is that of the contrast
        (:func:`statistics.claim_p_value`). A claim that needs all its contrasts has the largest of their
        p-values (intersection-union test, Berger 1982), corrected over the claims; :data:`VERDICT_RULE` is
        the whole rule. A contrast whose arms were not trained is ``not run``, and ``rule`` names them.
    """
    pairs = [(claim, contrast) for claim in claims for contrast in claim.contrasts]
    columns = {
        "claim": [claim.key for claim, _ in pairs],
        "text": [claim.text for claim, _ in pairs],
        "contrast": [contrast.text for _, contrast in pairs],
        "published": [contrast.published for _, contrast in pairs],
    }
    parts = [pd.DataFrame(columns)]
    for protocol in OUTCOMES:
        groups = [
            [_compare(curves, contrast, protocol, recipe, chance) for contrast in claim.contrasts]
            for claim in claims
        ]
        p_values = [_claim_p(rows) for rows in groups]
        results = []
        for rows, p, p_holm in zip(groups, p_values, holm(p_values), strict=True):
            judged = _judge(rows, p_holm)
            whole = {
                "claim_p": p,
                "claim_p_holm": p_holm,
                "claim_verdict": judged.word,
                "claim_rule": judged.rule,
            }
            results += [row | whole for row in rows]
        floats = ("difference", "low", "high", "p", "effect_size", "claim_p", "claim_p_holm")
        parts.append(_numbers(pd.DataFrame(results), floats).add_prefix(f"{protocol}_"))
    return pd.concat(parts, axis=1)


def _compare(
    curves: pd.DataFrame,
    contrast: Contrast,
    protocol: str,
    recipe: str | None,
    chance: float | Mapping[str, float],
) -> dict:
    """Numbers and finding of one contrast under one protocol."""
    rows = curves[(curves["protocol"] == protocol) & curves["arm"].isin(contrast.arms)]
    if recipe is not None and (rows["recipe"] == recipe).any():
        rows = rows[rows["recipe"] == recipe]
    trained = set(rows["arm"])
    missing = [arm for arm in contrast.arms if arm not in trained]
    if missing:
        empty = dict.fromkeys(("difference", "low", "high", "p", "effect_size"))
        empty |= dict.fromkeys(("n_tasks", "n_replicas", "n", "diverged"), 0)
        return empty | {"finding": NOT_RUN, "rule": f"{NOT_RUN} (needs arms: {', '.join(missing)})"}
    cells = _cells(rows, contrast.arms, protocol, chance)
    plus, minus = (np.mean([cells[arm] for arm in arms], axis=0) for arms in (contrast.plus, contrast.minus))
    comparison = paired_difference(plus, minus)
    judged = verdict(comparison, contrast.direction, contrast.threshold)
    return {
        "difference": comparison.mean,
        "low": comparison.low,
        "high": comparison.high,
        "p": claim_p_value(comparison, contrast.direction, contrast.threshold),
        "effect_size": comparison.effect_size,
        "n_tasks": comparison.n_tasks,
        "n_replicas": comparison.n_replicas,
        "n": comparison.n,
        "diverged": count_diverged(rows),
        "finding": FINDINGS[judged.word],
        "rule": judged.rule,
    }


def _cells(
    curves: pd.DataFrame, arms: Sequence[str], protocol: str, chance: float | Mapping[str, float]
) -> dict[str, np.ndarray]:
    """Outcomes of several arms on the (tasks, replicas) that all of them share."""
    matrices = {arm: cell_matrix(curves, arm, OUTCOMES[protocol], chance=chance) for arm in arms}
    common = matrices[arms[0]]
    for arm in arms[1:]:
        common, _ = pair(common, matrices[arm])
    return {arm: matrix.loc[common.index, common.columns].to_numpy() for arm, matrix in matrices.items()}


def _claim_p(rows: Sequence[Mapping]) -> float | None:
    """The p-value of a claim that needs all its contrasts; None unless all were tested."""
    values = [row["p"] for row in rows]
    return None if None in values else max(values)


def _judge(rows: Sequence[Mapping], p_holm: float | None) -> Verdict:
    """The verdict on a claim from its contrasts and its corrected p-value, by :data:`VERDICT_RULE`."""
    run = [row for row in rows if row["finding"] != NOT_RUN]
    findings = [row["finding"] for row in rows]
    if not run:
        return Verdict(NOT_RUN, "; ".join(dict.fromkeys(row["rule"] for row in rows)))
    part = f"{len(run)} of {len(rows)} contrasts run"
    against, as_claimed = findings.count(FINDINGS["not supported"]), findings.count(FINDINGS["supported"])
    if against:
        return Verdict("not supported", f"{part}, {against} not as claimed")
    if as_claimed == len(rows) and p_holm is not None:
        word = "supported" if p_holm < ALPHA else "undecided"
        return Verdict(word, f"{part}, all as claimed; Holm p = {p_holm:.2g}")
    return Verdict("undecided", f"{part}, {as_claimed} as claimed, {len(run) - as_claimed} open")


def display_audit(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`audit` in words: a line per claim with its verdicts, then one per contrast with its numbers."""
    lines = []
    for key, rows in table.groupby("claim", sort=False):
        records = rows.to_dict("records")
        head = {"claim": f"**({key}) {records[0]['text']}**", "published (points)": ""}
        lines.append(head | {f"under `{name}`": _claim_cell(records[0], name) for name in OUTCOMES})
        for record in records:
            line = {"claim": record["contrast"], "published (points)": f"{record['published']:+.2f}"}
            lines.append(line | {f"under `{name}`": _contrast_cell(record, name) for name in OUTCOMES})
    return pd.DataFrame(lines)


def _claim_cell(record: Mapping, protocol: str) -> str:
    word = record[f"{protocol}_claim_verdict"]
    if word == NOT_RUN:
        return NOT_RUN
    return f"**{word.upper()}** ({record[f'{protocol}_claim_rule']})"


def _contrast_cell(record: Mapping, protocol: str) -> str:
    """Difference, interval, p, effect size, n and finding."""
    row = {
        key.removeprefix(f"{protocol}_"): value
        for key, value in record.items()
        if key.startswith(f"{protocol}_")
    }
    if row["finding"] == NOT_RUN:
        return row["rule"]
    size = "n = 1" if row["n"] == 1 else f"n = {row['n_tasks']} x {row['n_replicas']}"
    size += f" ({row['diverged']} trainings diverged)" if row["diverged"] else ""
    if np.isnan(row["low"]):
        return f"{row['difference']:+.2f}, {size}: no interval; {row['finding']}"
    interval = f"{row['difference']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
    return f"{interval}, p = {row['p']:.2g}, d = {row['effect_size']:.2f}, {size}; {row['finding']}"


# ---------------------------------------------------------------- attribution


def attribution(
    curves: pd.DataFrame,
    baseline: str = "random",
    full: str = "euclid-k2",
    *,
    controls: Sequence[str] | None = None,
    protocol: str = "controlled",
    recipe: str | None = None,
    chance: float | Mapping[str, float] = 10.0,
) -> pd.DataFrame:
    """How much of the gain of ``full`` over ``baseline`` each control keeps.

    ``share`` is (control - baseline) / (full - baseline). Its 95 % interval holds the shares s that the data
    do not reject, i.e. for which the interval of the paired (control - baseline) - s (full - baseline) holds
    zero (Fieller 1954); it exists only when the full gain is itself distinguishable from zero, and ``note``
    says so otherwise.

    Args:
        controls: default those with the same k as ``full`` and those without k.
        recipe: needed when the curves hold several under ``protocol``.

    Returns:
        One row for ``full`` and one per control: ``arm, gain, gain_low, gain_high, share, share_low,
        share_high, n_tasks, n_replicas, n, diverged, note``. Controls that were not trained have the note
        ``not run``.
    """
    rows = select(curves, protocol=protocol, recipe=recipe)
    trained = set(rows["arm"])
    if controls is None:
        suffix = full[full.rfind("-k") :] if "-k" in full else ""
        controls = [
            f"{name}{suffix}" for name in ("clustered-untrained", "clustered-live", "clustered-rescaled")
        ]
        controls += [f"he-scaled{suffix}", "shuffled", "resampled", "gaussian"]
    result = []
    for arm in (full, *controls):
        row = {"arm": arm, "n_tasks": 0, "n_replicas": 0, "n": 0, "diverged": 0}
        missing = [name for name in (arm, baseline, full) if name not in trained]
        if missing:
            result.append(row | {"note": f"{NOT_RUN} (needs arms: {', '.join(dict.fromkeys(missing))})"})
            continue
        cells = _cells(rows, tuple(dict.fromkeys((baseline, full, arm))), protocol, chance)
        gain, whole = cells[arm] - cells[baseline], cells[full] - cells[baseline]
        interval = mean_interval(gain)
        row |= {"gain": interval.mean, "gain_low": interval.low, "gain_high": interval.high}
        row |= {"n_tasks": interval.n_tasks, "n_replicas": interval.n_replicas, "n": interval.n}
        row |= {
            "diverged": count_diverged(rows[rows["arm"].isin((baseline, full, arm))]),
            "note": interval.note,
        }
        result.append(row | ({"share": 1.0} if arm == full else _share(gain, whole)))
    floats = ("gain", "gain_low", "gain_high", "share", "share_low", "share_high")
    counts = ("n_tasks", "n_replicas", "n", "diverged")
    return _numbers(pd.DataFrame(result, columns=["arm", *floats, *counts, "note"]), floats)


def _share(gain: np.ndarray, whole: np.ndarray) -> dict:
    """``mean(gain) / mean(whole)`` with Fieller's interval, from (tasks, replicas) matrices."""
    reference = mean_interval(whole)
    if reference.low is None or reference.low <= 0 <= reference.high:
        return {"note": "the full gain is not distinguishable from zero: no share"}
    estimate = gain.mean() / whole.mean()

    def excess(share: float) -> float:
        """Positive when ``share`` is rejected: how far the interval of the contrast lies from zero."""
        interval = mean_interval(gain - share * whole)
        return 0.0 if interval.low is None else max(interval.low, -interval.high)

    bounds = {}
    for name, sign in (("share_low", -1.0), ("share_high", 1.0)):
        step = 0.25
        while excess(estimate + sign * step) <= 0 and step < 1000:
            step *= 2
        if step < 1000:
            bounds[name] = brentq(excess, estimate, estimate + sign * step, xtol=1e-4)
    return {"share": estimate} | bounds


def display_attribution(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`attribution` in words."""
    lines = []
    for row in table.itertuples():
        line = {
            "arm": row.arm,
            "n": "",
            "gain (points)": row.note,
            "share of the full gain": "",
            "diverged": "",
        }
        if row.n:
            share = "" if np.isnan(row.share) else f"{row.share:.0%}"
            if not np.isnan(row.share_low):
                share += f" [{row.share_low:.0%}, {row.share_high:.0%}]"
            line |= {"n": f"{row.n_tasks} x {row.n_replicas}", "diverged": row.diverged}
            line |= {"gain (points)": _interval(row.gain, row.gain_low, row.gain_high, row.n, sign="+")}
            line |= {"share of the full gain": share or row.note}
        lines.append(line)
    return pd.DataFrame(lines)


# ---------------------------------------------------------------- printing


def to_markdown(table: pd.DataFrame) -> str:
    """A Markdown table, ending in a newline."""
    return _print(table, "pipe")


def to_latex(table: pd.DataFrame) -> str:
    """A LaTeX ``tabular`` with booktabs rules and escaped text, ending in a newline."""
    plain = table.rename(columns=_plain).map(lambda value: _plain(value) if isinstance(value, str) else value)
    return _print(plain, "latex_booktabs")


def _plain(text: str) -> str:
    """Text without the Markdown marks of the ``display_*`` tables."""
    return text.replace("**", "").replace("`", "")


def _print(table: pd.DataFrame, style: str) -> str:
    rows = table.itertuples(index=False)
    cells = [[_number(value) if isinstance(value, float) else str(value) for value in row] for row in rows]
    return tabulate(cells, headers=list(table.columns), tablefmt=style, disable_numparse=True) + "\n"


def _number(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.2f}"


def _interval(mean: float, low: float, high: float, n: int, *, sign: str = "") -> str:
    """``65.16 [63.50, 66.80]``; without interval ``65.16 (n = 1: no interval)``; nothing for no value."""
    if pd.isna(mean):
        return ""
    if pd.isna(low):
        return f"{mean:{sign}.2f} ({'n = 1: ' if n == 1 else ''}no interval)"
    return f"{mean:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}]"


def _numbers(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The table with these columns as floats, None being NaN."""
    return table.astype(dict.fromkeys(columns, float))
