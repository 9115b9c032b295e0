"""Pictures of small kernels: filters with their shares, and the taps that an image of some size can train."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from ...errors import InputError
from .style import FONT, GREY, WIDTH, Style, blank_figure, drawing

FILTER_COLUMNS = ["layer", "filter", "row", "column", "value", "share"]
TAP_COLUMNS = ["layer", "row", "column", "live", "weights"]


@drawing
def draw_filters(table: pd.DataFrame, style: Style) -> Figure:
    """Filters as images, one group per layer, with their shares below.

    ``table`` has a row per tap: ``layer, filter, row, column, value, share``; ``share``, from 0 to 1, is empty where there
    are none. Every group has its own symmetric scale, white at zero, since layers differ in size and only the shape is to
    be seen.
    """
    style.rows(table, "filters")
    blocks = []
    for name, own in table.groupby("layer", sort=False):
        images = _images(own, "value", str(name))
        limit = max(float(np.abs(images).max()), 1e-12)
        shares = own.drop_duplicates("filter")["share"]
        notes = ["" if pd.isna(value) else f"{100 * value:.0f} %" for value in shares]
        blocks.append(Block(str(name), images, notes, -limit, limit))
    words = ["red: positive, blue: negative, each group scaled to its largest weight"]
    words += [] if table["share"].isna().all() else ["numbers: share of the filters"]
    palette = sns.color_palette("vlag", as_cmap=True)
    return _draw_blocks(blocks, palette, (style.title, style.words(*words)), style.width or WIDTH)


@drawing
def draw_live_taps(table: pd.DataFrame, style: Style) -> Figure:
    """One small kernel per layer, its taps shaded by their live share.

    ``table`` has a row per tap: ``layer, row, column, live`` (from 0 to 1) and ``weights``, how many weights stand there.
    """
    style.rows(table, "taps")
    if not table["live"].between(0, 1).all():
        raise InputError(f"figure {style.title!r}: live shares must be from 0 to 1")
    blocks = []
    for name, own in table.groupby("layer", sort=False):
        live = _images(own.assign(filter=0), "live", str(name))
        blocks.append(Block(str(name), live, [f"{100 * live.mean():.0f} %"], 0.0, 1.0))
    live, every = round((table["live"] * table["weights"]).sum()), table["weights"].sum()
    words = style.words(
        "dark: gets a gradient; white: only ever meets padding; numbers: live share",
        f"live: {live:,} of {every:,} weights",
    )
    palette = sns.blend_palette(["white", "#00664b"], as_cmap=True)
    return _draw_blocks(blocks, palette, (style.title, words), style.width or 2 * WIDTH)


def _images(own: pd.DataFrame, column: str, name: str) -> np.ndarray:
    """The ``(n, kh, kw)`` of one layer's rows; raises :class:`InputError` naming the layer where taps are missing."""
    own = own.sort_values(["filter", "row", "column"], kind="stable")
    shape = tuple(own[key].nunique() for key in ("filter", "row", "column"))
    if len(own) != np.prod(shape) or own[column].isna().any():
        raise InputError(f"layer {name}: {len(own)} taps are no {shape[0]} kernels of {shape[1]} x {shape[2]}")
    return own[column].to_numpy(float).reshape(shape)


@dataclass(frozen=True)
class Block:
    """Images (n, kh, kw) under one name, with a note under each and the values of the palette's ends."""

    name: str
    images: np.ndarray
    notes: list[str]
    low: float
    high: float

    def split(self, most: int) -> list["Block"]:
        """Blocks of at most ``most`` images; the first keeps the name."""
        starts = range(0, len(self.images), most)
        cuts = [(start, slice(start, start + most)) for start in starts]
        return [
            replace(self, name="" if start else self.name, images=self.images[cut], notes=self.notes[cut])
            for start, cut in cuts
        ]


def _draw_blocks(blocks: Sequence[Block], palette: Colormap, heading: tuple[str, str], width: float) -> Figure:
    """Blocks of small images in columns of equal width, in reading order."""
    cell, gap, margin = 0.31, 0.035, 0.07  # inches
    line = FONT * 1.4 / 72
    above = line if any(block.name for block in blocks) else 0.0
    below = line if any(note for block in blocks for note in block.notes) else 0.0
    most = int((width - 2 * margin + gap) / (cell + gap))
    parts = [part for block in blocks for part in block.split(most)]
    # a name may be wider than its images; 0.6 of the font's size is a wide character
    widths = [max(len(part.images) * (cell + gap), len(part.name) * FONT * 0.6 / 72) for part in parts]
    column = max(widths) + 0.09
    columns = max(1, int((width - 2 * margin + 0.09 + gap) / column))
    row = above + cell + below + 0.08
    body = row * -(-len(parts) // columns) + 0.02
    figure = blank_figure(width, body, *heading)
    figure.set_layout_engine("none")
    height = figure.get_figheight()
    for number, part in enumerate(parts):
        left, bottom = margin + number % columns * column, body - number // columns * row - above - cell
        figure.text(left / width, (bottom + cell + 0.03) / height, part.name, va="bottom")
        for image, note in zip(part.images, part.notes, strict=True):
            axes = figure.add_axes((left / width, bottom / height, cell / width, cell / height))
            look = {"cmap": palette, "edgecolor": "#d0d0d0", "linewidth": 0.3}
            axes.pcolormesh(image, vmin=part.low, vmax=part.high, **look)
            axes.invert_yaxis()  # the first row of a filter is its upper edge
            axes.set_axis_off()
            place = ((left + cell / 2) / width, (bottom - 0.03) / height)
            figure.text(*place, note, ha="center", va="top", color=GREY)
            left += cell + gap
    return figure
