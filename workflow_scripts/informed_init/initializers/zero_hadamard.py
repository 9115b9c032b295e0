"""ZerO (Zhao et al. 2022): a deterministic start from zeros and ones, up to scale."""

import torch
from torch import Tensor, nn

from .probe import try_training
from .registry import initializer
from .traditional import center, fill_


def hadamard_identity(rows: int, columns: int) -> Tensor:
    """ZerO's matrix ``(rows, columns)``: the (partial) identity, or if it widens a corner of a Hadamard matrix.

    The Hadamard matrix has the next power of two as its size and is scaled to be orthogonal. Where ``rows`` is a power
    of two, the corner is an isometry.
    """
    if rows <= columns:
        return torch.eye(rows, columns)
    size = 2 ** (rows - 1).bit_length()
    # entry (i, j) of Sylvester's matrix is -1 to the number of ones that i and j share; the whole matrix of a head with 20,000
    # classes would take gigabytes
    parity = torch.arange(rows)[:, None] & torch.arange(columns)
    for shift in (16, 8, 4, 2, 1):
        parity ^= parity >> shift
    return (1 - 2 * (parity & 1)).float() / size**0.5


@initializer("zero-hadamard", source="Zhao et al. 2022, arXiv:2110.12661")
def zero_hadamard_(model: nn.Module, *, generator: torch.Generator) -> None:
    """ZerO: the identity, or a corner of a Hadamard matrix where a layer widens, at the center tap; zero elsewhere.

    See :func:`hadamard_identity`. Applies to every layer, the head included (whose logits are then its first input
    features); biases are zero, normalization layers keep their defaults. A first convolution on images of one channel gets
    one column of the Hadamard matrix, all ones, so all its output channels start alike. A layer norm right behind it then has
    nothing to divide by and its gradient overflows: mit-b0 diverges from this start on grey images, and trains on color ones.
    The same happens behind batch norm in ResNets, on color images, too. One gradient on random images is tried, and the
    report holds a caution if it shows that.
    """

    def fill(weight: Tensor) -> None:
        weight.zero_()
        center(weight).copy_(hadamard_identity(*weight.shape[:2]))

    fill_(model, fill, "the identity, or a corner of a Hadamard matrix")
    try_training(model)
