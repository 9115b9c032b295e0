"""Normalization layers that begin with a small gain, and residual branches that begin with none."""

import torch
from torch import Tensor, nn

from ..channels.normalization import is_norm
from ..errors import InputError
from ..settings import Positive
from .fixup import branches_of, weights_by_module, zero_module_
from .registry import initializer
from .report import was_set


@initializer("norm-gain", needs="norms", source="Ioffe & Szegedy 2015, arXiv:1502.03167, with another gain")
def norm_gain_(model: nn.Module, *, generator: torch.Generator, gain: Positive = 0.1) -> None:
    """Every normalization layer's gain gamma in gamma (x - mean) / std + beta starts at ``gain`` instead of 1; weights are left.

    Each normalized layer speaks that much more quietly to the next: in a residual network the branches begin small beside
    their shortcuts. Nothing is drawn.

    Raises:
        InputError: the network has no normalization layer with a gain.
    """
    norms = [module for module in model.modules() if is_norm(module) and isinstance(_gain(module), nn.Parameter)]
    if not norms:
        raise InputError(
            f"norm-gain: not applicable: {type(model).__name__} has no normalization layer with a gain; "
            "use another initializer or network"
        )
    for norm in norms:
        norm.weight.fill_(gain)
        was_set(norm.weight, f"{type(norm).__name__}: gain {gain:g}")


def _gain(module: nn.Module) -> Tensor | None:
    return getattr(module, "weight", None)


@initializer("zero-gamma", needs="branches", source="Goyal et al. 2017, arXiv:1706.02677, section 5.1", labels=False)
def zero_gamma_(model: nn.Module, *, generator: torch.Generator, data: tuple[Tensor, Tensor]) -> None:
    """The last gain of every residual branch starts at zero, so that every residual block is its shortcut; all else is left.

    A branch's last normalization layer begins with gain and shift zero. A branch that ends in another layer, as those of
    transformers do, begins with that layer's weight and bias zero. Branches are found in a pass of one blank image; of
    ``data`` (training images, with or without labels) only the shape of an image is used. Nothing is drawn.

    Raises:
        InputError: the network has no residual additions.
    """
    held = weights_by_module(model)
    for branch in branches_of(model, data[0], "zero-gamma"):
        for module in branch.last:
            zero_module_(module, held, "zero: the end of a residual branch")
