"""Whitened eigenvectors of image patches in the first layer, small random weights in the others: this project's own."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from ..channels.normalization import normalizers
from ..errors import InputError
from ..settings import Count, Positive
from .layers import CONVOLUTIONS, TRANSPOSED, Weight, head_of, weights
from .partial_dirac import identity_rows_
from .patches import Spectrum, first_patches, spectrum
from .registry import initializer
from .report import caution, was_left

Others = Literal["noise", "dirac"]
First = Literal["eigenvectors", "permuted", "noise", "orthogonal", "he"]


@initializer(
    "whitened",
    source="this project; patch whitening after Coates & Ng 2012 and Jordan 2024, arXiv:2404.00498",
    labels=False,
)
def whitened_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    first: First = "eigenvectors",
    others: Others = "noise",
    norm: Positive = 0.1,
    patches: Count = 20_000,
    epsilon: Positive = 0.01,
) -> None:
    """Whitened eigenvectors of training patches in the first layer, He's noise times ``norm`` where a normalization
    follows.

    The first layer that runs on ``data``, images with or without labels, gets, with v_i and l_i the eigenvectors and
    eigenvalues of the covariance of ``patches`` random patches at its kernel's size, mean removed, the filters

        v_i / sqrt(l_i + epsilon),  i = 1, ..., half as many as there are filters, the largest l_i first,

    each with both signs, all times one number that gives the layer He's standard deviation. Eigenvalues are in units of
    the patches' mean variance, which is 1 for images as the workflow normalizes them. Filters beyond twice the number of
    directions are random rotations of the whitened ones, whose responses are uncorrelated, too. Where no normalization
    follows, the first layer's responses get the mean square that He's noise would have on the patches instead: whitening
    takes away most of what images are. Each group of a grouped convolution has its own covariance; a linear first layer
    gets that of its whole inputs, which did harm where it was tried (the report cautions).

    All others but the head are N(0, (``norm`` He)^2) where a normalization follows them on every path: there the norm of a
    weight is no scale but a learning rate, and a weight turns by rate |g| / |w| a step, as 1 / |w|^2. Elsewhere, and in
    attention, the signal would die, and they are He's. The default 0.1 did best in a first trial on five pairs of
    CIFAR-100 superclasses, each ResNet-18 trained for 15 epochs, next to 1, 0.27 and 0.03, at the learning rate 0.003;
    the first layer alone, or the small norm alone, gained a third of that at most. He's standard deviation is that of fan_out
    throughout. Biases become zero; the head and normalization layers are left.

    ``others`` = dirac makes the first filters of each convolution identities, as far as there are input channels; with
    ``norm`` = 1 that is the idea of airbench's start. ``first`` is for controls: ``permuted`` gives every filter's input
    channels another order, ``noise`` is Gaussian noise in whitened space, ``orthogonal`` random orthogonal filters with both
    signs, ``he`` noise.

    Raises:
        InputError: the network does not run on the images, these do not vary, or there is nothing but a head.
    """
    whiten_(model, data, generator, "whitened", first=first, others=others, norm=norm, patches=patches, epsilon=epsilon)


def whiten_(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    generator: torch.Generator,
    name: str,
    *,
    first: First,
    others: Others,
    norm: float,
    patches: int = 20_000,
    epsilon: float = 0.01,
) -> list[Weight]:
    """:func:`whitened_` in the name of an initializer; the weights that have the small norm, in the model's order."""
    head = head_of(model)
    found, seen = first_patches(model, data[0], patches, generator, name)
    if found.key() == head.key():
        raise InputError(f"{name}: not applicable: the network's only layer is its head; use another initializer")
    rest = [weight for weight in weights(model) if weight.key() not in (found.key(), head.key())]
    norms = normalizers(model, [found.module, *(weight.module for weight in rest)])
    norms = {module: None if of_attention(model, module) else follows for module, follows in norms.items()}
    first_(found, seen, first, epsilon, norms[found.module], generator, name)
    if first != "he" and isinstance(found.module, nn.Linear):
        # measured twice: results/arena and results/fresh
        caution(
            "the first layer is linear, and whitening its inputs cost points on two perceptrons; use informed, or first='he'"
        )
    for weight in rest:
        other_(weight, others, norm, norms[weight.module], generator)
    for parameter in head.module.parameters():
        was_left(parameter, "the head: as the network's constructor made it")
    return [weight for weight in rest if norms[weight.module] is not None]


def of_attention(model: nn.Module, module: nn.Module) -> bool:
    """Whether a layer is one of attention's projections, whose scale is no matter of what follows."""
    return any(isinstance(m, nn.MultiheadAttention) and module in (m, m.out_proj) for m in model.modules())


def other_(weight: Weight, kind: Others, norm: float, follows: str | None, generator: torch.Generator) -> None:
    """He's noise (fan_out), in convolutions with identities if ``kind`` is dirac, times ``norm`` where the normalization
    ``follows`` follows; biases zero."""
    identities = kind == "dirac" and isinstance(weight.module, (*CONVOLUTIONS, *TRANSPOSED))
    factor = 1.0 if follows is None else norm

    def fill(block: Tensor) -> None:
        he_noise_(block, generator)
        if identities:
            identity_rows_(block)
        block.mul_(factor)

    what = "identities and He's noise" if identities else "He's"
    if follows is None:
        weight.fill_(fill, f"{what}: no normalization follows")
    else:
        weight.fill_(fill, f"{what} times {norm:g}: a normalization follows", f"then {follows}")
    weight.zero_bias_()


def he_noise_(weight: Tensor, generator: torch.Generator) -> Tensor:
    """He et al. 2015, equation 14: N(0, 2 / fan_out), for one group."""
    return nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu", generator=generator)


def first_(
    weight: Weight,
    patches: Tensor,
    kind: First,
    epsilon: float,
    follows: str | None,
    generator: torch.Generator,
    name: str,
) -> tuple[str, str]:
    """Fill the first layer from ``patches`` ``(n, groups, d)`` of what it sees; its bias becomes zero. What it was filled with,
    and a detail, in words."""
    shape, filters, details = weight.get().shape, [], []
    for group in range(patches.shape[1]):
        own = patches[:, group]
        drawn, detail = directions(kind, spectrum(own, name), shape[0] // patches.shape[1], epsilon, generator)
        if kind == "permuted":
            drawn = _channels_permuted(drawn, shape[1], generator, name)
        details.append(detail)
        filters.append(drawn * _factor(drawn, own, (shape[0] // patches.shape[1], *shape[1:]), follows is not None))
    scaled = (
        "at He's standard deviation" if follows is not None else "responses as large as He's: no normalization follows"
    )
    why = {"eigenvectors": "whitened eigenvectors", "permuted": "whitened eigenvectors, channels permuted"}
    why |= {"noise": "noise in whitened space", "orthogonal": "random orthogonal filters", "he": "He's noise"}
    what = f"{why[kind]} of {len(patches):,} patches"
    weight.set_(torch.cat(filters).view(shape), f"{what}, {scaled}", details[0])
    weight.zero_bias_()
    return what, details[0]


def directions(
    kind: First, seen: Spectrum, count: int, epsilon: float, generator: torch.Generator
) -> tuple[Tensor, str]:
    """``count`` filters ``(count, d)`` up to one factor, and in words how many are of which kind."""
    white = seen.whitening(epsilon)
    rank, dims = white.shape
    if kind == "he":
        return torch.randn(count, dims, generator=generator, dtype=torch.float32), ""
    if kind == "noise":
        return torch.randn(
            count, rank, generator=generator, dtype=torch.float32
        ) @ white, f"{rank} of {dims} directions vary"
    half = -(-count // 2)
    blocks = [white[:half]]
    if kind == "orthogonal":
        white, rank, blocks = torch.eye(dims, dtype=torch.float32), dims, []
    while sum(map(len, blocks)) < half:
        turn = nn.init.orthogonal_(torch.empty(rank, rank, dtype=torch.float32), generator=generator)
        blocks.append(turn @ white)
    one = torch.cat(blocks)[:half]
    detail = f"{min(half, rank)} leading of {dims} directions, both signs"
    if kind == "orthogonal":
        detail = f"{half} directions, both signs"
    elif half > rank:
        detail += f"; {rank} vary, so {half - rank} more are random rotations of these"
    return torch.cat([one, -one])[:count], detail


def _channels_permuted(filters: Tensor, channels: int, generator: torch.Generator, name: str) -> Tensor:
    """Filters with their input channels in another order, one order each pair of signs."""
    if channels == 1:
        raise InputError(f"{name}: not applicable: first=permuted needs two input channels or more, the layer has one")
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
