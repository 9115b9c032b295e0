"""Gabor filters in the first layers of a network."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from ..banks.bank import bankable_layers, first_layers
from ..channels.normalization import normalizers
from ..errors import InputError
from ..settings import Count, Seed
from .layers import Weight, he_std, kind_of, say_left, shape_of
from .registry import initializer

Grid = Literal["published", "centered"]
Rescale = Literal["auto", "none", "he"]


def gabor_filters(n: int, size: int, generator: torch.Generator, grid: Grid = "centered") -> Tensor:
    """``n`` random Gabor filters ``(n, size, size)``.

    exp(-(u^2 + gamma^2 v^2) / (2 sigma^2)) cos(2 pi u / wavelength + phase) with (u, v) the pixel rotated by theta;
    sigma U(1.5, 2.5), theta U(0, pi), wavelength U(2, 13), phase U(0, 2 pi), gamma U(0.9, 1.1), as published. The
    ``published`` grid runs from floor(-size / 2) to floor(size / 2) and so is off center (3x3: -2, -0.5, 1);
    ``centered`` is symmetric with unit steps.
    """
    half = (size - 1) / 2
    ends = (-size // 2, size // 2) if grid == "published" else (-half, half)
    axis = torch.linspace(*ends, size)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    low = torch.tensor([1.5, 0.0, 2.0, 0.0, 0.9])
    high = torch.tensor([2.5, math.pi, 13.0, 2 * math.pi, 1.1])
    draws = low + (high - low) * torch.rand(n, 5, generator=generator)
    sigma, theta, wavelength, phase, gamma = (column[:, None, None] for column in draws.unbind(1))
    u = x * theta.cos() + y * theta.sin()
    v = -x * theta.sin() + y * theta.cos()
    return torch.exp(-(u**2 + (gamma * v) ** 2) / (2 * sigma**2)) * torch.cos(2 * math.pi * u / wavelength + phase)


@initializer(
    "gabor", needs="convolutions", source="Özbulak & Ekenel 2018; Learning an Informed CNN Initialization, 2023"
)
def gabor_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    layers: Count = 1,
    grid: Grid = "centered",
    filter_seed: Seed | None = None,
    rescale: Rescale = "auto",
) -> None:
    """Fill the first ``layers`` convolutions with Gabor filters, one an output channel, the same for all its inputs.

    ``filter_seed`` draws them from that seed instead of ``generator``: the published code restarts its seed at 0 for
    every model, so all its replicas have the same filters. ``rescale`` gives a layer He's standard deviation: ``auto`` where
    no normalization follows it, ``he`` everywhere, ``none`` nowhere; the filters' own is several times as large.

    Raises:
        InputError: the model has fewer convolutions than that, or one whose kernel is not square.
    """
    if filter_seed is not None:
        generator = torch.Generator("cpu").manual_seed(filter_seed)
    found = first_layers(model, layers, "gabor")
    norms = normalizers(model, [conv for _, conv in found]) if rescale == "auto" else {}
    beyond = {conv: f"{kind_of(conv)} beyond the first {layers}" for _, conv in bankable_layers(model)}
    say_left(model, "gabor", beyond)
    for name, conv in found:
        if conv.kernel_size[0] != conv.kernel_size[1]:
            raise InputError(f"gabor: layer {name!r} has a {conv.kernel_size} kernel; only square kernels are defined")
        filters = gabor_filters(conv.out_channels, conv.kernel_size[0], generator, grid)
        norm = norms.get(conv)
        if rescale == "none" or norm is not None:
            why = "gabor filters" + (": a normalization follows" if norm else "")
        else:
            filters = filters * (he_std(conv) / filters.square().mean().sqrt())
            why = "gabor filters at He's scale" + (": no normalization follows" if rescale == "auto" else "")
        Weight(name, conv).set_(filters[:, None].expand(shape_of(conv)), why, f"then {norm}" if norm else "")
