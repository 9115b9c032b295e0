"""The initializers of the textbooks: constant, random with a variance rule, orthogonal, and identity.

All of them set the weight of every ``nn.Conv2d`` and ``nn.Linear``, the head included, and set all their biases to
zero; normalization layers keep the defaults of their constructor (scale one, shift zero). Each group of a grouped
convolution counts as a layer of its own, which gives depthwise convolutions the fans they have. Random numbers are
drawn on the CPU, so the weights do not depend on the model's device.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from ..settings import NotNegative, Positive
from .registry import initializer

Fan = Literal["fan_in", "fan_out"]


def weight_layers(model: nn.Module) -> list[tuple[str, nn.Conv2d | nn.Linear]]:
    """The layers that these initializers set: all convolutions and linear layers, in the model's order."""
    return [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def fill_layer_(layer: nn.Conv2d | nn.Linear, fill_: Callable[[Tensor], object]) -> None:
    """Set a layer's weight, one group at a time, by ``fill_`` and its bias to zero.

    ``fill_`` gets a CPU tensor ``(out, in)`` or ``(out, in, kh, kw)`` to set in place, with the channels of one group.
    """
    weight = torch.empty(layer.weight.shape)
    for block in weight.chunk(getattr(layer, "groups", 1)):
        fill_(block)
    layer.weight.copy_(weight)
    if layer.bias is not None:
        layer.bias.zero_()


def fill_(model: nn.Module, fill_: Callable[[Tensor], object]) -> None:
    """:func:`fill_layer_` for every layer of :func:`weight_layers`."""
    for _, layer in weight_layers(model):
        fill_layer_(layer, fill_)


def center(weight: Tensor) -> Tensor:
    """A view of the matrix ``(out, in)`` that a layer applies at its center tap; a linear weight is that matrix."""
    return weight if weight.ndim == 2 else weight[:, :, weight.shape[2] // 2, weight.shape[3] // 2]


@initializer("zero")
def zero_(model: nn.Module, *, generator: torch.Generator) -> None:
    """All weights zero. Without normalization no hidden layer ever gets a gradient: only the head's bias can learn."""
    fill_(model, nn.init.zeros_)


@initializer("normal")
def normal_(model: nn.Module, *, generator: torch.Generator, std: NotNegative = 0.01) -> None:
    """N(0, std^2), the same for every layer."""
    fill_(model, lambda weight: nn.init.normal_(weight, std=std, generator=generator))


@initializer("xavier-normal")
def xavier_normal_(model: nn.Module, *, generator: torch.Generator, gain: Positive = 1.0) -> None:
    """Glorot & Bengio 2010: N(0, gain^2 * 2 / (fan_in + fan_out))."""
    fill_(model, lambda weight: nn.init.xavier_normal_(weight, gain, generator=generator))


@initializer("xavier-uniform")
def xavier_uniform_(model: nn.Module, *, generator: torch.Generator, gain: Positive = 1.0) -> None:
    """Glorot & Bengio 2010, equation 16: uniform with standard deviation gain * sqrt(2 / (fan_in + fan_out))."""
    fill_(model, lambda weight: nn.init.xavier_uniform_(weight, gain, generator=generator))


@initializer("he-normal")
def he_normal_(model: nn.Module, *, generator: torch.Generator, mode: Fan = "fan_in") -> None:
    """He et al. 2015, for ReLU: N(0, 2 / fan), with ``mode`` naming the fan."""
    fill_(model, lambda w: nn.init.kaiming_normal_(w, mode=mode, nonlinearity="relu", generator=generator))


@initializer("he-uniform")
def he_uniform_(model: nn.Module, *, generator: torch.Generator, mode: Fan = "fan_in") -> None:
    """He et al. 2015, for ReLU: uniform with standard deviation sqrt(2 / fan), with ``mode`` naming the fan."""
    fill_(model, lambda w: nn.init.kaiming_uniform_(w, mode=mode, nonlinearity="relu", generator=generator))


@initializer("lecun-normal")
def lecun_normal_(model: nn.Module, *, generator: torch.Generator) -> None:
    """LeCun et al. 1998: N(0, 1 / fan_in), not truncated."""
    fill_(model, lambda w: nn.init.kaiming_normal_(w, nonlinearity="linear", generator=generator))


@initializer("orthogonal")
def orthogonal_(model: nn.Module, *, generator: torch.Generator, gain: Positive = 1.0) -> None:
    """Saxe et al. 2014: a random (semi-)orthogonal matrix; for a convolution the one of shape (out, in * kh * kw)."""
    fill_(model, lambda weight: nn.init.orthogonal_(weight, gain, generator=generator))


@initializer("delta-orthogonal")
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
    behind a ReLU stay there.
    """

    def dirac(weight: Tensor) -> None:
        weight.zero_()
        center(weight).copy_(torch.eye(*weight.shape[:2]))

    fill_(model, dirac)
