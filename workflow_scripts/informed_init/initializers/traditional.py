"""The initializers of the textbooks: constant, random with a variance rule, orthogonal, and identity.

All of them set every weight of :func:`.layers.weights` (convolutions in one to three dimensions, transposed ones, linear
layers, the projections of attention), the head included, and set all their biases to zero; normalization layers,
embeddings and recurrent layers keep the defaults of their constructor. Each group of a grouped convolution counts as a
layer of its own, which gives depthwise convolutions the fans they have; so do queries, keys and values where one tensor
holds them. A transposed convolution has the fans of the convolution from its inputs to its outputs, its stride aside.
Random numbers are drawn on the CPU, so the weights do not depend on the model's device.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..settings import NotNegative, Positive
from .layers import weights
from .probe import try_training
from .registry import initializer

Fan = Literal["fan_in", "fan_out"]


def fill_(model: nn.Module, fill_: Callable[[Tensor], object], why: str = "drawn") -> None:
    """:meth:`.layers.Weight.fill_` for every weight of a model, and zeros for its biases.

    Raises:
        InputError: the model has no weight that could be set.
    """
    found = weights(model)
    if not found:
        raise InputError(f"{type(model).__name__} has no convolution, linear layer or attention: nothing would be set")
    for weight in found:
        weight.fill_(fill_, why)
        weight.zero_bias_()


def center(weight: Tensor) -> Tensor:
    """A view of the matrix ``(out, in)`` that a layer applies at its center tap; a linear weight is that matrix."""
    return weight[(slice(None), slice(None), *(size // 2 for size in weight.shape[2:]))]


@initializer("zero")
def zero_(model: nn.Module, *, generator: torch.Generator) -> None:
    """Set all weights and biases to zero. Without normalization no hidden layer ever gets a gradient: only the head's bias
    can learn.

    One gradient on random images is tried, and the report holds a caution if it shows that.
    """
    fill_(model, nn.init.zeros_, "zero")
    try_training(model)


@initializer("normal")
def normal_(model: nn.Module, *, generator: torch.Generator, std: NotNegative = 0.01) -> None:
    """N(0, std^2), the same for every layer."""
    fill_(model, lambda weight: nn.init.normal_(weight, std=std, generator=generator))


@initializer("xavier-normal", source="Glorot & Bengio 2010")
def xavier_normal_(model: nn.Module, *, generator: torch.Generator, gain: Positive = 1.0) -> None:
    """Glorot & Bengio 2010: N(0, gain^2 * 2 / (fan_in + fan_out))."""
    fill_(model, lambda weight: nn.init.xavier_normal_(weight, gain, generator=generator))


@initializer("xavier-uniform", source="Glorot & Bengio 2010")
def xavier_uniform_(model: nn.Module, *, generator: torch.Generator, gain: Positive = 1.0) -> None:
    """Glorot & Bengio 2010, equation 16: uniform with standard deviation gain * sqrt(2 / (fan_in + fan_out))."""
    fill_(model, lambda weight: nn.init.xavier_uniform_(weight, gain, generator=generator))


@initializer("he-normal", source="He et al. 2015, arXiv:1502.01852")
def he_normal_(model: nn.Module, *, generator: torch.Generator, mode: Fan = "fan_in", scale: Positive = 1.0) -> None:
    """He et al. 2015, for ReLU: N(0, scale^2 * 2 / fan), with ``mode`` naming the fan.

    A ``scale`` below 1 turns weights behind a normalization faster, as a learning rate would, and takes the signal away
    where none follows.
    """

    def scaled(weight: Tensor) -> None:
        nn.init.kaiming_normal_(weight, mode=mode, nonlinearity="relu", generator=generator).mul_(scale)

    fill_(model, scaled)


@initializer("he-uniform", source="He et al. 2015, arXiv:1502.01852")
def he_uniform_(model: nn.Module, *, generator: torch.Generator, mode: Fan = "fan_in") -> None:
    """He et al. 2015, for ReLU: uniform with standard deviation sqrt(2 / fan), with ``mode`` naming the fan."""
    fill_(model, lambda w: nn.init.kaiming_uniform_(w, mode=mode, nonlinearity="relu", generator=generator))


@initializer("lecun-normal", source="LeCun et al. 1998")
def lecun_normal_(model: nn.Module, *, generator: torch.Generator) -> None:
    """LeCun et al. 1998: N(0, 1 / fan_in), not truncated."""
    fill_(model, lambda w: nn.init.kaiming_normal_(w, nonlinearity="linear", generator=generator))


@initializer("orthogonal", source="Saxe et al. 2014, arXiv:1312.6120")
def orthogonal_(model: nn.Module, *, generator: torch.Generator, gain: Positive = 1.0) -> None:
    """Saxe et al. 2014: a random (semi-)orthogonal matrix; for a convolution the one of shape (out, in * kh * kw)."""
    fill_(model, lambda weight: nn.init.orthogonal_(weight, gain, generator=generator))


@initializer("delta-orthogonal", source="Xiao et al. 2018, arXiv:1806.05393")
def delta_orthogonal_(model: nn.Module, *, generator: torch.Generator, gain: Positive = 1.0) -> None:
    """Xiao et al. 2018: a random orthogonal matrix at the center tap, zero at all others.

    Such a convolution keeps the norm of its input (times ``gain``) if it has at least as many output as input channels,
    which the paper demands; with fewer it keeps what a random projection keeps.
    """

    def delta_orthogonal(weight: Tensor) -> None:
        weight.zero_()
        center(weight).copy_(nn.init.orthogonal_(torch.empty(weight.shape[:2]), gain, generator=generator))

    fill_(model, delta_orthogonal)


@initializer("dirac")
def dirac_(model: nn.Module, *, generator: torch.Generator) -> None:
    """Every layer passes its input channels on unchanged, as far as it has output channels; the others are zero.

    Deterministic. The head's logits are its first input features. Without normalization, channels that start at zero
    behind a ReLU stay there; with batch norm, channels that start at zero can make the gradient of a deep depthwise network
    overflow. One gradient on random images is tried, and the report holds a caution if it shows either.
    """

    def dirac(weight: Tensor) -> None:
        weight.zero_()
        center(weight).copy_(torch.eye(*weight.shape[:2]))

    fill_(model, dirac, "the identity")
    try_training(model)
