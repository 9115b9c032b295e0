"""Pictures of the Sup-Walsh pretraining: its losses, the distances between classes that its parts see, and the codes."""

import textwrap

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...errors import InputError
from ..pretraining import IMAGES, WINDOW
from .style import FONT, GREY, MINUS, WIDTH, Style, blank_figure, drawing, log_axis, method_colors

COLUMNS = {
    "losses": ["label", "step", "loss", "median", "least"],
    "distances": ["label", "of", "class", "other", "distance", "correlation"],
    "codes": ["class", "column", "value", "sign_changes"],
}
MOST_NAMED = 12  # classes at an axis, and of more every so many
MOST_LETTERS = 11  # of a label in one line above a matrix
ROWS = {IMAGES: "pixels", "z": "two numbers", "codes": "gated codes"}


@drawing
def draw_losses(table: pd.DataFrame, style: Style) -> Figure:
    """The loss of every step (:func:`.pretraining.loss_table`): thin as measured, bold its running median; a dot the least."""
    style.rows(table, "losses")
    labels = list(table["label"].unique())
    colors = method_colors(labels)
    words = f"thin: every step's batch; bold: running median of {WINDOW} steps; dot: the least loss"
    body = 2.4 + 0.16 * -(-len(labels) // 2)
    figure = blank_figure(style.width or 1.4 * WIDTH, body, style.title, style.words(words))
    axes = figure.add_subplot()
    for label, rows in table.groupby("label", sort=False):
        axes.plot(rows["step"], rows["loss"], color=colors[label], linewidth=0.4, alpha=0.25)
        axes.plot(rows["step"], rows["median"], color=colors[label], linewidth=1.3, label=label)
        least = rows[rows["least"]]
        axes.plot(least["step"], least["loss"], "o", color=colors[label], markersize=3)
    axes.set_yscale("log")
    log_axis(axes.yaxis, *axes.get_ylim())
    axes.set_xlabel("pretraining step")
    axes.set_ylabel("batch loss")
    axes.margins(x=0.01)
    figure.legend(loc="outside lower center", frameon=False, ncols=2, handlelength=1.2)
    return figure


def _matrices(table: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """``(label, of)`` -> distances ``(classes, classes)``."""
    found = {}
    for key, rows in table.groupby(["label", "of"], sort=False):
        rows = rows.sort_values(["class", "other"])
        size = rows["class"].nunique()
        if len(rows) != size * size or rows["other"].nunique() != size:
            raise InputError(
                f"{key[0]} has {len(rows)} distances between {size} classes; delete the file and run again"
            )
        found[key] = rows["distance"].to_numpy(float).reshape(size, size)
    return found


@drawing
def draw_distances(table: pd.DataFrame, style: Style) -> Figure:
    """Distances between classes in pixels, and for each arm in its two numbers and its codes.

    ``table`` is of :func:`.pretraining.distance_table`.
    All are scaled to a mean of 1 and drawn in the same colors. Below each stands the correlation of its distances with
    those in pixels over the pairs of classes: what is left of the images.
    """
    style.rows(table, "distances")
    matrices, labels = _matrices(table), list(table["label"].unique())
    correlations = table.drop_duplicates(["label", "of"]).set_index(["label", "of"])["correlation"]
    highest = max(matrix.max() for matrix in matrices.values())
    words = style.words("distance, 1: the mean over all pairs; r: correlation with the distances in pixels")
    titles = [textwrap.fill(label, MOST_LETTERS) for label in labels]
    lines = 1 + max(title.count("\n") for title in titles)
    width = style.width or 2 * WIDTH
    body = 2 * (width - 0.4) / max(len(labels), 4) + 0.75 + lines * FONT * 1.4 / 72
    figure = blank_figure(width, body, style.title, words)
    grid = figure.subplots(2, len(labels), squeeze=False)
    for place, label in enumerate(labels):
        for line, of in enumerate((IMAGES if label == IMAGES else "z", "codes")):
            axes = grid[line, place]
            if (label, of) not in matrices:
                axes.set_axis_off()
                continue
            shown = axes.pcolormesh(matrices[label, of], vmin=0, vmax=highest, cmap="mako_r")
            _label(axes, correlations[label, of], ROWS[of] if place < 2 else "")
            if line == 0:
                axes.set_title(titles[place], pad=4, va="bottom")
    figure.colorbar(shown, ax=grid[1, 0], location="top", fraction=0.15, shrink=0.9)
    return figure


def _label(axes: Axes, r: float, name: str) -> None:
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("all the same" if np.isnan(r) else f"r = {r:.2f}".replace("-", MINUS))
    axes.set_ylabel(name)


@drawing
def draw_codes(table: pd.DataFrame, style: Style) -> Figure:
    """The codes of +1 and -1, one row a class, with the number of sign changes along each (:func:`.pretraining.code_table`)."""
    style.rows(table, "codes")
    if not table["value"].isin((-1, 1)).all():
        raise InputError(f"figure {style.title!r}: codes must be of +1 and -1")
    codes = table.pivot(index="class", columns="column", values="value").to_numpy()
    changes = table.drop_duplicates("class")["sign_changes"].tolist()
    classes, length = codes.shape
    words = style.words(f"{classes} classes, codes of length {length}; dark: +1, light: {MINUS}1; right: sign changes")
    width = style.width or WIDTH
    # rows as high as columns are wide, within what a page can hold
    figure = blank_figure(width, min(0.35 + (width - 0.9) * classes / length, 8.0), style.title, words)
    axes = figure.add_subplot()
    edges = {"edgecolor": "white", "linewidth": 0.4} if classes <= MOST_NAMED else {}
    axes.pcolormesh(codes, cmap=sns.blend_palette(["#dfe8e4", "#00664b"], as_cmap=True), vmin=-1, vmax=1, **edges)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xlabel("element of the code")
    axes.set_ylabel("class")
    step = -(-classes // MOST_NAMED)
    axes.set_yticks(np.arange(0, classes, step) + 0.5, [str(k) for k in range(0, classes, step)])
    axes.tick_params(axis="y", length=0)
    axes.set_xticks(np.array([0, length - 1]) + 0.5, ["1", str(length)])
    for row in range(0, classes, step):
        axes.text(length * 1.02, row + 0.5, str(changes[row]), va="center", color=GREY, fontsize=FONT)
    return figure
