"""Directions from images, lengths from gradients and from how long a training is: this project's own."""

import math
import statistics
from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn

from ..channels.normalization import normalizers
from ..errors import InputError
from ..settings import Bounds, Count, Positive, is_number
from .equal_angle import gradients_times_norms
from .layers import CONVOLUTIONS, Weight, head_of, weights
from .lsuv import unit_variance_
from .patches import first_patches
from .registry import initializer
from .report import caution, was_left
from .whitened import First, first_, he_noise_, of_attention

NAME = "informed"
TINY = (
    0.01  # of He's norm: a variance of 1e-4, of which the usual epsilon of 1e-5 is a tenth; below it nothing is known
)


@initializer("informed", source="this project; scale invariance after van Laarhoven 2017, arXiv:1706.05350")
def informed_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    schedule: tuple[float, int, float] = (0.01, 1000, 0.9),
    first: First = "eigenvectors",
    patches: Count = 20_000,
    epsilon: Positive = 0.01,
    batch_size: Annotated[int, Bounds(minimum=2)] = 128,
) -> None:
    """Whitened eigenvectors in a convolution that is first, norms by which all normalized layers turn alike, unit variance
    elsewhere.

    ``schedule`` is the (first) learning rate, the number of steps and the momentum of the training that follows:

    * **A first convolution** has the whitened eigenvectors of its input's patches, as in ``whitened`` with its ``patches`` and
      ``epsilon``, at He's standard deviation (fan_out); ``first`` is for controls, as there.
    * **A layer that a normalization follows** on every path is noise: its direction is all that the loss knows of it. A gradient
      moves it by r |g| in all, r the rate over 1 - momentum, which turns it by r G / |w|^2: G = |w| |g| does not depend on its
      length. As g is orthogonal to w, |w|^2 grows by r^2 G^2 / |w|^2 with each of T gradients in independent directions; from
      nothing it would arrive at

          |w|^2 = r G sqrt(2 T),

      and there it starts: each gradient turns each layer by 1 / sqrt(2 T) at first, at any rate; T of them in
      independent directions by 0.7 radians. G is from one backward pass over ``batch_size`` images. Where hardly a gradient
      arrives (behind a gain of zero, a head of zeros, a small layer scale), so that this is below a hundredth of He's norm, the
      layer's is as far from He's as the others' are in the geometric mean, or He's if there are none, and the report cautions. All
      this is exact where the normalization takes the length away. In front of a sum with a skip connection, as in
      pre-activation networks and transformers, it does not: there this is a small branch, which turns by less.
    * **Others** are orthogonal, scaled to an output variance of one on ``batch_size`` images (Mishkin & Matas 2016); so is the
      length of the first convolution where no normalization follows.

    Biases become zero; head and normalizations are left. The rule is SGD's; an optimizer that divides by the gradient's size
    takes steps of another length. Found on held-out training images of three workloads of the arena (docs/arena.md).

    Raises:
        InputError: the network does not run on the images, these do not vary or are fewer than two, there is nothing but a
            head, the first layer is neither a convolution nor linear, a layer that is to be scaled has no output that varies,
            a normalized network does not return logits for the labels, or ``schedule`` is not a positive rate, a positive
            number of steps and a momentum in [0, 1).
    """
    rate, steps = _of_gradients(schedule)
    if len(data[0]) < 2:
        raise InputError(f"{NAME}: a variance needs two images; {len(data[0])} given")
    head = head_of(model)
    start, seen = first_patches(model, data[0], patches, generator, NAME)
    if start.key() == head.key():
        raise InputError(f"{NAME}: not applicable: the network's only layer is its head; use another initializer")
    rest = [weight for weight in weights(model) if weight.key() not in (start.key(), head.key())]
    norms = normalizers(model, [start.module, *(weight.module for weight in rest)])
    known = {}
    if isinstance(start.module, CONVOLUTIONS):
        known[start.name] = first_(start, seen, first, epsilon, norms[start.module], generator, NAME)
    else:
        rest = [start, *rest]
    turning = [weight for weight in rest if norms[weight.module] is not None and not of_attention(model, weight.module)]
    others = [weight for weight in rest if weight not in turning]
    for weight in rest:
        noise = he_noise_ if weight in turning else nn.init.orthogonal_
        weight.fill_(lambda block, noise=noise: noise(block, generator=generator))
        weight.zero_bias_()
    scaled = others if start in others or norms[start.module] is not None else [start, *others]
    if scaled:
        unit_variance_(model, scaled, data[0], generator, batch_size, NAME, "orthogonal", known)
    if turning:
        sizes = gradients_times_norms(model, turning, data, generator, NAME, 1, batch_size)
        _turn_(turning, sizes, rate, steps)
    for parameter in head.module.parameters():
        was_left(parameter, "the head: as the network's constructor made it")


def _of_gradients(schedule: object) -> tuple[float, int]:
    """By how much of a gradient the weights move in all, and the number of gradients, if the schedule is what it should be."""
    try:
        rate, steps, momentum = schedule
        right = all(map(is_number, (rate, steps, momentum))) and rate > 0 and 0 <= momentum < 1
        right = right and float(steps) < math.inf and steps == int(steps) >= 1
    except (TypeError, ValueError, OverflowError):
        right = False
    if not right:
        raise InputError(
            f"{NAME}: schedule is {schedule!r}; give (learning rate, number of steps, momentum) of the training that follows"
        )
    return float(rate) / (1 - float(momentum)), int(steps)


def _turn_(turning: Sequence[Weight], sizes: Sequence[float], rate: float, steps: int) -> None:
    """Give each weight the norm sqrt(rate G sqrt(2 steps)), ``sizes`` being G; where that is next to nothing, the others'
    factor."""
    lengths = [weight.get().double().norm().item() for weight in turning]
    wanted = [math.sqrt(rate * size * math.sqrt(2.0 * steps)) for size in sizes]
    factors = [new / old for new, old in zip(wanted, lengths, strict=True)]
    found = [factor for factor in factors if factor >= TINY]
    usual = statistics.geometric_mean(found) if found else 1.0
    without = "He's noise, as small as others: no gradient to go by" if found else "He's noise: no gradient to go by"
    for weight, own in zip(turning, factors, strict=True):
        factor = own if own >= TINY else usual
        value = weight.get() * factor
        if not value.isfinite().all():
            raise InputError(
                f"{NAME}: {steps:,} steps at the rate {rate:g} in all ask for {factor:.3g} times He's norm in layer "
                f"{weight.layer!r}, which is no number it can hold; give the schedule of the training that follows"
            )
        why = "He's noise, its norm by its gradient" if own >= TINY else without
        weight.set_(value, why, f"{factor:.3g} times He's, for {steps:,} steps at the rate {rate:g} in all")
    _caution(len(found), len(turning))


def _caution(found: int, turning: int) -> None:
    """Say where the rule had nothing to go by."""
    if found == turning:
        return
    why = (
        "hardly a gradient reaches them now, as behind a head of zeros or a small layer scale, or the training is short"
    )
    kept = "have the others' part of it" if found else "keep He's"
    caution(
        f"{turning - found} of {turning} normalized layers would start below {TINY:g} times He's norm and {kept}: {why}"
    )
