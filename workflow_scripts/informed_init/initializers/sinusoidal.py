"""Sinusoidal initialization (Fernández-Hernández et al. 2025): deterministic, a wave of another frequency for each unit."""

import math

import torch
from torch import Tensor, nn

from ..errors import InputError
from .layers import Weight, weights
from .probe import try_training
from .registry import initializer


def waves(rows: int, columns: int) -> Tensor:
    """The paper's matrix ``(rows, columns)``, scaled to Glorot's variance 2 / (rows + columns); zeros where all its waves
    are zero at the places that there are."""
    unit = torch.arange(1, rows + 1, dtype=torch.float64)[:, None]
    wave = torch.sin(2 * math.pi * unit * (torch.arange(columns, dtype=torch.float64) / columns + 1 / rows))
    variance = wave.var().item() if wave.numel() > 1 else 0.0
    if variance < 1e-12:
        return torch.zeros(rows, columns)
    return (wave * math.sqrt(2 / (rows + columns) / variance)).float()


@initializer("sinusoidal", source="Fernández-Hernández et al. 2025, arXiv:2505.12909")
def sinusoidal_(model: nn.Module, *, generator: torch.Generator) -> None:
    """W[i, j] = a sin(2 pi i j / n + 2 pi i / m): unit i of m is a wave of frequency i over its n inputs.

    ``a`` gives the weights the variance 2 / (m + n) of Glorot & Bengio. A convolution's n are its input channels times its
    taps, a grouped convolution is one matrix over all its groups. Applies to every layer, the head included; biases are zero,
    normalization layers keep their defaults. Deterministic; one gradient on random images is tried, and the report holds a
    caution if the network can hardly train from here.

    Raises:
        InputError: the model has no weight that could be set, or a layer so small that all its waves are zero.
    """
    found = weights(model)
    if not found:
        raise InputError(f"{type(model).__name__} has no convolution, linear layer or attention: nothing would be set")
    for weight in found:
        weight.set_(_filled(weight), "a wave each unit")
        weight.zero_bias_()
    try_training(model)


def _filled(weight: Weight) -> Tensor:
    now = weight.get()
    if weight.transposed:  # (in, out of a group, *kernel): the units are the outputs
        columns = now.numel() // now.shape[1]
        wave = waves(now.shape[1], columns).view(now.shape[1], now.shape[0], *now.shape[2:]).transpose(0, 1)
    else:
        blocks = weight.parts if isinstance(weight.module, nn.MultiheadAttention) else 1
        rows = now.shape[0] // blocks
        wave = waves(rows, now.numel() // now.shape[0]).repeat(blocks, 1).view(now.shape)
    if not wave.any():
        raise InputError(
            f"sinusoidal: not applicable: every wave of {weight.name!r}, {tuple(now.shape)}, is zero; use another initializer"
        )
    return wave
