"""Tables of an architecture search and of its final models; no torch."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ..search.rungs import Plan, chosen, ranking
from .curves import read_curves
from .statistics import mean_interval
from .tables import as_floats, final_table, interval_text, number_text

_BOUNDS = ("val_mean", "val_low", "val_high")
FATES = {"chosen": "**chosen**", "on": "goes on", "out": "out"}


# ---------------------------------------------------------------- the search


def search_table(rungs: Sequence[Sequence[Mapping]], plan: Plan, chance: float) -> pd.DataFrame:
    """One row per rung and configuration, the best of a rung first.

    Columns: rung, configuration, parameters, macs, epochs, images_per_class (NaN: all), n, diverged, val_mean, val_low,
    val_high (percent, 95 % interval over replicas; empty with one), note, fate (``on``: trained again in the next rung;
    ``out``; ``chosen``). ``rungs`` are rows of ``search.read_rungs``; a training that diverged counts as ``chance`` percent.
    """
    table = []
    for number, rows in enumerate(rungs):
        last = number + 1 == len(rungs)
        further = {chosen(rows).name} if last else {shape.name for shape in plan.entrants(number + 1, rungs)}
        own = pd.DataFrame(rows)
        for name in ranking(rows):
            mine = own[own["configuration"] == name]
            diverged = mine["diverged"].astype(int) == 1
            values = pd.to_numeric(mine["val_accuracy"], errors="coerce").where(~diverged, chance)
            interval = mean_interval(values.to_numpy()[None])
            first = mine.iloc[0]
            row = {"rung": number, "configuration": name}
            row |= {key: int(first[key]) for key in ("parameters", "macs", "epochs")}
            row |= {"images_per_class": pd.to_numeric(first["images_per_class"], errors="coerce"), "n": interval.n}
            row |= {"diverged": int(diverged.sum()), "val_mean": interval.mean, "val_low": interval.low}
            row |= {"val_high": interval.high, "note": interval.note}
            row["fate"] = ("chosen" if last else "on") if name in further else "out"
            table.append(row)
    return as_floats(pd.DataFrame(table), ["images_per_class", *_BOUNDS])


def scaling_table(table: pd.DataFrame, rungs: Sequence[Sequence[Mapping]], plan: Plan) -> pd.DataFrame:
    """Compound scaling: every pair at phi = 1 in rung 0, then the best pair's ladder in every rung.

    Columns: rung, alpha, beta, phi, best (whether it is the pair that was scaled), configuration, parameters, macs, n,
    val_mean, val_low, val_high, ratio (the parameters, times those of the base). Empty for a search without scaling.
    """
    columns = ["rung", "alpha", "beta", "phi", "best", "configuration", "parameters", "macs", "n", *_BOUNDS, "ratio"]
    rows = []
    if plan.base is not None:
        best = plan.best_pair(rungs[0])
        steps = [(0, pair, 1.0, plan.at(pair, 1.0)) for pair in plan.pairs]
        steps += [(number, best, phi, shape) for number in range(len(rungs)) for phi, shape in plan.ladder(best)]
        for rung, pair, phi, shape in dict.fromkeys(steps):
            found = table[(table["rung"] == rung) & (table["configuration"] == shape.name)]
            if found.empty:
                continue  # rung 0 trains no pair at its largest phi
            row = {"alpha": pair[0], "beta": pair[1], "phi": phi, "best": int(pair == best)}
            row["ratio"] = plan.sizes.parameters(shape) / plan.sizes.parameters(plan.base)
            rows.append(row | found.iloc[0][["rung", "configuration", "parameters", "macs", "n", *_BOUNDS]].to_dict())
    return as_floats(pd.DataFrame(rows, columns=columns), [*_BOUNDS, "ratio"])


def search_parts(table: pd.DataFrame, scaling: pd.DataFrame) -> list[str | pd.DataFrame]:
    """Both tables in words, rung by rung from the last to the first."""
    parts: list[str | pd.DataFrame] = []
    for rung in sorted(table["rung"].unique(), reverse=True):
        rows = table[table["rung"] == rung]
        first = rows.iloc[0]
        images = "all" if pd.isna(first["images_per_class"]) else f"{first['images_per_class']:.0f}"
        scale = f"{_count(len(rows), 'shape')}, {_count(first['epochs'], 'epoch')}, {images} training images a class"
        parts += [f"## Rung {rung}: {scale}", _display_rung(rows)]
    if len(scaling):
        best = scaling[scaling["best"] == 1].iloc[0]
        parts += [
            "## Compound scaling",
            f"Every pair alpha (depth), beta (width) at phi = 1 in rung 0; the best, alpha = {best['alpha']:g} and "
            f"beta = {best['beta']:g}, at phi = 0, 1 and the largest phi under the budget in every rung. "
            "Blocks are whole numbers: the width is what brings the parameters to 2^phi times those of the base, and pairs that "
            "come to one network are one row.",
            _display_scaling(scaling),
        ]
    parts += [
        "Accuracy is on training images that were held out; no test image was looked at. Rungs differ in epochs and "
        "images, so compare within a rung. Intervals are over replicas, and one replica has none."
    ]
    return parts


def _display_rung(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "configuration": [f"`{name}`" for name in rows["configuration"]],
            **_sizes(rows),
            "held-out accuracy (%)": _accuracies(rows),
            "n": rows["n"].to_numpy(),
            "diverged": rows["diverged"].to_numpy(),
            "then": [FATES[fate] for fate in rows["fate"]],
        }
    )


def _display_scaling(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rung": rows["rung"].to_numpy(),
            **{key: [f"{value:g}" for value in rows[key]] for key in ("alpha", "beta", "phi")},
            "times the base": [f"{value:.2f}" for value in rows["ratio"]],
            "configuration": [f"`{name}`" for name in rows["configuration"]],
            **_sizes(rows),
            "held-out accuracy (%)": _accuracies(rows),
        }
    )


def _sizes(rows: pd.DataFrame) -> dict[str, list[str]]:
    macs = [f"{value / 1e6:,.1f}" for value in rows["macs"]]
    return {"parameters": [f"{value:,}" for value in rows["parameters"]], "million multiply-adds": macs}


def _accuracies(rows: pd.DataFrame) -> list[str]:
    return [interval_text(row.val_mean, row.val_low, row.val_high, row.n) for row in rows.itertuples()]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


# ---------------------------------------------------------------- final models


def compact_table(
    curves: pd.DataFrame, sizes: Mapping[str, Mapping], models: Mapping[str, Mapping], chance: float
) -> pd.DataFrame:
    """One row per final model: ``tables.final_table`` with its architecture, parameters, macs and published accuracy.

    ``sizes`` is model -> parameters, macs and configuration; ``models`` the config's section, which may hold a
    ``published`` accuracy in percent.
    """
    table = final_table(curves, chance=chance).rename(columns={"arm": "model"})
    facts = [{"model": name, "architecture": models[name]["architecture"], **sizes[name]} for name in table["model"]]
    table["published"] = [models[name].get("published") for name in table["model"]]
    table = pd.DataFrame(facts).merge(table.drop(columns=["protocol", "n_tasks"]), on="model")
    return as_floats(table, ["published"])


def display_compact(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`compact_table` in words."""
    return pd.DataFrame(
        {
            "model": table["model"],
            "architecture": [f"`{name}`" for name in table["architecture"]],
            "configuration": [f"`{name}`" if name else "" for name in table["configuration"]],
            **_sizes(table),
            "recipe": table["recipe"],
            "epochs": table["epoch"],
            "n": table["n"],
            "validation (%)": [interval_text(r.val_mean, r.val_low, r.val_high, r.n) for r in table.itertuples()],
            "test (%)": [interval_text(r.test_mean, r.test_low, r.test_high, r.n) for r in table.itertuples()],
            "published (%)": [number_text(value) for value in table["published"]],
            "diverged": table["diverged"],
        }
    )


def class_table(confusion: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of every class (percent) with its 95 % interval over replicas: class, n, mean, low, high, note.

    ``confusion`` has replica, true, predicted, images; classes keep its order.
    """
    names = list(dict.fromkeys(confusion["true"]))
    totals = confusion.groupby(["true", "replica"])["images"].sum()
    right = confusion[confusion["true"] == confusion["predicted"]].groupby(["true", "replica"])["images"].sum()
    shares = (100 * right / totals).unstack("replica").loc[names]
    rows = []
    for name, values in shares.iterrows():
        interval = mean_interval(values.to_numpy()[None])
        row = {"class": name, "n": interval.n, "mean": interval.mean, "low": interval.low, "high": interval.high}
        rows.append(row | {"note": interval.note})
    return as_floats(pd.DataFrame(rows), ["mean", "low", "high"])


def read_model(files: Mapping[str, Iterable[str | Path]]) -> dict:
    """A final model's tables over its blocks of replicas: curves, confusion, features (data frames), and sizes.

    ``files`` has the paths of curves, confusion, features and records.
    """
    text = {"true": str, "predicted": str, "class": str, "method": str}
    result: dict = {"curves": read_curves(files["curves"])}
    for name in ("confusion", "features"):
        parts = [pd.read_csv(path, dtype=text, keep_default_na=False) for path in files[name]]
        result[name] = pd.concat(parts, ignore_index=True)
    record = json.loads(Path(next(iter(files["records"]))).read_text())
    result["sizes"] = {key: record[key] for key in ("parameters", "macs", "configuration")}
    return result
