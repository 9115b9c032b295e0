"""Figures from tables: every function takes data, writes a PNG, an SVG and the CSV of exactly what was drawn.

The same input gives the same bytes: no dates, no version strings, fixed identifiers, and fonts that come with
matplotlib. Sizes are for one column of a paper (widths in inches, no text below 8 points).
"""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.optimize import isotonic_regression

from .curves import cell_matrix, nearest, pair, select, write_csv
from .errors import InputError
from .files import atomic_path
from .statistics import mean_interval, paired_difference

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
                    low, high = (
                        mean + bound - difference.mean for bound in (difference.low, difference.high)
                    )
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


def draw_curves(
    curves: pd.DataFrame, figure_spec: Mapping, path_png: Path, path_svg: Path, path_csv: Path
) -> None:
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
    members = {
        name: [arm for arm in entries if arm in arms or arm not in placed] for name, arms in panels.items()
    }
    most = max(map(len, members.values()))
    height = figure_spec.get("height", 0.3 + len(panels) * max(2.1, 0.35 + 0.17 * most))
    ylabel = figure_spec.get("ylabel") or _metric_label(figure_spec)
    with _style():
        width, title = figure_spec.get("width", WIDTH), figure_spec["title"]
        figure = _figure(width, height, title, _caption(table, figure_spec))
        grid = figure.subplots(len(panels), squeeze=False, sharex=True, sharey=True)[:, 0]
        for axes, (name, arms) in zip(grid, members.items(), strict=True):
            for arm in arms:
                # many bands over each other stay as light as a few
                _draw_curve(
                    axes, table[table["arm"] == arm], entries[arm], colors[arm], min(0.13, 0.65 / most)
                )
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
        _save(figure, path_png, path_svg)
    write_csv(table, path_csv)


def _draw_curve(axes: Axes, rows: pd.DataFrame, entry: Mapping, color: str, alpha: float) -> None:
    if len(rows) == 1:
        axes.vlines(rows["epoch"], rows["low"], rows["high"], color=color, alpha=0.4, linewidth=1.4)
    axes.fill_between(rows["epoch"], rows["low"], rows["high"], color=color, alpha=alpha, linewidth=0)
    axes.plot(rows["epoch"], rows["published"], color=color, linestyle=(0, (3, 2)), linewidth=0.8)
    marker = entry.get("marker") or ("o" if len(rows) == 1 else None)
    style = {"linestyle": entry.get("linestyle", "-"), "marker": marker, "markersize": 3, "linewidth": 1.4}
    axes.plot(rows["epoch"], rows["mean"], color=color, **style, clip_on=False)


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


def _style() -> rc_context:
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


def _figure(width: float, body: float, title: str, subtitle: str = "") -> Figure:
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


def _save(figure: Figure, path_png: Path, path_svg: Path) -> None:
    for path, kind, metadata in (
        (path_png, "png", {"Software": None}),
        (path_svg, "svg", {"Date": None, "Creator": None}),
    ):
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=200, metadata=metadata, facecolor="white")


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
    with _style():
        figure = _figure(width, 0.45 + 0.19 * len(table), title, subtitle)
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
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        axes.set_xlabel(f"difference from {reference} (points)")
        _save(figure, path_png, path_svg)
    write_csv(table, path_csv)


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
    width: float = WIDTH,
) -> None:
    """One horizontal bar per layer and arm, from ``start`` to ``value``, first layer on top.

    ``table`` has the columns ``layer, arm, label, value``. ``start`` is the value that means "nothing
    happened" (1 for a cosine between initial and trained weights), so that a bar's length is what is to be
    compared.
    """
    table = table[["layer", "arm", "label", "value"]].reset_index(drop=True)
    if table.empty:
        raise InputError(f"figure {title!r}: no bars to draw")
    layers, arms = list(dict.fromkeys(table["layer"])), list(dict.fromkeys(table["arm"]))
    colors, thickness = arm_colors(arms), 0.8 / len(arms)
    with _style():
        figure = _figure(width, 0.6 + len(layers) * max(0.16, 0.07 * len(arms)), title, subtitle)
        axes = figure.add_subplot()
        for number, arm in enumerate(arms):
            rows = table[table["arm"] == arm]
            places = [layers.index(layer) - 0.4 + thickness * (number + 0.5) for layer in rows["layer"]]
            look = {"color": colors[arm], "linewidth": 0, "label": rows["label"].iloc[0]}
            bars = axes.barh(places, rows["value"] - start, thickness, left=start, **look)
            if len(arms) == 1:
                axes.bar_label(bars, [f"{value:.3f}" for value in rows["value"]], padding=3, color=GREY)
        axes.axvline(start, color=GREY, linewidth=0.8)
        _name_rows(axes, layers)
        axes.margins(x=0.18 if len(arms) == 1 else 0.03)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
        axes.set_xlabel(xlabel)
        if len(arms) > 1:
            figure.legend(loc="outside lower center", frameon=False, ncols=min(len(arms), 3), handlelength=1)
        _save(figure, path_png, path_svg)
    write_csv(table, path_csv)


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
            raise InputError(
                f"filters of {name or title!r} must be (n, kh, kw) with n shares, not {bank.shape}"
            )
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


def draw_live_taps(
    maps: Mapping[str, np.ndarray],
    title: str,
    path_png: Path,
    path_svg: Path,
    path_csv: Path,
    *,
    subtitle: str = "dark: gets a gradient; white: only ever meets padding; numbers: live share",
    width: float = WIDTH,
) -> None:
    """One small kernel per layer, its taps shaded by their live share.

    ``maps`` is layer name -> (kh, kw) with values from 0 to 1.
    """
    blocks, rows = [], []
    for name, live in maps.items():
        live = np.asarray(live, float)
        if live.ndim != 2 or live.min() < 0 or live.max() > 1:
            raise InputError(f"the live map of {name} must be (kh, kw) with values from 0 to 1")
        blocks.append(Block(name, live[None], [f"{100 * live.mean():.0f} %"], 0.0, 1.0))
        rows += [(name, *place, value) for place, value in np.ndenumerate(live)]
    palette = sns.blend_palette(["white", "#00664b"], as_cmap=True)
    _draw_blocks(blocks, palette, (title, subtitle), width, (path_png, path_svg))
    write_csv(pd.DataFrame(rows, columns=["layer", "row", "column", "live"]), path_csv)


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
    with _style():
        figure = _figure(width, body, *heading)
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
        _save(figure, *paths)
