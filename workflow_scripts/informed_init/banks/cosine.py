"""How far training moves the weights: the cosine between a network's convolutions and their own start.

A cosine of 1 means that training changed a layer's weights by a common factor at most. Taps that only ever meet
padding get no gradient and keep their direction exactly, so they hide what the others learned; the cosine is therefore
taken over all taps and over the live ones (:mod:`.training.live_taps`).
"""

from collections.abc import Iterable, Mapping

import pandas as pd
from torch import Tensor

from ..errors import InputError
from .sources import Source

LABELS = {"all": "all taps", "live": "taps that meet pixels"}


def cosine(first: Tensor, second: Tensor) -> float:
    """Cosine of the angle between two tensors of one shape, each read as one vector, in float64."""
    first, second = first.double().flatten(), second.double().flatten()
    return float(first @ second / (first.norm() * second.norm()))


def cosines(
    pairs: Iterable[tuple[str, Mapping[str, Tensor] | Source, Mapping[str, Tensor] | Source]],
    live: Mapping[str, Tensor],
) -> pd.DataFrame:
    """The cosine between the end and the start of every layer of every network.

    Args:
        pairs: (name, trained weights, weights before the first step) of each network; a state dict or a
            :class:`~.sources.Source`. Only one pair is held at a time.
        live: layer name -> bool (kh, kw), which of its taps ever meet a pixel; these layers are compared.

    Returns:
        Columns ``source, layer, taps`` (``all`` or ``live``) ``, cosine``.

    Raises:
        InputError: a network lacks a layer, or a layer's weights differ in shape; names both.
    """
    rows = []
    for name, trained, start in pairs:
        for layer, mask in live.items():
            weights = [network.get(f"{layer}.weight") for network in (trained, start)]
            if any(weight is None for weight in weights):
                raise InputError(f"source {name!r} has no layer {layer!r} before and after its training")
            end, begin = weights
            if end.shape != begin.shape or end.shape[-2:] != mask.shape:
                shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (end, begin, mask))
                raise InputError(f"source {name!r}, layer {layer!r}: trained, untrained and live taps are {shapes}")
            rows.append((name, layer, "all", cosine(end, begin)))
            rows.append((name, layer, "live", cosine(end[..., mask], begin[..., mask])))
    if not rows:
        raise InputError("no networks to compare with their start; name at least one trained source")
    return pd.DataFrame(rows, columns=["source", "layer", "taps", "cosine"])


def summarize(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`cosines` over the networks, as :func:`.drawings.draw_bars_by_layer` takes it.

    Columns ``layer, arm`` (the taps) ``, label, value`` (mean) ``, low, high`` (smallest and largest) ``, n``.
    """
    groups = table.groupby(["layer", "taps"], sort=False)["cosine"]
    result = groups.agg(value="mean", low="min", high="max", n="size").reset_index().rename(columns={"taps": "arm"})
    result.insert(2, "label", result["arm"].map(LABELS))
    return result
