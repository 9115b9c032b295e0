"""The final models of a search: accuracy by class, confusion, and what the last layer sees."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .forest import name_rows
from .style import FONT, GREY, WIDTH, Style, blank_figure, drawing

MOST_NAMED = 40  # classes that fit with their names
MOST_NUMBERS = 12  # classes whose confusion fits as numbers
MOST_COLORS = 10  # classes that colors can tell apart
TRAINED = "training that did not diverge"


@drawing
def draw_classes(table: pd.DataFrame, style: Style, *, overall: float) -> Figure:
    """Test accuracy of every class: a dot, and a bar for its 95 % interval over replicas; the dashed line is the mean.

    ``table`` is of ``search_tables.class_table``. Of more than :data:`MOST_NAMED` classes the worst are drawn; the CSV
    has all.
    """
    style.rows(table, TRAINED)
    shown = table.sort_values("mean", kind="stable").head(MOST_NAMED) if len(table) > MOST_NAMED else table
    n = int(table["n"].iloc[0])
    words = f"dot: mean of {n} replicas; bar: 95 % interval" if n > 1 else "n = 1: no interval"
    words += f"; dashed: all classes, {overall:.1f} %"
    words += f"; the {MOST_NAMED} worst of {len(table)} classes" if len(shown) < len(table) else ""
    figure = blank_figure(style.width or WIDTH, 0.45 + 0.17 * len(shown), style.title, style.words(words))
    axes = figure.add_subplot()
    axes.axvline(overall, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
    for place, row in enumerate(shown.itertuples()):
        axes.hlines(place, row.low, row.high, color="#0072b2", linewidth=1.6)
        axes.plot(row.mean, place, "o", color="#0072b2", markersize=4)
        at = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        axes.annotate(f"{row.mean:.1f}", (1, place), xytext=(6, 0), va="center", **at)
    name_rows(axes, list(shown["class"]))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axes.set_xlabel("test accuracy (%)")
    return figure


def confusion_table(confusion: pd.DataFrame) -> pd.DataFrame:
    """What :func:`draw_confusion` draws, over all replicas together: ``true, predicted, images, percent`` of the true class.

    ``confusion`` has ``replica, true, predicted, images``; classes keep its order.
    """
    names = list(dict.fromkeys(confusion["true"]))
    counts = confusion.groupby(["true", "predicted"])["images"].sum().unstack().loc[names, names]
    shares = 100 * counts.div(counts.sum(axis=1), axis=0)
    table = counts.stack().rename("images").reset_index()
    return table.assign(percent=shares.stack().to_numpy())


@drawing
def draw_confusion(table: pd.DataFrame, style: Style, *, replicas: int) -> Figure:
    """What the images of every class are taken for, in percent of the class, from :func:`confusion_table`."""
    style.rows(table, TRAINED)
    names = list(dict.fromkeys(table["true"]))
    shares = table["percent"].to_numpy().reshape(len(names), len(names))
    words = f"percent of each class, {replicas} replica{'' if replicas == 1 else 's'}; rows sum to 100"
    named = len(names) <= MOST_NAMED
    width = style.width or WIDTH
    figure = blank_figure(width, width * 0.86, style.title, style.words(words))
    axes = figure.add_subplot()
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=100, edgecolor="white", linewidth=0.3 if named else 0)
    axes.invert_yaxis()
    if len(names) <= MOST_NUMBERS:
        for (i, j), value in np.ndenumerate(shares):
            if value >= 0.5:
                look = {"ha": "center", "va": "center", "color": "white" if value > 60 else "black"}
                axes.text(j + 0.5, i + 0.5, f"{value:.0f}", fontsize=FONT * 0.85, **look)
    places = np.arange(len(names)) + 0.5 if named else []
    axes.set_yticks(places, names if named else [])
    axes.set_xticks(places, names if named else [], rotation=90)
    axes.tick_params(length=0, labelcolor="black")
    axes.grid(visible=False)
    axes.set_ylabel("class of the image")
    axes.set_xlabel("class given by the network")
    return figure


@drawing
def draw_features(table: pd.DataFrame, style: Style) -> Figure:
    """Held-out images as the last linear layer sees them, reduced to two dimensions, one color a class.

    ``table`` has ``method, replica, class, x, y``. A network that diverged has none, which the picture then says. Of more
    than :data:`MOST_COLORS` classes colors repeat.
    """
    width = style.width or WIDTH
    if table.empty:
        return blank_figure(width, 1.0, style.title, style.words("the training diverged: there are no features"))
    method = {"pca": "PCA", "tsne": "t-SNE"}[table["method"].iloc[0]]
    words = f"{method} of the last layer's input for {len(table)} held-out images, replica 0"
    names = list(dict.fromkeys(table["class"].sort_values()))
    few = len(names) <= MOST_COLORS
    words += "" if few else "; colors repeat"
    body = 3.0 + (0.16 * -(-len(names) // 3) if few else 0)
    figure = blank_figure(width, body, style.title, style.words(words))
    _scatter(figure.add_subplot(), table, names)
    if few:
        look = {"frameon": False, "ncols": 3, "handletextpad": 0.1, "columnspacing": 0.8}
        figure.legend(loc="outside lower center", **look)
    return figure


def _scatter(axes: Axes, table: pd.DataFrame, names: list[str]) -> None:
    colors = sns.color_palette("colorblind", MOST_COLORS)
    for number, name in enumerate(names):
        own = table[table["class"] == name]
        # matplotlib leaves out of a legend what begins with an underscore
        label = f"\N{HAIR SPACE}{name}" if name.startswith("_") else name
        look = {"label": label, "markersize": 2.2, "alpha": 0.8}
        axes.plot(own["x"], own["y"], "o", color=colors[number % MOST_COLORS], **look)
    axes.set_axis_off()  # the coordinates have no meaning
    axes.set_aspect("equal", adjustable="datalim")
