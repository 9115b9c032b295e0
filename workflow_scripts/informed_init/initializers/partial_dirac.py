"""Convolutions that begin as the identity as far as they can, and as noise beyond that."""

from typing import Annotated

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..settings import Bounds
from .layers import CONVOLUTIONS, TRANSPOSED, head_of, kind_of, say_left, weights
from .registry import initializer

Part = Annotated[float, Bounds(exclusiveMinimum=0, maximum=1)]


def identity_rows_(weight: Tensor, share: float = 1.0) -> Tensor:
    """Make the first filters of a convolution ``(out, in, *kernel)`` pass its input channels on, in place: ``share`` of
    min(out, in) of them, at least one."""
    count = max(1, round(share * min(weight.shape[:2])))
    weight[:count] = 0
    taps = tuple(size // 2 for size in weight.shape[2:])
    for channel in range(count):
        weight[(channel, channel, *taps)] = 1
    return weight


@initializer(
    "partial-dirac",
    needs="convolutions",
    source="Zagoruyko & Komodakis 2017, arXiv:1706.00388; Jordan 2024, arXiv:2404.00498",
)
def partial_dirac_(model: nn.Module, *, generator: torch.Generator, share: Part = 1.0) -> None:
    """Every convolution's first filters pass one input channel on each, all its others are He's noise (fan_in).

    So a layer of n inputs and m >= n outputs keeps all that it is given and adds m - n random features; ``share`` of the
    filters that can be identities are. Each group is a layer of its own. Linear layers, the head and normalizations are left.

    Raises:
        InputError: the network has no convolution beside its head.
    """

    def fill(weight: Tensor) -> None:
        identity_rows_(nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator), share)

    head = head_of(model)
    found = [weight for weight in weights(model) if isinstance(weight.module, (*CONVOLUTIONS, *TRANSPOSED))]
    found = [weight for weight in found if weight.module is not head.module]
    if not found:
        raise InputError(
            f"partial-dirac: not applicable: {type(model).__name__} has no convolution beside its head; "
            "use another initializer or network"
        )
    kinds = {weight.module: f"{kind_of(weight.module)}: no convolution" for weight in weights(model)}
    say_left(model, "partial-dirac", kinds | {head.module: "the head"})
    for weight in found:
        weight.fill_(fill, "identities, then He's noise")
        weight.zero_bias_()
