"""informed-init show: a bank's card and its filters, in the terminal or as a picture."""

import argparse
from pathlib import Path

import numpy as np

from ..banks.bank import Bank, LayerBank
from ..banks.shipped import cards, find_bank
from ..errors import InputError
from ..files import atomic_path

SHADES = " .:-=+*#%@"
MOST = 8  # filters of a layer in the terminal


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("bank", help="a name of `informed-init list banks`, or a file")
    parser.add_argument("--layer", help="one layer alone")
    parser.add_argument("--out", type=Path, help="write a picture (.png, .svg or .pdf) instead")


def run(options: argparse.Namespace) -> int:
    """Print a bank, or draw it; the exit status."""
    bank = find_bank(options.bank)
    layers = bank.layers
    if options.layer is not None:
        if options.layer not in layers:
            raise InputError(f"--layer: {options.bank} has no layer {options.layer!r}; it has {', '.join(layers)}")
        layers = {options.layer: layers[options.layer]}
    card = next((card for card in cards() if card.name == options.bank), None)
    print(card or _facts(options.bank, bank))
    if options.out is not None:
        _draw(layers, str(options.bank), options.out)
        print(f"Wrote {options.out}")
    else:
        print("\n" + "\n\n".join(_text(name, layer) for name, layer in layers.items()))
    return 0


def _facts(name: str, bank: Bank) -> str:
    facts = ", ".join(f"{key} = {value}" for key, value in bank.facts.items() if value is not None)
    return f"{name}: {bank.method}{', ' + facts if facts else ''}; {len(bank.layers)} layers of {len(bank.sources)} networks"


def filters_of(layer: LayerBank) -> np.ndarray:
    """The 2-D filters of a layer ``(n, kh, kw)``, the largest shares first; of whole filters those of the first channel."""
    order = layer.shares.argsort(descending=True, stable=True)
    filters = layer.filters[order].numpy()
    return filters if filters.ndim == 3 else filters[:, 0]


def _text(name: str, layer: LayerBank) -> str:
    """The largest clusters in shades: the darkest character is the layer's least value, the brightest its greatest."""
    filters = filters_of(layer)
    shares = layer.shares.sort(descending=True, stable=True).values
    reach = float(np.abs(filters).max()) or 1.0
    head = f"{name}: {'x'.join(map(str, layer.kernel_size))}, {len(filters)} filters from -{reach:.3g} to {reach:.3g}"
    columns = []
    for image, share in zip(filters[:MOST], shares.tolist(), strict=False):
        levels = ((image / reach + 1) / 2 * (len(SHADES) - 1)).round().astype(int)
        rows = ["".join(2 * SHADES[level] for level in row) for row in levels]
        columns.append([f"{100 * share:.0f} %", *rows])
    width = max(len(row) for column in columns for row in column) + 2
    lines = ["".join(f"{cell:{width}}" for cell in row).rstrip() for row in zip(*columns, strict=True)]
    return "\n".join([head, *lines])


def _draw(layers: dict[str, LayerBank], title: str, path: Path) -> None:
    """A row of pictures a layer."""
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise InputError(f"--out: {path} is no picture; end it in .png, .svg or .pdf")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("--out: pictures need matplotlib; pip install matplotlib, or leave --out away") from None
    columns = max(min(len(layer.filters), 2 * MOST) for layer in layers.values())
    figure = Figure((1.6 + 0.55 * columns, 0.5 + 0.55 * len(layers)), layout="constrained")
    figure.suptitle(title, fontsize=9)
    for row, axes in enumerate(figure.subplots(len(layers), columns, squeeze=False)):
        name, layer = list(layers.items())[row]
        filters = filters_of(layer)
        reach = float(np.abs(filters).max()) or 1.0
        for place in axes:
            place.axis("off")
        for place, image in zip(axes, filters, strict=False):
            place.imshow(image, cmap="RdBu_r", vmin=-reach, vmax=reach)
        axes[0].set_title(name, fontsize=6, loc="left", pad=2)
    with atomic_path(path) as temporary:
        figure.savefig(
            temporary, format=path.suffix[1:], dpi=200, metadata={} if path.suffix == ".png" else {"Date": None}
        )
