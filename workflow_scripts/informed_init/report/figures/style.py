"""The look that every picture of the project shares, one color for every method, and the one writer.

A drawing is a function of a table and a :class:`Style` (or of what the config says of the figure) that returns a figure;
:func:`save` writes it as PNG and SVG, with the table that was drawn as CSV beside them. The same input gives the same bytes:
no dates, no version strings, fixed identifiers, and fonts that come with matplotlib. Sizes are for one column of a paper
(widths in inches, no text below 8 points).
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import rc_context
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FormatStrFormatter, MaxNLocator, NullLocator

from ...errors import InputError
from ...files import atomic_path
from ..curves import csv_text

WIDTH = 3.5
FONT = 8.0
GREY = "#5f5f5f"
MINUS = "\N{MINUS SIGN}"
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the start of a formula

LOOK = {
    **sns.axes_style("whitegrid"),
    "font.family": "DejaVu Sans",
    "font.size": FONT,
    "axes.labelsize": FONT,
    "axes.titlesize": FONT,
    "xtick.labelsize": FONT,
    "ytick.labelsize": FONT,
    "legend.fontsize": FONT,
    "axes.edgecolor": "#b0b0b0",
    "axes.linewidth": 0.6,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.grid.axis": "y",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.bottom": True,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.major.width": 0.6,
    "xtick.major.size": 3,
    "text.parse_math": False,  # a dollar sign in a title or label is a dollar sign
    "svg.hashsalt": "informed-init",
    "svg.fonttype": "path",
}

# One color per method (:func:`.facts.method`), the same in every figure, chosen after Okabe & Ito (2008) and Tol (2021) so that the
# methods can be told apart with any color vision.
PALETTE = {
    "default": "#7f7f7f",
    "pretrained": "#8c5a2b",
    "gabor": "#009e73",
    "euclid": "#0072b2",
    "fourier-real": "#d55e00",
    "aligned": "#7b4fa3",
    "untrained": "#cc79a7",
    "live": "#3a3a3a",
    "rescaled": "#b8a000",
    "he-scaled": "#56b4e9",
    "reservoir": "#882255",
    "gaussian": "#44aa99",
    "shuffled": "#999933",
}


@dataclass(frozen=True)
class Style:
    """How a picture is headed and colored.

    Args:
        title: above the picture, in bold.
        subtitle: stands before what the drawing says of itself.
        width: of the figure in inches; None leaves it to the drawing.
        methods: arm -> method, which decides its color (:func:`method_colors`).
    """

    title: str
    subtitle: str = ""
    width: float | None = None
    methods: Mapping[str, str] = field(default_factory=dict)

    def words(self, *parts: str) -> str:
        """The subtitle, then these words."""
        return "; ".join(filter(None, (self.subtitle, *parts)))

    def rows(self, table: pd.DataFrame, what: str) -> pd.DataFrame:
        """The table, if it has rows; raises :class:`InputError` naming the figure and ``what`` it lacks."""
        if table.empty:
            raise InputError(f"figure {self.title!r}: no {what} to draw")
        return table


def method_colors(methods: Iterable[str]) -> dict[str, str]:
    """A hex color per method; those that :data:`PALETTE` does not know get colors that no other method of the figure has."""
    methods = list(dict.fromkeys(methods))
    known = {method: PALETTE[method] for method in methods if method in PALETTE}
    unknown = [method for method in methods if method not in PALETTE]
    return known | dict(zip(unknown, _further_colors(len(unknown), list(known.values())), strict=True))


def arm_colors(methods: Mapping[str, str]) -> dict[str, str]:
    """A hex color per arm, from arm -> method: its method's; shades from light to dark where a method has several arms."""
    found = {}
    for method, base in method_colors(methods.values()).items():
        members = [arm for arm, own in methods.items() if own == method]
        if len(members) == 1:
            shades = [base]
        else:
            light = sns.blend_palette(["white", base], 101)[60]
            dark = sns.blend_palette([base, "black"], 101)[55]
            shades = sns.blend_palette([light, base, dark], len(members))
        found |= {arm: to_hex(shade) for arm, shade in zip(members, shades, strict=True)}
    return found


def _further_colors(count: int, taken: list[str]) -> list[str]:
    """``count`` different colors, as far from each other and from the ``taken`` ones as there is room for: seaborn's for any
    color vision first, without the pale ones, then around the circle of hues in three lightnesses."""
    hues = 8 + count
    candidates = [color for color in sns.color_palette("colorblind") if np.dot(color, (0.3, 0.59, 0.11)) < 0.7]
    candidates += [color for light in (0.5, 0.35, 0.65) for color in sns.husl_palette(hues, s=0.9, l=light)]
    found: list[str] = []
    for least in (0.3, 0.2, 0.1, 0.0):  # between two colors, each a point in a cube of side 1
        for color in map(to_hex, candidates):
            used = [to_rgb(other) for other in (*taken, *found)]
            if len(found) < count and all(np.linalg.norm(np.subtract(to_rgb(color), one)) > least for one in used):
                found.append(color)
    return found


def drawing(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorator: the function draws in :data:`LOOK`."""

    @wraps(function)
    def in_the_look(*given, **more) -> Figure:
        with rc_context(LOOK):
            return function(*given, **more)

    return in_the_look


def log_axis(axis: Axis, low: float, high: float, zero: bool = False) -> None:
    """Round numbers as labels of a logarithmic axis between two positive values, whether they span a half or a million;
    ``zero`` labels it, too, on an axis that is linear down there."""
    for steps in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9)):
        ticks = [step * 10.0**power for power in range(-9, 13) for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) > 3:
            break
    axis.set_major_locator(FixedLocator([0.0] * zero + ticks) if len(ticks) > 1 else MaxNLocator(nbins=4))
    axis.set_major_formatter(FormatStrFormatter("%g"))
    axis.set_minor_locator(NullLocator())


def blank_figure(width: float, body: float, title: str, subtitle: str = "") -> Figure:
    """A figure with title and subtitle at its top left and ``body`` inches below them for the axes."""
    parts = _heading(width, title, subtitle)
    height = body + 0.08 + sum(inches for _, inches, _ in parts)
    figure = Figure(figsize=(width, height), layout="constrained")
    top = height - 0.05
    for text, inches, look in parts:
        figure.text(0.05 / width, top / height, text, va="top", **look)
        top -= inches
    figure.get_layout_engine().set(rect=(0, 0, 1, body / height))
    return figure


def _heading(width: float, title: str, subtitle: str) -> list[tuple[str, float, dict]]:
    """Wrapped lines, height in inches and look of the title and of the subtitle."""
    inches = FONT * 1.25 / 72
    columns = width * 72 / (FONT * 0.55)  # the mean width of a character is 0.55 of the font's size
    parts = []
    for text, scale, narrower, look in (
        (title, 1.15, 1.1, {"fontweight": "bold"}),
        (subtitle, 1.0, 1.0, {"color": GREY}),
    ):
        lines = textwrap.wrap(text, int(columns / scale / narrower))
        look = look | {"fontsize": FONT * scale, "linespacing": 1.15}
        parts.append(("\n".join(lines), len(lines) * inches * scale + 0.03, look))
    return parts


def save(figure: Figure, table: pd.DataFrame, path_png: Path, path_svg: Path, path_csv: Path) -> None:
    """Write a figure in both formats and the table that it shows: all three files, or none.

    Text of the table that a spreadsheet would run as a formula gets an apostrophe before it.
    Raises :class:`InputError` naming the file when the disk is full or nothing may be written there.
    """
    with rc_context(LOOK), ExitStack() as files:
        png, svg, csv = (files.enter_context(atomic_path(path)) for path in (path_png, path_svg, path_csv))
        look = {"dpi": 200, "facecolor": "white"}
        figure.savefig(png, format="png", metadata={"Software": None}, **look)
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None}, **look)
        csv.write_bytes(csv_text(table.apply(_harmless)).encode())


def _harmless(column: pd.Series) -> pd.Series:
    if column.dtype.kind in "biuf":
        return column
    return column.map(lambda value: f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value)
