"""Whitened eigenvectors of image patches in the first layer, small random weights in the others: this project's own."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from ..channels.normalization import normalizers
from ..errors import InputError
from ..settings import Count, Positive
from .layers import Weight, head_of, weights
from .patches import Spectrum, first_patches, spectrum
from .registry import initializer
from .report import was_left

First = Literal["eigenvectors", "permuted", "noise", "orthogonal", "he"]


@initializer(
    "whitened", source="this project; patch whitening after Coates & Ng 2012 and Jordan 2024, arXiv:2404.00498"
)
def whitened_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    first: First = "eigenvectors",
    norm: Positive = 0.1,
    patches: Count = 20_000,
    epsilon: Positive = 0.01,
) -> None:
    """Whitened eigenvectors of training patches in the first layer, He's noise times ``norm`` where a normalization
    follows.

    The first layer that runs on ``data`` gets, with v_i and l_i the eigenvectors and eigenvalues of the covariance of
    ``patches`` random patches at its kernel's size, mean removed, the filters

        v_i / sqrt(l_i + epsilon),  i = 1, ..., half as many as there are filters, the largest l_i first,

    each with both signs, all times one number that gives the layer He's standard deviation. Eigenvalues are in units of
    the patches' mean variance, which is 1 for images as the workflow normalizes them. Filters beyond twice the number of
    directions are random rotations of the whitened ones, whose responses are uncorrelated, too. Where no normalization
    follows, the first layer's responses get the mean square that He's noise would have on the patches instead: whitening
    takes away most of what images are. Each group of a grouped convolution has its own covariance; a linear first layer
    gets that of its whole inputs.

    All others but the head are N(0, (``norm`` He)^2) where a normalization follows them on every path: there the norm of a
    weight is no scale but a learning rate, and a weight turns by rate |g| / |w| a step, as 1 / |w|^2. Elsewhere, and in
    attention, the signal would die, and they are He's. The default 0.1 did best in a first trial on five pairs of
    CIFAR-100 superclasses, each ResNet-18 trained for 15 epochs, next to 1, 0.27 and 0.03, at the learning rate 0.003;
    the first layer alone, or the small norm alone, did a third of it. He's standard deviation is that of fan_out
    throughout. Biases become zero; the head and normalization layers are left.

    ``first`` is for controls: ``permuted`` gives every filter's input channels another order, ``noise`` is Gaussian noise
    in whitened space, ``orthogonal`` random orthogonal filters with both signs, ``he`` noise.

    Raises:
        InputError: the network does not run on the images, these do not vary, or there is nothing but a head.
    """
    head = head_of(model)
    found, seen = first_patches(model, data[0], patches, generator, "whitened")
    others = [weight for weight in weights(model) if weight.key() not in (found.key(), head.key())]
    if found.key() == head.key():
        raise InputError("whitened: not applicable: the network's only layer is its head; use another initializer")
    norms = normalizers(model, [found.module, *(weight.module for weight in others)])
    first_(found, seen, first, epsilon, norms[found.module], generator)
    for weight in others:
        small_noise_(weight, norm, None if _of_attention(model, weight) else norms[weight.module], generator)
    for parameter in head.module.parameters():
        was_left(parameter, "the head: as the network's constructor made it")


def _of_attention(model: nn.Module, weight: Weight) -> bool:
    """Whether a weight is one of attention's projections, whose scale is no matter of what follows."""
    return any(isinstance(m, nn.MultiheadAttention) and weight.module in (m, m.out_proj) for m in model.modules())


def small_noise_(weight: Weight, norm: float, follows: str | None, generator: torch.Generator) -> None:
    """He's noise (fan_out), times ``norm`` where the normalization ``follows`` follows; biases zero."""
    if follows is None:
        weight.fill_(lambda w: he_noise_(w, generator), "He's: no normalization follows")
    else:
        why = f"He's times {norm:g}: a normalization follows"
        weight.fill_(lambda w: he_noise_(w, generator).mul_(norm), why, f"then {follows}")
    weight.zero_bias_()


def he_noise_(weight: Tensor, generator: torch.Generator) -> Tensor:
    """He et al. 2015, equation 14: N(0, 2 / fan_out), for one group."""
    return nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu", generator=generator)


def first_(
    weight: Weight, patches: Tensor, kind: First, epsilon: float, follows: str | None, generator: torch.Generator
) -> None:
    """Fill the first layer from ``patches`` ``(n, groups, d)`` of what it sees; its bias becomes zero."""
    shape, filters, details = weight.get().shape, [], []
    for group in range(patches.shape[1]):
        own = patches[:, group]
        drawn, detail = directions(kind, spectrum(own, "whitened"), shape[0] // patches.shape[1], epsilon, generator)
        if kind == "permuted":
            drawn = _channels_permuted(drawn, shape[1], generator)
        details.append(detail)
        filters.append(drawn * _factor(drawn, own, (shape[0] // patches.shape[1], *shape[1:]), follows is not None))
    scaled = (
        "at He's standard deviation" if follows is not None else "responses as large as He's: no normalization follows"
    )
    why = {"eigenvectors": "whitened eigenvectors", "permuted": "whitened eigenvectors, channels permuted"}
    why |= {"noise": "noise in whitened space", "orthogonal": "random orthogonal filters", "he": "He's noise"}
    weight.set_(torch.cat(filters).view(shape), f"{why[kind]} of {len(patches):,} patches, {scaled}", details[0])
    weight.zero_bias_()


def directions(
    kind: First, seen: Spectrum, count: int, epsilon: float, generator: torch.Generator
) -> tuple[Tensor, str]:
    """``count`` filters ``(count, d)`` up to one factor, and in words how many are of which kind."""
    white = seen.whitening(epsilon)
    rank, dims = white.shape
    if kind == "he":
        return torch.randn(count, dims, generator=generator), ""
    if kind == "noise":
        return torch.randn(count, rank, generator=generator) @ white, f"{rank} of {dims} directions vary"
    half = -(-count // 2)
    blocks = [white[:half]]
    if kind == "orthogonal":
        white, rank, blocks = torch.eye(dims), dims, []
    while sum(map(len, blocks)) < half:
        turn = nn.init.orthogonal_(torch.empty(rank, rank), generator=generator)
        blocks.append(turn @ white)
    one = torch.cat(blocks)[:half]
    detail = f"{min(half, rank)} leading of {dims} directions, both signs"
    if kind == "orthogonal":
        detail = f"{half} directions, both signs"
    elif half > rank:
        detail += f"; {rank} vary, so {half - rank} more are random rotations of these"
    return torch.cat([one, -one])[:count], detail


def _channels_permuted(filters: Tensor, channels: int, generator: torch.Generator) -> Tensor:
    """Filters with their input channels in another order, one order each pair of signs."""
    if channels == 1:
        raise InputError("whitened: not applicable: first=permuted needs two input channels or more, the layer has one")
    taps = filters.view(len(filters), channels, -1)
    half = -(-len(filters) // 2)
    order = torch.stack([_derangement(channels, generator) for _ in range(half)])
    order = torch.cat([order, order])[: len(filters)]
    return taps.gather(1, order[:, :, None].expand_as(taps)).flatten(1)


def _derangement(n: int, generator: torch.Generator) -> Tensor:
    """A random order that is not the given one."""
    order = torch.randperm(n, generator=generator)
    return order.roll(1) if torch.equal(order, torch.arange(n)) else order


def _factor(filters: Tensor, patches: Tensor, shape: tuple[int, ...], normalized: bool) -> float:
    """What gives filters He's standard deviation, or responses as large as those of noise with it."""
    he = math.sqrt(2 / (shape[0] * math.prod(shape[2:])))
    if normalized:
        return he / filters.square().mean().sqrt().item()
    centered = patches - patches.mean(0)
    wanted = he**2 * centered.square().sum(1).mean()
    return (wanted / (centered @ filters.T).square().mean()).sqrt().item()
