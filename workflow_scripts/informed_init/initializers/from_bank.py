"""Initializers that draw from a bank, and the controls that tell what in a bank matters.

All fill the first ``layers`` of the bankable convolutions (all of them when None) and leave the rest untouched.
"""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from ..banks.bank import Bank, LayerBank, Match, first_layers, match_layers
from ..settings import Count
from .registry import initializer


def he_std(conv: nn.Conv2d) -> float:
    """He et al. 2015, equation 14 (fan_out, ReLU): sqrt(2 / (out_channels * kh * kw / groups))."""
    return math.sqrt(2 / (conv.out_channels * conv.kernel_size[0] * conv.kernel_size[1] / conv.groups))


def _targets(
    model: nn.Module, bank: Bank | str | Path, layers: int | None, match: Match
) -> Iterator[tuple[nn.Conv2d, LayerBank]]:
    first_layers(model, layers, "a bank")
    bank = bank if isinstance(bank, Bank) else Bank.load(bank)
    return ((conv, layer) for _, conv, layer in islice(match_layers(model, bank, match), layers))


def _fill(conv: nn.Conv2d, layer: LayerBank, weight: Tensor) -> None:
    """Write ``weight`` where the bank speaks; taps it was not built from keep the network's own initialization."""
    weight = weight.view_as(conv.weight).to(conv.weight)
    conv.weight.copy_(
        weight if layer.live is None else torch.where(layer.live.to(conv.weight.device), weight, conv.weight)
    )


def _drawn(conv: nn.Conv2d, layer: LayerBank, generator: torch.Generator) -> Tensor:
    return layer.draw(conv.weight.shape[0] * conv.weight.shape[1], generator)


def _fill_all(
    model, bank, layers, match, generator, transform: Callable[[nn.Conv2d, LayerBank, Tensor], Tensor]
) -> None:
    for conv, layer in _targets(model, bank, layers, match):
        _fill(conv, layer, transform(conv, layer, _drawn(conv, layer, generator)))


@initializer("clustered", needs="convolutions")
def clustered_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    bank: Bank | str | Path,
    layers: Count | None = None,
    rescale: Literal["none", "he"] = "none",
    match: Match = "name",
) -> None:
    """Draw every 2-D filter independently from its layer's bank (Learning an Informed CNN Initialization).

    ``rescale="he"`` scales each layer to He's standard deviation: cluster centers are smaller than the filters they
    stand for, which under batch norm is a larger learning rate. Also serves ``gaussian`` and ``reservoir`` banks: a
    bank knows how to be drawn from.
    """
    scale = (lambda conv, layer: he_std(conv) / layer.drawn_std()) if rescale == "he" else (lambda conv, layer: 1.0)
    _fill_all(model, bank, layers, match, generator, lambda conv, layer, drawn: drawn * scale(conv, layer))


@initializer("he-scaled", needs="convolutions")
def he_scaled_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    bank: Bank | str | Path,
    layers: Count | None = None,
    match: Match = "name",
) -> None:
    """Gaussian noise at the standard deviation that drawing from the bank would have: the bank's scale without its
    shapes."""
    for conv, layer in _targets(model, bank, layers, match):
        _fill(conv, layer, torch.randn(conv.weight.shape, generator=generator) * layer.drawn_std())


@initializer("shuffled", needs="convolutions")
def shuffled_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    bank: Bank | str | Path,
    layers: Count | None = None,
    match: Match = "name",
) -> None:
    """Drawn filters with the taps of each permuted: every value kept, every shape destroyed."""

    def permuted(conv: nn.Conv2d, layer: LayerBank, drawn: Tensor) -> Tensor:
        flat = drawn.flatten(1)
        return flat.gather(1, torch.rand(flat.shape, generator=generator).argsort(1))

    _fill_all(model, bank, layers, match, generator, permuted)
