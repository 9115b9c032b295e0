"""Pictures of a compared family's curves: validation error by epoch and by total cost."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import WIDTH, Style, blank_figure, drawing, log_axis, method_colors


@drawing
def draw_costs(table: pd.DataFrame, style: Style) -> Figure:
    """A row of two pictures per panel: validation error by epoch, and by what it cost since nothing was trained.

    Thin lines are the single trainings where the table has them. There are no bands: those of the arms' own means would
    hide that arms are compared paired, and the differences with their intervals have a picture of their own. Errors stand
    on a logarithmic axis that holds every line, so that a point at 98 % is as visible as ten points at 50 %.

    ``table`` is :func:`.comparison.cost_curves`'s. Arms of one label have one color in all panels.
    """
    style.rows(table, "curves")
    panels, labels = list(table["panel"].unique()), list(table["label"].unique())
    colors = method_colors([*style.methods.values(), *labels])
    sizes = sorted(set(table["n"]))
    words = ["line: mean validation error at the arm's best recipe"]
    words += ["thin: single trainings"] if "runs" in table else []
    words += [f"n = {sizes[0]}" if len(sizes) == 1 else f"n = {sizes[0]} to {sizes[-1]}"]
    legend = 0.2 + 0.16 * -(-len(labels) // 3)
    figure = blank_figure(style.width or 2 * WIDTH, legend + 2.1 * len(panels), style.title, style.words(*words))
    grid = figure.subplots(len(panels), 2, squeeze=False, sharey="row")
    for row, panel in zip(grid, panels, strict=True):
        part = table[table["panel"] == panel]
        for axes, column in zip(row, ("epoch", "cost"), strict=True):
            _draw_lines(axes, part, column, colors)
            axes.set_xlim(left=min(0, float(part[column].min())))
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=column == "epoch"))
        _scale(row[0], part)
        row[0].set_ylabel("error (%)")
        row[0].set_title(panel, loc="left", pad=4)
    grid[-1, 0].set_xlabel("epoch")
    grid[-1, 1].set_xlabel("total cost (tera multiply-adds), inherited included")
    handles, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=3, frameon=False)
    return figure


def _runs(rows: pd.DataFrame) -> list[list[float]]:
    """The errors of every row's single trainings; empty where the table has none."""
    texts = rows["runs"].dropna() if "runs" in rows else ()
    return [[100 - float(value) for value in text.split()] for text in texts]


def _scale(axes: Axes, part: pd.DataFrame) -> None:
    """A logarithmic axis that holds every line; linear below the least error where a training makes none at all."""
    errors = [*(100 - part["mean"]), *(value for row in _runs(part) for value in row)]
    least = min((value for value in errors if value > 0), default=1.0)
    low, high = 0.9 * min(errors), 1.1 * max(*errors, least)
    if low > 0:
        axes.set_yscale("log")
    else:
        axes.set_yscale("symlog", linthresh=least)
    axes.set_ylim(low, high)
    log_axis(axes.yaxis, max(low, least), high, zero=low <= 0)


def _draw_lines(axes: Axes, part: pd.DataFrame, column: str, colors: Mapping[str, str]) -> None:
    """Every arm of a panel: its single trainings, and its mean."""
    for label, rows in part.groupby("label", sort=False):
        for run in zip(*_runs(rows), strict=True):
            axes.plot(rows[column], run, color=colors[label], linewidth=0.5, alpha=0.45)
        look = {"color": colors[label], "linewidth": 1.4, "marker": "o", "markersize": 2.5}
        axes.plot(rows[column], 100 - rows["mean"], **look, label=label)
