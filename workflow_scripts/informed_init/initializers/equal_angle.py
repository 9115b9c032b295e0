"""Whitened first layer, and norms calibrated so that every layer turns by the same angle in its first step."""

import math
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..settings import Bounds, Count, Positive
from .layers import Weight, raw_parameters
from .objectives import objective
from .registry import initializer
from .whitened import First, Others, whiten_

Rule = Literal["angle", "horizon", "equilibrium"]


@initializer(
    "equal-angle", needs="norms", source="this project; scale invariance after van Laarhoven 2017, arXiv:1706.05350"
)
def equal_angle_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    rule: Rule = "angle",
    norm: Positive = 0.1,
    angle: Positive | None = None,
    rate: Positive = 0.003,
    horizon: Count = 1000,
    decay: Positive = 5e-4,
    first: First = "eigenvectors",
    others: Others = "noise",
    shuffled: bool = False,
    batches: Count = 1,
    batch_size: Annotated[int, Bounds(minimum=2)] = 128,
) -> None:
    """``whitened``, with the norm of each normalized layer from its gradient on a few batches.

    Behind a normalization the loss does not depend on the length of a weight w, so its gradient g is orthogonal to w and
    G = |w| |g| does not depend on that length either; G is the root mean square over ``batches`` of ``batch_size`` images,
    one of which keeps the cost below 2 % of a training on a thousand images. One step of gradient descent turns w by
    rate |g| / |w| = rate G / |w|^2. ``rule`` says what |w| becomes:

        angle        sqrt(rate G / angle): every layer turns by ``angle`` (radians) in its first step;
        horizon      (2 horizon)^(1/4) sqrt(rate G): what its norm would grow to in so many steps from nothing;
        equilibrium  (rate G^2 / (2 decay))^(1/4): where that growth and weight decay are equal.

    All three are sqrt(G) times one number. Without ``angle``, the rule angle takes the number that makes the geometric mean
    of the layers' norms ``norm`` times He's, and needs no rate. ``shuffled`` exchanges the layers' norms, relative to He's,
    at random: a control. A layer without a gradient keeps ``norm`` times He's. The first layer, the head, and layers that no
    normalization follows are as in ``whitened``, with its ``first`` and ``others``.

    Raises:
        InputError: as for ``whitened``; no layer is normalized; the network does not return logits for the labels.
    """
    small = whiten_(model, data, generator, "equal-angle", first=first, others=others, norm=norm)
    if not small:
        raise InputError(
            f"equal-angle: not applicable: no normalization follows a layer of {type(model).__name__} between its first and its "
            "head; use whitened"
        )
    sizes = gradients_times_norms(model, small, data, generator, "equal-angle", batches, batch_size)
    lengths = [weight.get().double().norm().item() for weight in small]
    wanted = [size**0.5 * _level(rule, angle, rate, horizon, decay) for size in sizes]
    factors = [new / old if new > 0 else 1.0 for new, old in zip(wanted, lengths, strict=True)]
    if rule == "angle" and angle is None:
        known = [math.log(factor) for factor, size in zip(factors, sizes, strict=True) if size > 0]
        mean = math.exp(sum(known) / len(known)) if known else 1.0
        factors = [factor / mean if size > 0 else 1.0 for factor, size in zip(factors, sizes, strict=True)]
    if shuffled:
        factors = [factors[i] for i in torch.randperm(len(factors), generator=generator).tolist()]
    for weight, factor, size in zip(small, factors, sizes, strict=True):
        why = f"He's noise, its norm by the rule {rule}" if size > 0 else "He's noise at the small norm: no gradient"
        weight.set_(weight.get() * factor, why, f"{norm * factor:.3g} times He's")


def _level(rule: Rule, angle: float | None, rate: float, horizon: int, decay: float) -> float:
    """What the square root of G is multiplied by."""
    if rule == "angle":
        return 1.0 if angle is None else math.sqrt(rate / angle)
    return (2 * horizon) ** 0.25 * math.sqrt(rate) if rule == "horizon" else (rate / (2 * decay)) ** 0.25


def gradients_times_norms(
    model: nn.Module,
    found: list[Weight],
    data: tuple[Tensor, Tensor],
    generator: torch.Generator,
    name: str,
    batches: int,
    batch_size: int,
) -> list[float]:
    """|w| |g| of each weight, g the root mean square over batches, in the name of an initializer.

    Of a weight that is computed from other tensors, w is the one of them that has its shape and so its direction; what pruning
    took from it has no part in that. Zero where there is none.
    """
    squares = [0.0] * len(found)
    with objective(model, data, generator, name) as goal:
        own = [_directed(weight) for weight in found]
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        for step in range(batches):
            values = {key: value.requires_grad_() for key, value in goal.given.items()}
            loss = goal.losses(values, *goal.batch(batch_size)).mean()
            gradients = goal.gradients(loss, values, twice=False)
            for place, parameter in enumerate(own):
                gradient = None if parameter is None else gradients.get(names[id(parameter)])
                if gradient is not None:
                    goal.check(gradient, step)
                    squares[place] += gradient.double().square().sum().item() / batches
        return [
            0.0 if parameter is None else math.sqrt(square) * _norm(parameter, weight)
            for square, parameter, weight in zip(squares, own, found, strict=True)
        ]


def _directed(weight: Weight) -> nn.Parameter | None:
    """The parameter that a weight has its direction from: itself, or of those that it is computed from the last of its shape
    (weight normalization has its lengths first)."""
    shape = weight.get().shape
    return next((p for p in reversed(raw_parameters(weight.module, weight.attribute)) if p.shape == shape), None)


def _norm(parameter: nn.Parameter, weight: Weight) -> float:
    """The norm of a parameter where the weight that is computed from it is not zero."""
    used = torch.where(weight.get() != 0, parameter.detach(), 0)
    return used.double().norm().item()
