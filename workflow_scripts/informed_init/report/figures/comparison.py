"""Pictures of a compared family: curves by epoch and by total cost, and the paired differences at the best recipes."""

from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullLocator

from ...errors import InputError
from ..curves import write_csv
from .curves import WIDTH, blank_figure, save_figure, style
from .drawings import draw_differences


def draw_costs(table: pd.DataFrame, title: str, path_png: Path, path_svg: Path, path_csv: Path) -> None:
    """A row of two pictures per panel: validation error by epoch, and by what it cost since nothing was trained.

    Errors stand on a logarithmic axis, so that a point at 98 % is as visible as ten points at 50 %.

    ``table`` is :func:`.comparison.cost_curves`'s. Arms of one label have one color in all panels.
    """
    if table.empty:
        raise InputError(f"figure {title!r}: no curves to draw")
    panels, labels = list(table["panel"].unique()), list(table["label"].unique())
    colors = dict(zip(labels, map(to_hex, sns.color_palette("colorblind", len(labels))), strict=True))
    sizes = sorted(set(table["n"]))
    n = f"n = {sizes[0]}" if len(sizes) == 1 else f"n = {sizes[0]} to {sizes[-1]}"
    words = "line: mean validation error at the arm's best recipe" + ("; band: 95 % interval" if sizes[-1] > 1 else "")
    with style():
        legend = 0.2 + 0.16 * -(-len(labels) // 3)
        words += f"; {n}{'' if sizes[-1] > 1 else ': no interval'}"
        figure = blank_figure(2 * WIDTH, legend + 2.1 * len(panels), title, words)
        grid = figure.subplots(len(panels), 2, squeeze=False, sharey="row")
        for row, panel in zip(grid, panels, strict=True):
            part = table[table["panel"] == panel]
            for axes, column in zip(row, ("epoch", "cost"), strict=True):
                _draw_lines(axes, part, column, colors)
                axes.set_xlim(left=min(0, float(part[column].min())))
                axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=column == "epoch"))
            row[0].set_yscale("log")
            row[0].set_ylim(*_limits(part))
            row[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            row[0].yaxis.set_major_formatter(FormatStrFormatter("%g"))
            row[0].yaxis.set_minor_locator(NullLocator())
            row[0].set_ylabel("error (%)")
            row[0].set_title(panel, loc="left", pad=4)
        grid[-1, 0].set_xlabel("epoch")
        grid[-1, 1].set_xlabel("total cost (tera multiply-adds), inherited included")
        handles, names = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower left", ncols=3, frameon=False)
        save_figure(figure, path_png, path_svg)
    write_csv(table, path_csv)


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """All lines, with a little room."""
    errors = 100 - table["mean"]
    return 0.85 * max(errors.min(), 0.05), 1.1 * errors.max()


def _draw_lines(axes: Axes, part: pd.DataFrame, column: str, colors: dict[str, str]) -> None:
    for label, rows in part.groupby("label", sort=False):
        color = colors[label]
        low, high = ((100 - rows[bound]).clip(lower=0.01) for bound in ("high", "low"))
        axes.fill_between(rows[column], low, high, color=color, alpha=0.12, linewidth=0)
        axes.plot(
            rows[column],
            (100 - rows["mean"]).clip(lower=0.01),
            color=color,
            linewidth=1.3,
            marker="o",
            markersize=2,
            label=label,
        )


def draw_compared(table: pd.DataFrame, title: str, path_png: Path, path_svg: Path, path_csv: Path) -> None:
    """The paired differences of :func:`.comparison.compare` from each arm's own baseline; arms without one are left out."""
    rows = table[table["difference"].notna()]
    against = rows["baseline"].nunique() > rows["panel"].nunique()
    several = rows["panel"].nunique() > 1
    labels = [
        " ".join([row.panel] * several + [row.label])
        + (f"\nagainst {row.baseline.removeprefix(f'{row.panel}-')}" if against else "")
        for row in rows.itertuples()
    ]
    reference = "its baseline"
    if not (against or several or rows.empty):
        reference = rows["baseline"].iloc[0].removeprefix(f"{rows['panel'].iloc[0]}-")
    rows = rows.rename(columns={"difference": "mean"}).assign(label=labels)
    draw_differences(rows, title, path_png, path_svg, path_csv, reference=reference, width=1.5 * WIDTH)
