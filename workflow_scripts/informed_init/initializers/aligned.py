"""Averaged filters of aligned sources (Learning an Informed CNN Initialization, full-filter clustering)."""

from pathlib import Path

import torch
from torch import nn

from ..banks import Bank, bankable_layers
from ..errors import InputError
from .from_bank import he_std
from .registry import initializer

RESCALES = ("none", "he", "sources")


@initializer("aligned")
def aligned_(
    model: nn.Module, *, generator: torch.Generator, bank: Bank | str | Path, layers: int | None = None, rescale: str = "none"
) -> None:
    """Copy the whole averaged filters of an aligned bank into the first ``layers`` bankable convolutions (all the bank has, if None).

    ``rescale`` multiplies each layer by one number: ``none`` keeps the average as published, whose filters are at most of length
    1 whatever their size and shorter the less the sources agree; ``he`` gives the layer He's standard deviation;
    ``sources`` gives it that of the sources' filters, which averaging lowers.

    Nothing is drawn; ``generator`` is every initializer's.

    Raises:
        InputError: the bank does not hold aligned filters, has too few layers, or a layer's shape differs from the model's.
    """
    if rescale not in RESCALES:
        raise InputError(f"aligned: rescale must be one of {', '.join(RESCALES)}, got {rescale!r}")
    bank = bank if isinstance(bank, Bank) else Bank.load(bank)
    if not bank.method.startswith("aligned-"):
        raise InputError(f"aligned: the bank's method is {bank.method!r}; it takes a bank of method aligned-greedy or aligned-hungarian")
    wanted = len(bank.layers) if layers is None else layers
    if not 1 <= wanted <= len(bank.layers):
        raise InputError(f"aligned: {wanted} layers were asked for, but the bank has {len(bank.layers)}; set its layers to {wanted}")
    targets = bankable_layers(model)[:wanted]
    # checked before anything is written, so that a bank that does not fit leaves the model as it was
    for name, conv in targets:
        found = tuple(bank.layers[name].filters.shape) if name in bank.layers else "nothing"
        if found != tuple(conv.weight.shape):
            raise InputError(f"aligned: layer {name!r} is {tuple(conv.weight.shape)} in the model, {found} in the bank")
    for name, conv in targets:
        layer = bank.layers[name]
        wanted_std = {"none": None, "he": he_std(conv), "sources": layer.std}[rescale]
        scale = 1.0 if wanted_std is None else wanted_std / float(layer.filters.square().mean().sqrt())
        conv.weight.copy_(layer.filters * scale)
