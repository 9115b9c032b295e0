"""Pictures of training curves, and the look that every figure of the project shares.

A drawing function, here and in :mod:`.drawings`, takes data and writes a PNG, an SVG and the CSV of exactly what was
drawn. The same input gives the same bytes: no dates, no version strings, fixed identifiers, and fonts that come with
matplotlib. Sizes are for one column of a paper (widths in inches, no text below 8 points).
"""

import re
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.optimize import isotonic_regression

from ...errors import InputError
from ...files import atomic_path
from ..curves import cell_matrix, nearest, pair, select, write_csv
from ..statistics import mean_interval, paired_difference

WIDTH = 3.5
FONT = 8.0
GREY = "#5f5f5f"

# One color per method, the same in every figure, chosen after Okabe & Ito (2008) and Tol (2021) so that the
# methods can be told apart with any color vision.
PALETTE = {
    "random": "#7f7f7f",
    "pretrained": "#8c5a2b",
    "gabor": "#009e73",
    "euclid": "#0072b2",
    "fourier": "#d55e00",
    "aligned": "#7b4fa3",
    "clustered-untrained": "#cc79a7",
    "clustered-live": "#3a3a3a",
    "clustered-rescaled": "#b8a000",
    "he-scaled": "#56b4e9",
    "resampled": "#882255",
    "gaussian": "#44aa99",
    "shuffled": "#999933",
}
OTHER = "#4d4d4d"
SYNONYMS = {"clustered": "fourier"}  # the Tiny ImageNet arm is a fourier bank

METRIC_LABELS = {
    "train_loss": "training loss",
    "train_accuracy": "training accuracy (%)",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy (%)",
    "val_accuracy_top5": "validation accuracy, top 5 (%)",
    "test_accuracy": "test accuracy (%)",
}
REQUIRED_KEYS = ("title", "protocol", "arms")
OPTIONAL_KEYS = ("recipe", "metric", "baseline", "published", "panels", "chance", "ylabel", "width", "height")


def method_of(arm: str) -> str:
    """The method in an arm's name, after a prefix for network or data set: ``tiny-random`` -> ``random``."""
    name = re.sub(r"^(custom|tiny)-", "", arm)
    methods = sorted([*PALETTE, *SYNONYMS], key=len, reverse=True)
    found = next((method for method in methods if name == method or name.startswith(f"{method}-")), name)
    return SYNONYMS.get(found, found)


def arm_colors(arms: Sequence[str]) -> dict[str, str]:
    """A hex color per arm: its method's; shades from light to dark where a method has several arms."""
    colors = {}
    for method in dict.fromkeys(map(method_of, arms)):
        base = PALETTE.get(method, OTHER)
        members = [arm for arm in arms if method_of(arm) == method]
        if len(members) == 1:
            shades = [base]
        else:
            light = sns.blend_palette(["white", base], 101)[60]
            dark = sns.blend_palette([base, "black"], 101)[55]
            shades = sns.blend_palette([light, base, dark], len(members))
        colors |= {arm: to_hex(shade) for arm, shade in zip(members, shades, strict=True)}
    return colors


def spread(centers: Sequence[float], sizes: Sequence[float], low: float, high: float) -> np.ndarray:
    """Centers moved as little as possible (least squares) until labels of these sizes do not overlap.

    The order stays, and every label lies between ``low`` and ``high``; when they do not fit, all sizes
    shrink.
    """
    centers, sizes = np.asarray(centers, float), np.asarray(sizes, float)
    sizes = sizes * min(1.0, (high - low) / sizes.sum())
    order = np.argsort(centers, kind="stable")
    ordered = sizes[order]
    stacked = np.cumsum(ordered) - ordered / 2  # the centers when all labels stand on each other
    # no overlap is "centers - stacked does not fall": an isotonic regression
    moved = isotonic_regression(centers[order] - stacked).x
    result = np.empty_like(centers)
    result[order] = np.clip(moved, low, high - sizes.sum()) + stacked
    return result


def curve_table(curves: pd.DataFrame, spec: Mapping) -> pd.DataFrame:
    """What :func:`draw_curves` draws: one row per arm and epoch.

    Columns ``arm, label, epoch, n, n_tasks, n_replicas, diverged, mean, low, high, published``. ``low`` and
    ``high`` are the 95 % interval of the mean over tasks and replicas; with the key ``baseline`` they are the
    arm's mean with the 95 % interval of its paired difference from the baseline arm (which then has none).
    They are empty where there is no interval. ``diverged`` counts the trainings that diverged by that epoch
    and stand in the mean as chance level. Raises :class:`InputError` for a key that is missing or unknown and
    for an arm that the curves do not hold.
    """
    _check_spec(spec)
    chosen = select(curves, protocol=spec["protocol"], recipe=spec.get("recipe"))
    metric, baseline, rows = spec.get("metric", "val_accuracy"), spec.get("baseline"), []

    @cache
    def cells(arm: str, epoch: int | None) -> pd.DataFrame:
        return cell_matrix(chosen, arm, metric, epoch=epoch, chance=spec.get("chance", 10.0))

    for entry in spec["arms"]:
        arm = entry["arm"]
        published = (spec.get("published") or {}).get(arm, ())
        own = chosen[chosen["arm"] == arm]
        # an arm without rows is refused by cells(), which names it
        for epoch in sorted(own["epoch"].unique()) or [None]:
            values = cells(arm, epoch)
            mean, low, high = float(values.to_numpy().mean()), None, None
            if baseline is None:
                interval = mean_interval(values)
                low, high = interval.low, interval.high
            elif arm != baseline:
                difference = paired_difference(*pair(values, cells(baseline, epoch)))
                if difference.low is not None:
                    # the distances from the difference to its bounds, put around the arm's own mean
                    low, high = (mean + bound - difference.mean for bound in (difference.low, difference.high))
            tasks, replicas = values.shape
            row = {"arm": arm, "label": entry.get("label", arm), "epoch": int(epoch), "n": tasks * replicas}
            row |= {"n_tasks": tasks, "n_replicas": replicas}
            row |= {"diverged": int(own.loc[own["epoch"] == epoch, "diverged"].sum())}
            row |= {"mean": mean, "low": low, "high": high}
            rows.append(row | {"published": published[epoch - 1] if epoch <= len(published) else None})
    return pd.DataFrame(rows).astype(dict.fromkeys(("mean", "low", "high", "published"), float))


def _check_spec(spec: Mapping) -> None:
    for key in REQUIRED_KEYS:
        if not spec.get(key):
            raise InputError(f"a figure needs the key {key}")
    known = REQUIRED_KEYS + OPTIONAL_KEYS
    for key in spec:
        if key not in known:
            raise InputError(f"figure {spec['title']!r}: unknown key {key}{nearest(key, known)}")
    arms = [entry["arm"] for entry in spec["arms"]]
    for arm in (arm for members in (spec.get("panels") or {}).values() for arm in members):
        if arm not in arms:
            raise InputError(
                f"figure {spec['title']!r}: a panel names {arm}, which is no arm of it{nearest(arm, arms)}"
            )


def draw_curves(curves: pd.DataFrame, figure_spec: Mapping, path_png: Path, path_svg: Path, path_csv: Path) -> None:
    """Mean accuracy per epoch of each arm with a 95 % band, labeled at the lines' ends.

    Keys of ``figure_spec``: ``title``, ``protocol``, ``arms`` (a list of ``{arm, label, color, linestyle,
    marker}``, only ``arm`` needed) and, where wanted,

    * ``recipe``: needed when the curves hold several;
    * ``metric``: default ``val_accuracy``;
    * ``baseline``: bands are those of the paired difference from this arm (:func:`curve_table`);
    * ``published``: arm -> published means from epoch 1 on, drawn as thin dashed lines;
    * ``panels``: name -> arms; one panel below the other, arms that stand in none are drawn in all;
    * ``chance``: the chance level in percent (:func:`curves.cell_matrix`);
    * ``ylabel``, and ``width`` of the figure and ``height`` of its axes in inches.
    """
    table = curve_table(curves, figure_spec)
    entries = {entry["arm"]: entry for entry in figure_spec["arms"]}
    chosen = {arm: entry["color"] for arm, entry in entries.items() if "color" in entry}
    colors = arm_colors(list(entries)) | chosen
    panels = figure_spec.get("panels") or {"": []}
    placed = {arm for arms in panels.values() for arm in arms}
    members = {name: [arm for arm in entries if arm in arms or arm not in placed] for name, arms in panels.items()}
    most = max(map(len, members.values()))
    height = figure_spec.get("height", 0.3 + len(panels) * max(2.1, 0.35 + 0.17 * most))
    ylabel = figure_spec.get("ylabel") or _metric_label(figure_spec)
    with style():
        width, title = figure_spec.get("width", WIDTH), figure_spec["title"]
        figure = blank_figure(width, height, title, _caption(table, figure_spec))
        grid = figure.subplots(len(panels), squeeze=False, sharex=True, sharey=True)[:, 0]
        for axes, (name, arms) in zip(grid, members.items(), strict=True):
            for arm in arms:
                # many bands over each other stay as light as a few
                _draw_curve(axes, table[table["arm"] == arm], entries[arm], colors[arm], min(0.13, 0.65 / most))
            axes.set_title(name, loc="left", pad=4)
            axes.set_ylabel(ylabel)
        first, last = int(table["epoch"].min()), int(table["epoch"].max())
        axes.set_xlim(first - 0.02 * (last - first) - 0.02, last + 0.02)
        axes.set_xticks([e for e in range(first, last + 1) if last - first < 10 or e == first or e % 5 == 0])
        axes.set_ylim(*_limits(table))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        axes.set_xlabel("epoch")
        figure.draw_without_rendering()  # fixes the layout, so that heights are known
        for axes, arms in zip(grid, members.values(), strict=True):
            _label_ends(axes, table[table["arm"].isin(arms)], colors)
        save_figure(figure, path_png, path_svg)
    write_csv(table, path_csv)


def _draw_curve(axes: Axes, rows: pd.DataFrame, entry: Mapping, color: str, alpha: float) -> None:
    if len(rows) == 1:
        axes.vlines(rows["epoch"], rows["low"], rows["high"], color=color, alpha=0.4, linewidth=1.4)
    axes.fill_between(rows["epoch"], rows["low"], rows["high"], color=color, alpha=alpha, linewidth=0)
    axes.plot(rows["epoch"], rows["published"], color=color, linestyle=(0, (3, 2)), linewidth=0.8)
    marker = entry.get("marker") or ("o" if len(rows) == 1 else None)
    look = {"linestyle": entry.get("linestyle", "-"), "marker": marker, "markersize": 3, "linewidth": 1.4}
    axes.plot(rows["epoch"], rows["mean"], color=color, **look, clip_on=False)


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """The range of the values: all lines, and bands as far as they leave the lines half of the height."""
    lines = table[["mean", "published"]].to_numpy()
    low, high = np.nanmin(lines), np.nanmax(lines)
    room = max(high - low, 1.0) / 2
    bands = table[["low", "high"]].to_numpy()
    low = max(np.nanmin([low, *bands.flat]), low - room)
    high = min(np.nanmax([high, *bands.flat]), high + room)
    return low - 0.05 * room, high + 0.05 * room


def _metric_label(spec: Mapping) -> str:
    metric = spec.get("metric", "val_accuracy")
    label = METRIC_LABELS.get(metric, metric.replace("_", " "))
    # the published code evaluated on the test split and called it validation
    return label.replace("validation", "test-split") if spec["protocol"] == "published" else label


def _caption(table: pd.DataFrame, spec: Mapping) -> str:
    """What the lines and bands are, and from how many trainings."""
    first = table.drop_duplicates("arm").set_index("arm")
    sizes = {arm: (row.n_tasks, row.n_replicas) for arm, row in first.iterrows()}
    usual = max(dict.fromkeys(sizes.values()), key=list(sizes.values()).count)
    words = "line: mean"
    if table["low"].notna().any():
        baseline = spec.get("baseline")
        name = first["label"].get(baseline, baseline)
        words += f"; band: 95 % interval of the {f'paired difference from {name}' if baseline else 'mean'}"
        low, high = _limits(table)
        words += " (cut off)" if table["low"].min() < low or table["high"].max() > high else ""
    words += f"; {_size(usual)}"
    for size in dict.fromkeys(sizes.values()):
        if size != usual:
            labels = [first.loc[arm, "label"] for arm in sizes if sizes[arm] == size]
            words += f" ({', '.join(labels)}: {_size(size)})"
    words += "; dashed: published mean" if table["published"].notna().any() else ""
    diverged = int(table.groupby("arm")["diverged"].max().sum())
    return words + (f"; {diverged} diverged, counted as chance" if diverged else "")


def _size(size: tuple[int, int]) -> str:
    """``(10, 1)`` -> ``n = 10 tasks × 1 replica``, kept on one line."""
    if size == (1, 1):
        return "n = 1: no interval"
    tasks, replicas = size
    words = f"n = {tasks} task{'' if tasks == 1 else 's'} × {replicas} replica{'' if replicas == 1 else 's'}"
    return words.replace(" ", "\N{NO-BREAK SPACE}")


def _label_ends(axes: Axes, table: pd.DataFrame, colors: Mapping[str, str]) -> None:
    """Label and last mean right of each line; labels that would overlap move apart, with a thin lead."""
    last = table.drop_duplicates("arm", keep="last")
    scale = axes.figure.dpi / 72
    heights = axes.transData.transform(last[["epoch", "mean"]])[:, 1] / scale
    glue = 2 * "\N{NO-BREAK SPACE}"  # a long label breaks, but not before its number
    texts = [textwrap.fill(f"{row.label}{glue}{row.mean:.1f}", 24) for row in last.itertuples()]
    sizes = [FONT * 1.2 * (text.count("\n") + 1) for text in texts]
    places = spread(heights, sizes, axes.bbox.y0 / scale, axes.bbox.y1 / scale)
    for row, text, height, place in zip(last.itertuples(), texts, heights, places, strict=True):
        color = colors[row.arm]
        lead = {"arrowstyle": "-", "color": color, "linewidth": 0.6, "relpos": (0, 0.5)}
        axes.annotate(
            text,
            (row.epoch, row.mean),
            xytext=(10, place - height),
            textcoords="offset points",
            color=color,
            va="center",
            linespacing=1.05,
            annotation_clip=False,
            arrowprops=lead | {"shrinkA": 1, "shrinkB": 1},
        )


# ---------------------------------------------------------------- what all figures share


def style() -> rc_context:
    """The look of all figures: seaborn's white grid, thin lines, reproducible identifiers."""
    return rc_context(
        {
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
            "svg.hashsalt": "informed-init",
            "svg.fonttype": "path",
        }
    )


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


def save_figure(figure: Figure, path_png: Path, path_svg: Path) -> None:
    """Write both formats, atomically and without anything that changes from one run to the next."""
    for path, kind, metadata in (
        (path_png, "png", {"Software": None}),
        (path_svg, "svg", {"Date": None, "Creator": None}),
    ):
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=200, metadata=metadata, facecolor="white")
