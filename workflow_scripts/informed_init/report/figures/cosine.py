"""How far training moved each layer of the sources: one bar per layer, over all taps and over those that meet pixels."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .forest import name_rows
from .style import GREY, WIDTH, Style, blank_figure, drawing

COLUMNS = ["layer", "arm", "label", "value", "low", "high", "n"]
START = 1.0  # the cosine of weights that only changed their length
COLORS = {"all": "#9ecae1", "live": "#00664b"}


@drawing
def draw_cosines(table: pd.DataFrame, style: Style) -> Figure:
    """Bars from 1, where nothing happened, to the mean cosine of a layer; a thin line from the smallest to the largest.

    ``table`` is :func:`banks.cosine.summarize`'s: ``layer, arm`` (``all`` or ``live`` taps) ``, label, value, low, high, n``.
    The first layer stands on top.
    """
    style.rows(table, "bars")
    layers, taps = list(dict.fromkeys(table["layer"])), list(dict.fromkeys(table["arm"]))
    sizes = sorted(set(table["n"]))
    words = [f"bar: mean over {sizes[0]} source model{'' if sizes == [1] else 's'}", "line: smallest to largest"]
    words += ["1: only the length of the weights changed"]
    body = 0.6 + len(layers) * max(0.16, 0.07 * len(taps))
    figure = blank_figure(style.width or WIDTH, body, style.title, style.words(*words))
    axes, thickness = figure.add_subplot(), 0.8 / len(taps)
    for number, arm in enumerate(taps):
        rows = table[table["arm"] == arm]
        places = [layers.index(layer) - 0.4 + thickness * (number + 0.5) for layer in rows["layer"]]
        look = {"color": COLORS[arm], "linewidth": 0, "label": rows["label"].iloc[0]}
        axes.barh(places, rows["value"] - START, thickness, left=START, **look)
        axes.hlines(places, rows["low"], rows["high"], color="black", linewidth=0.8)
    axes.axvline(START, color=GREY, linewidth=0.8)
    name_rows(axes, layers)
    axes.margins(x=0.03)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    axes.set_xlabel("cosine of initial and trained weights")
    figure.legend(loc="outside lower center", frameon=False, ncols=min(len(taps), 3), handlelength=1)
    return figure
