"""Drawings of other things than curves: differences with intervals, bars by layer, filters, live taps.

As in :mod:`.figures`, whose look they share, every function writes a PNG, an SVG and the CSV of what was drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.ticker import MaxNLocator

from ...errors import InputError
from ..curves import nearest, write_csv
from .curves import FONT, GREY, OTHER, PALETTE, WIDTH, arm_colors, blank_figure, method_of, save_figure, style

MOST_FILTERS = 64  # of a layer in one drawing


def draw_differences(
    rows: pd.DataFrame,
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    reference: str = "random",
    width: float = WIDTH,
) -> None:
    """Forest plot: per row the paired difference from ``reference`` (a dot) and its 95 % interval (a bar).

    ``rows`` has the columns ``arm, label, mean, low, high, n`` in points of accuracy; ``low`` and ``high``
    are empty where there is no interval. They are drawn from top to bottom.
    """
    table = pd.DataFrame(rows)[["arm", "label", "mean", "low", "high", "n"]].reset_index(drop=True)
    table = table.astype(dict.fromkeys(("mean", "low", "high"), float))
    if table.empty:
        raise InputError(f"figure {title!r}: no differences to draw")
    sizes = sorted(set(table["n"]))
    n = f"n = {sizes[0]}" if len(sizes) == 1 else f"n = {sizes[0]} to {sizes[-1]}"
    subtitle = f"dot: mean paired difference from {reference} in points; bar: its 95 % interval; {n} pairs"
    with style():
        lines = 1 + table["label"].str.count("\n").max()
        figure = blank_figure(width, 0.45 + (0.06 + 0.13 * lines) * len(table), title, subtitle)
        axes = figure.add_subplot()
        axes.axvline(0, color=GREY, linewidth=0.8, zorder=1)
        for place, row in table.iterrows():
            color = PALETTE.get(method_of(row["arm"]), OTHER)
            axes.hlines(place, row["low"], row["high"], color=color, linewidth=1.6)
            axes.plot(row["mean"], place, "o", color=color, markersize=4)
            interval = f"[{row['low']:+.1f}, {row['high']:+.1f}]" if pd.notna(row["low"]) else "no interval"
            at = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
            text = f"{row['mean']:+.1f} {interval}".replace("-", "\N{MINUS SIGN}")
            axes.annotate(text, (1, place), xytext=(6, 0), va="center", **at)
        _name_rows(axes, list(table["label"]))
        _keep_in_view(axes, table)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        axes.set_xlabel(f"difference from {reference} (points)")
        save_figure(figure, path_png, path_svg)
    write_csv(table, path_csv)


def _keep_in_view(axes: Axes, table: pd.DataFrame) -> None:
    """Where a few rows lie far from all others, show the others; an arrow at the edge stands for a dot outside."""
    reach = table[["mean", "low", "high"]].abs().max(axis=1)
    room = 2 * reach.quantile(0.7)
    if len(table) < 5 or not 0 < room < reach.max() / 2:
        return
    inside = table[reach <= room]
    low, high = min(0, inside[["mean", "low"]].min().min()), max(0, inside[["mean", "high"]].max().max())
    low, high = low - 0.08 * (high - low), high + 0.08 * (high - low)
    axes.set_xlim(low, high)
    for place, mean in table["mean"].items():
        if not low <= mean <= high:
            edge = {"marker": "<" if mean < low else ">", "markersize": 4, "color": GREY, "clip_on": False}
            axes.plot(low if mean < low else high, place, **edge)


def draw_best_rates(
    rates: pd.DataFrame,
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    labels: Mapping[str, str] | None = None,
    baseline: str = "random",
    width: float = WIDTH,
) -> None:
    """:func:`draw_differences` of a table of :func:`best_rates.best_rates`; arms that were not compared are left out.

    ``labels`` is arm -> label; the recipe that the arm's best learning rate belongs to is put below it.
    """
    rows = rates[rates["difference"].notna() & (rates["arm"] != baseline)]
    names = [f"{(labels or {}).get(row.arm, row.arm)},\n{row.recipe}" for row in rows.itertuples()]
    rows = rows.rename(columns={"difference": "mean"}).assign(label=names)
    reference = f"{(labels or {}).get(baseline, baseline)} at its best"
    draw_differences(rows, title, path_png, path_svg, path_csv, reference=reference, width=width)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Names on the left, the first on top, and a grid along the values only."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.tick_params(axis="y", length=0, labelcolor="black")


def draw_bars_by_layer(
    table: pd.DataFrame,
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    xlabel: str,
    start: float = 0.0,
    subtitle: str = "",
    colors: Mapping[str, str] | None = None,
    width: float = WIDTH,
) -> None:
    """One horizontal bar per layer and arm, from ``start`` to ``value``, first layer on top.

    ``table`` has the columns ``layer, arm, label, value``; where it also has ``low`` and ``high``, a thin line shows
    that range. ``start`` is the value that means "nothing happened" (1 for a cosine between initial and trained
    weights), so that a bar's length is what is to be compared. ``colors`` is arm -> color, by method if not given.
    """
    table = table.reset_index(drop=True)
    if table.empty:
        raise InputError(f"figure {title!r}: no bars to draw")
    layers, arms = list(dict.fromkeys(table["layer"])), list(dict.fromkeys(table["arm"]))
    colors, thickness = colors or arm_colors(arms), 0.8 / len(arms)
    with style():
        figure = blank_figure(width, 0.6 + len(layers) * max(0.16, 0.07 * len(arms)), title, subtitle)
        axes = figure.add_subplot()
        for number, arm in enumerate(arms):
            rows = table[table["arm"] == arm]
            places = [layers.index(layer) - 0.4 + thickness * (number + 0.5) for layer in rows["layer"]]
            look = {"color": colors[arm], "linewidth": 0, "label": rows["label"].iloc[0]}
            bars = axes.barh(places, rows["value"] - start, thickness, left=start, **look)
            if "low" in rows:
                axes.hlines(places, rows["low"], rows["high"], color="black", linewidth=0.8)
            if len(arms) == 1:
                axes.bar_label(bars, [f"{value:.3f}" for value in rows["value"]], padding=3, color=GREY)
        axes.axvline(start, color=GREY, linewidth=0.8)
        _name_rows(axes, layers)
        axes.margins(x=0.18 if len(arms) == 1 else 0.03)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
        axes.set_xlabel(xlabel)
        if len(arms) > 1:
            figure.legend(loc="outside lower center", frameon=False, ncols=min(len(arms), 3), handlelength=1)
        save_figure(figure, path_png, path_svg)
    write_csv(table, path_csv)


def draw_cosines(
    summary: pd.DataFrame, title: str, path_png: Path, path_svg: Path, path_csv: Path, *, width: float = WIDTH
) -> None:
    """How far training moved each layer, over all taps and over live ones, from a table of :func:`cosine.summarize`."""
    sizes = sorted(set(summary["n"]))
    subtitle = f"bar: mean over {sizes[0]} source model{'' if sizes == [1] else 's'}; line: smallest to largest; "
    subtitle += "1: only the length of the weights changed"
    colors = {"all": "#9ecae1", "live": "#00664b"}
    look = {"xlabel": "cosine of initial and trained weights", "start": 1.0, "subtitle": subtitle, "colors": colors}
    draw_bars_by_layer(summary, title, path_png, path_svg, path_csv, **look, width=width)


def draw_filters(
    filters: Mapping[str, np.ndarray] | np.ndarray,
    shares: Mapping[str, np.ndarray] | np.ndarray | None,
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    subtitle: str | None = None,
    width: float = WIDTH,
) -> None:
    """Filters as images, one group per layer (or one group for a bare array), with their shares below.

    Args:
        filters: layer name -> (n, kh, kw), or one such array.
        shares: layer name -> (n,) numbers from 0 to 1, one such array, or None for no numbers.

    Every group has its own symmetric scale, white at zero, since layers differ in size and only the shape is
    to be seen.
    """
    groups = dict(filters) if isinstance(filters, Mapping) else {"": filters}
    numbers = shares if isinstance(shares, Mapping) else dict.fromkeys(groups, shares)
    blocks, rows = [], []
    for name, bank in groups.items():
        bank, share = np.asarray(bank, float), numbers[name]
        if bank.ndim != 3 or (share is not None and len(share) != len(bank)):
            raise InputError(f"filters of {name or title!r} must be (n, kh, kw) with n shares, not {bank.shape}")
        limit = max(float(np.abs(bank).max()), 1e-12)
        notes = [""] * len(bank) if share is None else [f"{100 * value:.0f} %" for value in share]
        blocks.append(Block(name, bank, notes, -limit, limit))
        for (number, *place), value in np.ndenumerate(bank):
            rows.append((name, number, *place, value, None if share is None else float(share[number])))
    if subtitle is None:
        subtitle = "red: positive, blue: negative, each group scaled to its largest weight"
        subtitle += "" if shares is None else "; numbers: share of the filters"
    palette = sns.color_palette("vlag", as_cmap=True)
    _draw_blocks(blocks, palette, (title, subtitle), width, (path_png, path_svg))
    write_csv(pd.DataFrame(rows, columns=["layer", "filter", "row", "column", "value", "share"]), path_csv)


def draw_bank(
    bank: Any,
    layers: Sequence[str],
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    width: float = WIDTH,
) -> None:
    """The filters of some of a bank's layers with their shares, the most frequent first (:func:`draw_filters`).

    ``bank`` is a :class:`.banks.Bank`, not imported here: drawing needs no torch and no code of banks.
    Raises :class:`InputError` for a layer that the bank does not have, and for one with more than
    :data:`MOST_FILTERS` filters, which is a sample and not a summary.
    """
    filters, shares = {}, {}
    for name in layers:
        if name not in bank.layers:
            raise InputError(f"the bank has no layer {name}{nearest(name, bank.layers)}")
        own = np.asarray(bank.layers[name].shares, float)
        if len(own) > MOST_FILTERS:
            count = f"{len(own):,} filters, more than the {MOST_FILTERS} that can be told apart"
            raise InputError(f"layer {name} has {count}; draw a bank of fewer clusters")
        order = np.argsort(-own, kind="stable")
        filters[name], shares[name] = np.asarray(bank.layers[name].filters, float)[order], own[order]
    count = len(bank.sources)
    subtitle = f"{bank.method}, {count} source model{'' if count == 1 else 's'}; red: positive, blue: negative, each "
    subtitle += "layer scaled to its largest weight; numbers: share of the filters"
    draw_filters(filters, shares, title, path_png, path_svg, path_csv, subtitle=subtitle, width=width)


def draw_live_taps(
    maps: Mapping[str, np.ndarray],
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    weights: Mapping[str, int] | None = None,
    width: float = 2 * WIDTH,
) -> None:
    """One small kernel per layer, its taps shaded by their live share.

    Args:
        maps: layer name -> (kh, kw) with values from 0 to 1.
        weights: layer name -> number of weights; the live ones are then counted below the title and in the CSV.
    """
    subtitle = "dark: gets a gradient; white: only ever meets padding; numbers: live share"
    if weights is not None:
        live = sum(round(weights[name] * float(np.mean(taps))) for name, taps in maps.items())
        subtitle += f"; live: {live:,} of {sum(weights[name] for name in maps):,} weights"
    blocks, rows = [], []
    for name, live in maps.items():
        live = np.asarray(live, float)
        if live.ndim != 2 or live.min() < 0 or live.max() > 1:
            raise InputError(f"the live map of {name} must be (kh, kw) with values from 0 to 1")
        blocks.append(Block(name, live[None], [f"{100 * live.mean():.0f} %"], 0.0, 1.0))
        each = None if weights is None else weights[name] // live.size
        rows += [(name, *place, value, each) for place, value in np.ndenumerate(live)]
    palette = sns.blend_palette(["white", "#00664b"], as_cmap=True)
    _draw_blocks(blocks, palette, (title, subtitle), width, (path_png, path_svg))
    write_csv(pd.DataFrame(rows, columns=["layer", "row", "column", "live", "weights"]), path_csv)


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


def _draw_blocks(
    blocks: Sequence[Block],
    palette: Colormap,
    heading: tuple[str, str],
    width: float,
    paths: tuple[Path, Path],
) -> None:
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
    with style():
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
        save_figure(figure, *paths)
