"""An architecture search: held-out accuracy against size."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from .style import WIDTH, Style, blank_figure, drawing

BUDGET = "#b2182b"
PANELS = {"parameters": "parameters", "macs": "multiply-adds of one image"}


@drawing
def draw_search(table: pd.DataFrame, style: Style, *, ladder: pd.DataFrame, budget: int) -> Figure:
    """Held-out accuracy of every shape against its parameters and its multiply-adds, one color a rung.

    ``table`` is of ``search_tables.search_table``; ``ladder`` of ``search_tables.scaling_table``, whose best pair is joined
    by a line in the last rung. Bars are 95 % intervals over replicas; a dashed line is the budget; a ring the shape that was
    chosen.
    """
    style.rows(table, "shapes")
    rungs = sorted(table["rung"].unique())
    colors = dict(zip(rungs, sns.color_palette("viridis_r", len(rungs) + 1)[1:], strict=True))
    winner = table[table["fate"] == "chosen"].iloc[0]
    joined = ladder[(ladder["best"] == 1) & (ladder["rung"] == rungs[-1])].sort_values("phi")
    words = _words(table, len(joined) > 0)
    figure = blank_figure(style.width or WIDTH, 4.4 + 0.2 * len(rungs), style.title, style.words(*words))
    grid = figure.subplots(2, 1, sharey=True)
    for axes, (column, label) in zip(grid, PANELS.items(), strict=True):
        for rung in rungs:
            rows = table[table["rung"] == rung]
            axes.vlines(rows[column], rows["val_low"], rows["val_high"], color=colors[rung], linewidth=1.0)
            axes.plot(rows[column], rows["val_mean"], "o", color=colors[rung], markersize=3.5, label=_rung_label(rows))
        axes.plot(joined[column], joined["val_mean"], color=colors[rungs[-1]], linewidth=0.8)
        ring = {"markersize": 9, "markerfacecolor": "none", "markeredgecolor": "black", "markeredgewidth": 0.9}
        axes.plot(winner[column], winner["val_mean"], "o", **ring)
        axes.set_xscale("log")
        # a few labels, whether the sizes span a factor of three or of a thousand
        narrow = table[column].max() < 30 * table[column].min()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
        axes.xaxis.set_major_formatter(FuncFormatter(_short))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        axes.set_xlabel(label)
        axes.set_ylabel("held-out accuracy (%)")
    grid[0].axvline(budget, color=BUDGET, linewidth=0.9, linestyle=(0, (3, 2)))
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", frameon=False, ncols=1, handletextpad=0.2)
    return figure


def _short(value: float, _=None) -> str:
    """``1500000`` -> ``1.5 M``."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _rung_label(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    images = "all images" if pd.isna(first["images_per_class"]) else f"{first['images_per_class']:.0f} images a class"
    epochs = "epoch" if first["epochs"] == 1 else "epochs"
    return f"rung {first['rung']}: {len(rows)} shapes, {first['epochs']} {epochs}, {images}, n = {first['n']}"


def _words(table: pd.DataFrame, joined: bool) -> list[str]:
    words = ["dot: one shape; ring: chosen; dashed: budget"] + ["line: compound scaling"] * joined
    words += ["bar: 95 % interval over replicas" if table["val_low"].notna().any() else "n = 1: no interval"]
    diverged = int(table["diverged"].sum())
    return words + ([f"{diverged} diverged, counted as chance"] if diverged else [])
