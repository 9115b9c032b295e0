"""Initializers that draw from a bank, and the controls that tell what in a bank matters.

All fill the first ``layers`` of the bankable convolutions (all of them when None) and leave the rest untouched: convolutions
of 1x1 have no shape that a bank could know and keep the network's own initialization, as in the study.

**Scale.** The scale of a bank is far below He's, because centers are smaller than the filters they stand for. Behind a
normalization the network does not see it, except as a larger learning rate; without one, nineteen layers of it leave nothing
of the image. So ``rescale="auto"`` keeps the bank's own scale where a normalization follows the layer, and gives the layer
He's standard deviation where none does; ``none`` and ``he`` do the same everywhere.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from ..banks.bank import Bank, LayerBank, bankable_layers
from ..banks.match import Fit, Match, match_layers
from ..banks.shipped import find_bank
from ..channels.normalization import normalizers
from ..errors import InputError, some
from ..settings import Count, NotNegative
from .layers import Weight, he_std, kind_of, say_left, shape_of
from .registry import initializer
from .report import caution

Rescale = Literal["auto", "none", "he"]


@dataclass(frozen=True)
class Target:
    """A convolution to fill from a bank layer: ``std`` is the standard deviation that its weight is to have, ``spread`` that
    of what is added to each drawn filter, and ``why`` says both to the report."""

    fit: Fit
    std: float
    spread: float
    why: str
    detail: str

    @property
    def conv(self) -> nn.Conv2d:
        return self.fit.conv

    @property
    def layer(self) -> LayerBank:
        return self.fit.layer

    @property
    def factor(self) -> float:
        """What takes drawn filters to ``std``; exactly 1 where the bank's own scale is kept."""
        own = own_std(self.layer, self.spread)
        return 1.0 if self.std == own else self.std / own

    def draw(self, generator: torch.Generator) -> Tensor:
        """One filter ``(n, kh, kw)`` for each pair of channels."""
        drawn = self.layer.draw(self.conv.out_channels * shape_of(self.conv)[1], generator)
        if self.spread:
            drawn = drawn + self.spread * torch.randn(drawn.shape, generator=generator)
        return drawn

    def fill_(self, weight: Tensor) -> None:
        """Write ``weight`` where the bank speaks; taps it was not built from keep the network's own initialization."""
        own, live = Weight(self.fit.name, self.conv), self.layer.live
        weight = weight.view(shape_of(self.conv))
        if live is not None:
            weight = torch.where(live.to(own.get().device), weight.to(own.get()), own.get())
        own.set_(weight, self.why, self.detail)


def own_std(layer: LayerBank, spread: float) -> float:
    """The standard deviation about zero of what is drawn from a bank layer with a spread."""
    return math.hypot(layer.drawn_std(), spread) if spread else layer.drawn_std()


def _spread(conv: nn.Conv2d, layer: LayerBank) -> float:
    """How far the sources' filters lie from what is drawn, where a layer has one filter a channel; 0 elsewhere.

    Filters of a depthwise layer do not add up, so that with two centers its channels would be two, over and over.
    """
    if shape_of(conv)[1] > 1 or layer.covariance is not None or len(layer.filters) >= conv.out_channels:
        return 0.0
    return math.sqrt(max(layer.std**2 - layer.drawn_std() ** 2, 0.0))


def targets(
    model: nn.Module,
    initializer: str,
    bank: Bank | str | Path,
    layers: int | None,
    match: Match,
    rescale: Rescale,
    spreads: bool = False,
) -> Iterator[Target]:
    """What to fill, each when all before it is filled; says of everything else why it is left.

    Raises:
        InputError: there is no such bank, or it fits no layer.
    """
    fits = match_layers(model, find_bank(bank), match, layers, initializer)
    beyond = {conv: f"{kind_of(conv)} beyond the first {layers}" for _, conv in bankable_layers(model)}
    say_left(model, "a bank", beyond | {fit.conv: f"{kind_of(fit.conv)}: {fit.why}" for fit in fits})
    filled = [fit for fit in fits if fit.layer is not None]
    norms = normalizers(model, [fit.conv for fit in filled]) if rescale == "auto" else {}
    seen = set()
    for fit in filled:
        key = Weight(fit.name, fit.conv).key()
        if key not in seen:  # a weight of two layers is that of the first
            seen.add(key)
            yield _target(fit, initializer, norms.get(fit.conv), rescale, spreads)


def _target(fit: Fit, initializer: str, norm: str | None, rescale: Rescale, spreads: bool) -> Target:
    spread = _spread(fit.conv, fit.layer) if spreads else 0.0
    own = own_std(fit.layer, spread)
    keeps = rescale == "none" or (rescale == "auto" and norm is not None)
    if not keeps and not own > 0:
        raise InputError(
            f"{initializer}: the bank's layer {fit.source!r} is all zeros and has no scale; use another bank"
        )
    scales = {
        "none": "at the bank's own scale",
        "he": "at He's scale",
        "auto": "at the bank's own scale: a normalization follows"
        if keeps
        else "at He's scale: no normalization follows",
    }
    why = f"{initializer}, {scales[rescale]}" + (", spread around the centers: one filter a channel" if spread else "")
    detail = f"bank layer {fit.source}" + (f", then {norm}" if norm is not None else "")
    return Target(fit, own if keeps else he_std(fit.conv), spread, why, detail)


@initializer("clustered", needs="convolutions", source="Learning an Informed CNN Initialization, ETH Zürich 2023")
def clustered_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    bank: Bank | str | Path,
    layers: Count | None = None,
    rescale: Rescale = "auto",
    match: Match = "auto",
    jitter: NotNegative = 0.0,
) -> None:
    """Draw every 2-D filter independently from its layer's bank.

    ``bank`` is a name of :func:`informed_init.banks`, a file or a :class:`Bank`, of centers, a Gaussian or a reservoir: a
    bank knows how to be drawn from. ``match`` pairs layers by ``name``, by ``depth``, or by name where all names fit
    (``auto``); ``rescale`` says at what scale (see the module). Depthwise layers get the spread of the sources' filters
    around the centers as well, since their filters do not mix.

    ``jitter`` multiplies every weight by 1 + ``jitter`` N(0, 1). A bank of one center makes all filters of a layer the same;
    where the next layer's are, too, their channels get the same gradient and never learn to differ, unless rounding
    tells them apart: a jitter of 1e-6 is as much as that.

    Raises:
        InputError: there is no such bank, it fits no layer, or the network has fewer than ``layers``.
    """
    alike = []
    for target in targets(model, "clustered", bank, layers, match, rescale, spreads=True):
        filters = target.draw(generator) * target.factor
        if jitter:
            filters = filters * (1 + jitter * torch.randn(filters.shape, generator=generator))
        stored = filters.to(target.conv.weight.dtype)  # half precision rounds a small jitter away
        if len(stored) > 1 and (stored == stored[0]).all():
            alike.append(target.fit.name)
        target.fill_(filters)
    if alike:
        caution(
            f"all filters of a layer are the same in {some(alike)}: channels that start alike may never learn to differ; "
            f"a {'larger ' if jitter else ''}jitter tells them apart, 1e-6 in float32 and 1e-2 in half precision"
        )


@initializer("he-scaled", needs="convolutions")
def he_scaled_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    bank: Bank | str | Path,
    layers: Count | None = None,
    rescale: Rescale = "auto",
    match: Match = "auto",
) -> None:
    """Gaussian noise at the standard deviation that drawing from the bank would have: the bank's scale without its
    shapes. Settings and errors are those of ``clustered``."""
    for target in targets(model, "he-scaled", bank, layers, match, rescale):
        target.fill_(torch.randn(shape_of(target.conv), generator=generator) * target.std)


@initializer("shuffled", needs="convolutions")
def shuffled_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    bank: Bank | str | Path,
    layers: Count | None = None,
    rescale: Rescale = "auto",
    match: Match = "auto",
) -> None:
    """Drawn filters with the taps of each permuted: every value kept, every shape destroyed. Settings and errors are those
    of ``clustered``."""
    for target in targets(model, "shuffled", bank, layers, match, rescale):
        flat = target.draw(generator).flatten(1)
        permuted = flat.gather(1, torch.rand(flat.shape, generator=generator).argsort(1))
        target.fill_(permuted * target.factor)
