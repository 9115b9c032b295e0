"""Averaged filters of aligned sources (Learning an Informed CNN Initialization, full-filter clustering)."""

from pathlib import Path
from typing import Literal

import torch
from torch import nn

from ..banks.bank import Bank, bankable_layers, first_layers
from ..banks.shipped import find_bank
from ..errors import InputError
from ..settings import Count
from .layers import Weight, he_std, kind_of, say_left
from .registry import initializer


@initializer("aligned", needs="convolutions")
def aligned_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    bank: Bank | str | Path,
    layers: Count | None = None,
    rescale: Literal["none", "he", "sources"] = "none",
) -> None:
    """Copy an aligned bank's averaged filters into the first ``layers`` bankable convolutions.

    ``layers`` is all that the bank holds, if None. ``rescale`` multiplies each layer by one number: ``none``
    keeps the average, as published that of unit-length filters (at most of length one, the shorter the less
    the sources agree, and of no relation to He's scale); ``he`` gives the layer He's standard deviation;
    ``sources`` gives it the standard deviation, and so the root mean square filter length, of the sources'
    layer. Nothing is drawn from ``generator``.

    Raises:
        InputError: the bank does not hold aligned filters, or fewer layers than asked for, or than the model has, or a layer of
            another shape than the model's.
    """
    bank = find_bank(bank)
    if not bank.method.startswith("aligned-"):
        raise InputError(f"aligned: needs a bank of method aligned-greedy or aligned-hungarian, not {bank.method!r}")
    wanted = len(bank.layers) if layers is None else layers
    if wanted > len(bank.layers):
        raise InputError(f"aligned: {wanted} layers were asked for, but the bank holds {len(bank.layers)}")
    targets = first_layers(model, wanted, "aligned")
    for name, conv in targets:  # all are checked before one is written: a refused model stays as it was
        found = tuple(bank.layers[name].filters.shape) if name in bank.layers else "nothing"
        if found != tuple(conv.weight.shape):
            raise InputError(f"aligned: layer {name!r} is {tuple(conv.weight.shape)} in the model, {found} in the bank")
    beyond = {conv: f"{kind_of(conv)} beyond the first {wanted}" for _, conv in bankable_layers(model)}
    say_left(model, "a bank", beyond)
    for name, conv in targets:
        layer, weight = bank.layers[name], bank.layers[name].filters
        if rescale != "none":
            std = he_std(conv) if rescale == "he" else layer.std
            weight = weight * (std / weight.square().mean().sqrt().item())
        Weight(name, conv).set_(weight, "averaged filters of aligned sources", f"bank layer {name}")
