"""Every published curve and how far ours is from it, at one look."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..reproduction import MARGIN
from ..tables import NOT_RUN
from .forest import name_rows
from .style import GREY, WIDTH, Style, blank_figure, drawing, method_colors

COLUMNS = ["arm", "epoch", "published", "ours", "gap", "low", "high", "n_tasks", "n_replicas", "verdict"]


def gap_rows(table: pd.DataFrame) -> pd.DataFrame:
    """What :func:`draw_gaps` draws of :func:`.reproduction.reproduction`: the last epoch, with the gap's two standard errors as
    ``low`` and ``high`` (empty where nothing is known of the replicas' spread)."""
    last = table[table["epoch"] == table["epoch"].max()]
    error = 2 * last["standard_error"]
    return last.assign(low=last["gap"] - error, high=last["gap"] + error)[COLUMNS].reset_index(drop=True)


@drawing
def draw_gaps(table: pd.DataFrame, style: Style) -> Figure:
    """A row for every published arm that was run: a dot at the gap after the last epoch, a bar of two standard errors, a band of
    the margin within which a curve counts as reproduced. How many were not run is said above; ``table`` names them."""
    run = style.rows(table[table["verdict"] != NOT_RUN], "curves that are published and were run")
    colors = method_colors(style.methods.values())
    words = [f"dot: ours minus published after epoch {run['epoch'].iloc[0]}, points of test-split accuracy"]
    words += ["bar: two standard errors"] if run["low"].notna().any() else []
    words += [f"band: ±{MARGIN:g} point", f"{len(run)} of {len(table)} published arms were run", _sizes(run)]
    figure = blank_figure(
        style.width or 1.3 * WIDTH, 0.5 + 0.155 * len(run), style.title, style.words(*filter(None, words))
    )
    axes = figure.add_subplot()
    axes.axvspan(-MARGIN, MARGIN, color=GREY, alpha=0.12, linewidth=0)
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=1)
    for place, row in enumerate(run.itertuples()):
        color = colors[style.methods[row.arm]]
        axes.hlines(place, row.low, row.high, color=color, linewidth=1.6)
        axes.plot(row.gap, place, "o", color=color, markersize=4)
    name_rows(axes, list(run["arm"]))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    axes.set_xlabel("gap (points)")
    return figure


def _sizes(table: pd.DataFrame) -> str:
    sizes = sorted(set(zip(table["n_tasks"], table["n_replicas"], strict=True)))
    return ", ".join(f"n = {tasks} tasks × {replicas} replica{'s' * (replicas > 1)}" for tasks, replicas in sizes)
