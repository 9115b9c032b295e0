"""Pictures of an architecture search and of its final models: accuracy against size, classes, confusion, features.

As in :mod:`.figures`, whose look they share, every function writes a PNG, an SVG and the CSV of what was drawn.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ...errors import InputError
from ..curves import write_csv
from .curves import FONT, GREY, WIDTH, blank_figure, save_figure, style

BUDGET = "#b2182b"
MOST_NAMED = 40  # classes that fit with their names
MOST_NUMBERS = 12  # classes whose confusion fits as numbers
MOST_COLORS = 10  # classes that colors can tell apart
PANELS = {"parameters": "parameters", "macs": "multiply-adds of one image"}


def draw_search(
    table: pd.DataFrame,
    ladder: pd.DataFrame,
    budget: int,
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    width: float = WIDTH,
) -> None:
    """Held-out accuracy of every shape against its parameters and its multiply-adds, one color a rung.

    ``table`` is of ``search_tables.search_table``; ``ladder`` of ``search_tables.scaling_table``, whose best pair is joined
    by a line in the last rung. Bars are 95 % intervals over replicas; a dashed line is the budget; a ring the shape that was
    chosen.
    """
    if table.empty:
        raise InputError(f"figure {title!r}: no shapes to draw")
    rungs = sorted(table["rung"].unique())
    colors = dict(zip(rungs, sns.color_palette("viridis_r", len(rungs) + 1)[1:], strict=True))
    winner = table[table["fate"] == "chosen"].iloc[0]
    joined = ladder[(ladder["best"] == 1) & (ladder["rung"] == rungs[-1])].sort_values("phi")
    with style():
        figure = blank_figure(width, 4.4 + 0.2 * len(rungs), title, _search_caption(table, len(joined) > 0))
        grid = figure.subplots(2, 1, sharey=True)
        for axes, (column, label) in zip(grid, PANELS.items(), strict=True):
            for rung in rungs:
                rows = table[table["rung"] == rung]
                axes.vlines(rows[column], rows["val_low"], rows["val_high"], color=colors[rung], linewidth=1.0)
                axes.plot(
                    rows[column], rows["val_mean"], "o", color=colors[rung], markersize=3.5, label=_rung_label(rows)
                )
            axes.plot(joined[column], joined["val_mean"], color=colors[rungs[-1]], linewidth=0.8)
            ring = {"markersize": 9, "markerfacecolor": "none", "markeredgecolor": "black", "markeredgewidth": 0.9}
            axes.plot(winner[column], winner["val_mean"], "o", **ring)
            axes.set_xscale("log")
            # a few labels, whether the sizes span a factor of three or of a thousand
            narrow = table[column].max() < 30 * table[column].min()
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
            axes.xaxis.set_major_formatter(FuncFormatter(_short))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
            axes.set_xlabel(label)
            axes.set_ylabel("held-out accuracy (%)")
        grid[0].axvline(budget, color=BUDGET, linewidth=0.9, linestyle=(0, (3, 2)))
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", frameon=False, ncols=1, handletextpad=0.2)
        save_figure(figure, path_png, path_svg)
    write_csv(table, path_csv)


def _short(value: float, _=None) -> str:
    """``1500000`` -> ``1.5 M``."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _rung_label(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    images = "all images" if pd.isna(first["images_per_class"]) else f"{first['images_per_class']:.0f} images a class"
    epochs = "epoch" if first["epochs"] == 1 else "epochs"
    return f"rung {first['rung']}: {len(rows)} shapes, {first['epochs']} {epochs}, {images}, n = {first['n']}"


def _search_caption(table: pd.DataFrame, joined: bool) -> str:
    words = "dot: one shape; ring: chosen; dashed: budget"
    words += "; line: compound scaling" if joined else ""
    words += "; bar: 95 % interval over replicas" if table["val_low"].notna().any() else "; n = 1: no interval"
    diverged = int(table["diverged"].sum())
    return words + (f"; {diverged} diverged, counted as chance" if diverged else "")


def draw_classes(
    classes: pd.DataFrame,
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    overall: float,
    width: float = WIDTH,
) -> None:
    """Test accuracy of every class: a dot, and a bar for its 95 % interval over replicas; the dashed line is the mean.

    ``classes`` is of ``search_tables.class_table``. Of more than :data:`MOST_NAMED` classes the worst are drawn; the CSV
    has all.
    """
    _check_rows(classes, title)
    shown = classes.sort_values("mean", kind="stable").head(MOST_NAMED) if len(classes) > MOST_NAMED else classes
    n = int(classes["n"].iloc[0])
    words = f"dot: mean of {n} replicas; bar: 95 % interval" if n > 1 else "n = 1: no interval"
    words += f"; dashed: all classes, {overall:.1f} %"
    words += f"; the {MOST_NAMED} worst of {len(classes)} classes" if len(shown) < len(classes) else ""
    with style():
        figure = blank_figure(width, 0.45 + 0.17 * len(shown), title, words)
        axes = figure.add_subplot()
        axes.axvline(overall, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
        for place, row in enumerate(shown.itertuples()):
            axes.hlines(place, row.low, row.high, color="#0072b2", linewidth=1.6)
            axes.plot(row.mean, place, "o", color="#0072b2", markersize=4)
            at = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
            axes.annotate(f"{row.mean:.1f}", (1, place), xytext=(6, 0), va="center", **at)
        axes.set_yticks(range(len(shown)), list(shown["class"]))
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", visible=True)
        axes.tick_params(axis="y", length=0, labelcolor="black")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        axes.set_xlabel("test accuracy (%)")
        save_figure(figure, path_png, path_svg)
    write_csv(classes, path_csv)


def draw_confusion(
    confusion: pd.DataFrame, title: str, path_png: Path, path_svg: Path, path_csv: Path, *, width: float = WIDTH
) -> None:
    """What the images of every class are taken for, in percent of the class, over all replicas together.

    ``confusion`` has replica, true, predicted, images. The CSV has true, predicted, images, percent.
    """
    _check_rows(confusion, title)
    names = list(dict.fromkeys(confusion["true"]))
    counts = confusion.groupby(["true", "predicted"])["images"].sum().unstack().loc[names, names]
    shares = 100 * counts.div(counts.sum(axis=1), axis=0)
    replicas = confusion["replica"].nunique()
    words = f"percent of each class, {replicas} replica{'' if replicas == 1 else 's'}; rows sum to 100"
    with style():
        named = len(names) <= MOST_NAMED
        figure = blank_figure(width, width * 0.86, title, words)
        axes = figure.add_subplot()
        axes.pcolormesh(
            shares.to_numpy(), cmap="Blues", vmin=0, vmax=100, edgecolor="white", linewidth=0.3 if named else 0
        )
        axes.invert_yaxis()
        if len(names) <= MOST_NUMBERS:
            for (i, j), value in np.ndenumerate(shares.to_numpy()):
                if value >= 0.5:
                    look = {"ha": "center", "va": "center", "color": "white" if value > 60 else "black"}
                    axes.text(j + 0.5, i + 0.5, f"{value:.0f}", fontsize=FONT * 0.85, **look)
        if named:
            places = np.arange(len(names)) + 0.5
            axes.set_yticks(places, names)
            axes.set_xticks(places, names, rotation=90)
        else:
            axes.set_yticks([])
            axes.set_xticks([])
        axes.tick_params(length=0, labelcolor="black")
        axes.grid(visible=False)
        axes.set_ylabel("class of the image")
        axes.set_xlabel("class given by the network")
        save_figure(figure, path_png, path_svg)
    table = counts.stack().rename("images").reset_index()
    write_csv(table.assign(percent=shares.stack().to_numpy()), path_csv)


def draw_features(
    features: pd.DataFrame, title: str, path_png: Path, path_svg: Path, path_csv: Path, *, width: float = WIDTH
) -> None:
    """Held-out images as the last linear layer sees them, reduced to two dimensions, one color a class.

    ``features`` has method, replica, class, x, y. A network that diverged has none, which the picture then says. Of more than
    :data:`MOST_COLORS` classes colors repeat.
    """
    with style():
        if features.empty:
            figure = blank_figure(width, 1.0, title, "the training diverged: there are no features")
        else:
            method = {"pca": "PCA", "tsne": "t-SNE"}[features["method"].iloc[0]]
            words = f"{method} of the last layer's input for {len(features)} held-out images, replica 0"
            names = list(dict.fromkeys(features["class"].sort_values()))
            few = len(names) <= MOST_COLORS
            words += "" if few else "; colors repeat"
            figure = blank_figure(width, 3.0 + (0.16 * -(-len(names) // 3) if few else 0), title, words)
            _scatter(figure.add_subplot(), features, names)
            if few:
                look = {"frameon": False, "ncols": 3, "handletextpad": 0.1, "columnspacing": 0.8}
                figure.legend(loc="outside lower center", **look)
        save_figure(figure, path_png, path_svg)
    write_csv(features, path_csv)


def _scatter(axes: Axes, features: pd.DataFrame, names: list[str]) -> None:
    colors = sns.color_palette("colorblind", MOST_COLORS)
    for number, name in enumerate(names):
        own = features[features["class"] == name]
        axes.plot(own["x"], own["y"], "o", color=colors[number % MOST_COLORS], markersize=2.2, alpha=0.8, label=name)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")


def _check_rows(table: pd.DataFrame, title: str) -> None:
    if table.empty:
        raise InputError(f"figure {title!r}: every training diverged, so there is nothing to draw")
