"""Pictures of the Sup-Walsh pretraining: its losses, the distances between classes that its parts see, and the codes.

As in :mod:`.drawings`, every function writes a PNG, an SVG and the CSV of what was drawn.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from ...errors import InputError
from ..curves import write_csv
from .curves import FONT, GREY, WIDTH, blank_figure, save_figure, style

WINDOW = 25  # steps of the running median
MOST_NAMED = 12  # classes at an axis, and of more every so many
MOST_LETTERS = 11  # of a label in one line above a matrix
ROWS = {"images": "pixels", "z": "two numbers", "codes": "gated codes"}


def draw_losses(
    losses: Mapping[str, Sequence[float]],
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    subtitle: str = "",
    width: float = WIDTH,
) -> None:
    """The loss of every step, label -> losses: thin as measured, bold its running median; the dot is the least one.

    The CSV has the columns ``label, step, loss, median, least``.
    """
    if not losses:
        raise InputError(f"figure {title!r}: no losses to draw")
    table = pd.concat([_loss_rows(label, values) for label, values in losses.items()], ignore_index=True)
    words = f"thin: every step's batch; bold: running median of {WINDOW} steps; dot: the least loss"
    with style():
        figure = blank_figure(
            width, 2.4 + 0.16 * -(-len(losses) // 2), title, "; ".join(filter(None, (subtitle, words)))
        )
        axes = figure.add_subplot()
        for (label, rows), color in zip(
            table.groupby("label", sort=False), sns.color_palette("colorblind", len(losses)), strict=True
        ):
            axes.plot(rows["step"], rows["loss"], color=color, linewidth=0.4, alpha=0.25)
            axes.plot(rows["step"], rows["median"], color=color, linewidth=1.3, label=label)
            least = rows[rows["least"]]
            axes.plot(least["step"], least["loss"], "o", color=color, markersize=3)
        axes.set_yscale("log")
        axes.set_xlabel("pretraining step")
        axes.set_ylabel("batch loss")
        axes.margins(x=0.01)
        figure.legend(loc="outside lower center", frameon=False, ncols=2, handlelength=1.2)
        save_figure(figure, path_png, path_svg)
    write_csv(table, path_csv)


def _loss_rows(label: str, losses: Sequence[float]) -> pd.DataFrame:
    table = pd.DataFrame({"label": label, "step": range(1, len(losses) + 1), "loss": np.asarray(losses, float)})
    table["median"] = table["loss"].rolling(WINDOW, center=True, min_periods=1).median()
    # a pretraining that diverged at once has no least loss
    return table.assign(least=table.index == (table["loss"].idxmin() if table["loss"].notna().any() else -1))


@dataclass(frozen=True)
class Distances:
    """Distances between classes ``(classes, classes)`` of one arm: in the two numbers a class is reduced to, and in the
    support network's gated codes."""

    z: np.ndarray
    codes: np.ndarray


def draw_distances(
    images: np.ndarray,
    arms: Mapping[str, Distances],
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    subtitle: str = "",
    width: float = 2 * WIDTH,
) -> None:
    """Distances between classes in pixels, and for each arm (label -> :class:`Distances`) in its numbers and its codes.

    All ``(classes, classes)``, scaled to a mean of 1 and drawn in the same colors. Below each stands the correlation of
    its distances with those in pixels over the pairs of classes: what is left of the images. The CSV has the columns
    ``label, of, class, other, distance, correlation``.

    Raises:
        InputError: the matrices differ in shape.
    """
    columns = {"images": {"images": np.asarray(images, float)}}
    columns |= {
        label: {"z": np.asarray(own.z, float), "codes": np.asarray(own.codes, float)} for label, own in arms.items()
    }
    for label, parts in columns.items():
        for matrix in parts.values():
            if matrix.ndim != 2 or matrix.shape != np.shape(images) or matrix.shape[0] != matrix.shape[1]:
                raise InputError(f"figure {title!r}: {label} has distances {matrix.shape}, images {np.shape(images)}")
    highest = max(matrix.max() for parts in columns.values() for matrix in parts.values())
    words = "distance, 1: the mean over all pairs; r: correlation with the distances in pixels"
    rows = []
    with style():
        titles = [textwrap.fill(label, MOST_LETTERS) for label in columns]
        lines = 1 + max(title.count("\n") for title in titles)
        body = 2 * (width - 0.4) / max(len(columns), 4) + 0.75 + lines * FONT * 1.4 / 72
        figure = blank_figure(width, body, title, "; ".join(filter(None, (subtitle, words))))
        grid = figure.subplots(2, len(columns), squeeze=False)
        for place, (label, parts) in enumerate(columns.items()):
            for line, of in enumerate(("images" if place == 0 else "z", "codes")):
                axes = grid[line, place]
                if of not in parts:
                    axes.set_axis_off()
                    continue
                shown = axes.pcolormesh(parts[of], vmin=0, vmax=highest, cmap="mako_r")
                r = _correlation(parts[of], columns["images"]["images"])
                _label(axes, r, ROWS[of] if place < 2 else "")
                if line == 0:
                    axes.set_title(titles[place], pad=4, va="bottom")
                rows += [(label, of, a, b, value, r) for (a, b), value in np.ndenumerate(parts[of])]
        figure.colorbar(shown, ax=grid[1, 0], location="top", fraction=0.15, shrink=0.9)
        save_figure(figure, path_png, path_svg)
    write_csv(pd.DataFrame(rows, columns=["label", "of", "class", "other", "distance", "correlation"]), path_csv)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's over the pairs of classes; NaN where all distances are the same."""
    pairs = np.triu_indices(len(first), 1)
    a, b = first[pairs], second[pairs]
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan


def _label(axes: Axes, r: float, name: str) -> None:
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("all the same" if np.isnan(r) else f"r = {r:.2f}".replace("-", "\N{MINUS SIGN}"))
    axes.set_ylabel(name)


def draw_codes(
    codes: np.ndarray,
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    width: float = WIDTH,
) -> None:
    """The codes of +1 and -1 ``(classes, length)``, one row a class, with the number of sign changes along each.

    The CSV has the columns ``class, column, value, sign_changes``.
    """
    codes = np.asarray(codes, float)
    if codes.ndim != 2 or not np.isin(codes, (-1, 1)).all():
        raise InputError(f"figure {title!r}: codes must be a matrix of +1 and -1")
    changes = (np.diff(codes, axis=1) != 0).sum(1)
    classes, length = codes.shape
    subtitle = f"{classes} classes, codes of length {length}; dark: +1, light: \N{MINUS SIGN}1; right: sign changes"
    with style():
        # rows as high as columns are wide, within what a page can hold
        figure = blank_figure(width, min(0.35 + (width - 0.9) * classes / length, 8.0), title, subtitle)
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
        save_figure(figure, path_png, path_svg)
    rows = [(k, column, value, changes[k]) for (k, column), value in np.ndenumerate(codes)]
    write_csv(pd.DataFrame(rows, columns=["class", "column", "value", "sign_changes"]), path_csv)
