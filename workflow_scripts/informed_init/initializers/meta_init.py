"""MetaInit (Dauphin & Schoenholz 2019): norms of weights, learned so that the gradient changes little along itself."""

import inspect
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..settings import Bounds, Count, Positive, Share
from .objectives import Objective, objective
from .registry import initializer

EPSILON = 1e-5  # of the gradient quotient
LEAST = 1e-3  # of a learned norm, as a share of where it began


class Elementary(TorchFunctionMode):
    """Inside, batch norm by the batch is computed of elementary functions: torch's own has no third derivative."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is F.batch_norm:
            given = inspect.signature(F.batch_norm).bind(*args, **(kwargs or {}))
            given.apply_defaults()
            if given.arguments["training"] and given.arguments["running_mean"] is None:
                return _normalized(*(given.arguments[name] for name in ("input", "weight", "bias", "eps")))
        return func(*args, **(kwargs or {}))


def _normalized(x: Tensor, gain: Tensor | None, shift: Tensor | None, eps: float) -> Tensor:
    """Batch norm of ``(n, channels, ...)`` by the batch."""
    over, shape = [0, *range(2, x.ndim)], (1, -1, *[1] * (x.ndim - 2))
    centered = x - x.mean(over, keepdim=True)
    x = centered * (centered.square().mean(over, keepdim=True) + eps).rsqrt()
    x = x if gain is None else x * gain.view(shape)
    return x if shift is None else x + shift.view(shape)


@initializer("meta-init", source="Dauphin & Schoenholz 2019, NeurIPS, equation 1 and algorithm 1")
def meta_init_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    steps: Count = 500,
    rate: Positive = 0.1,
    momentum: Share = 0.9,
    batch_size: Annotated[int, Bounds(minimum=2)] = 128,
    images: Literal["noise", "data"] = "noise",
) -> None:
    """Learn the norm of each weight tensor so that the gradient quotient is small, by sign descent with momentum.

    The gradient quotient of the loss, with g its gradient, H its Hessian and N the number of parameters, is

        1/N sum |(g - H g) / (g + epsilon) - 1|,  epsilon = 1e-5 with the sign of g,

    how much g changes in a step along itself. In each of ``steps`` steps the norm of every tensor of two or more dimensions
    moves by m <- ``momentum`` m - ``rate`` sign(d GQ / d norm). As published, batches are Gaussian noise with random labels;
    ``images`` = data takes ``data``, of which otherwise only the shape is used. Directions, biases and normalizations are
    those that the network has when this is called. Batch norm normalizes by the batch.

    Raises:
        InputError: the network does not return logits, or the gradient quotient is not finite.
    """
    with objective(model, data, generator, "meta-init") as goal, Elementary():
        kept = [goal.given[key].ndim < 2 for key in goal.names]
        norms = torch.stack([goal.given[key].norm() for key in goal.names])
        speed = torch.zeros_like(goal.scales)
        classes = None
        for step in range(steps):
            batch, labels = goal.batch(batch_size)
            if images == "noise":
                batch = torch.randn(batch.shape, generator=generator, dtype=torch.float32).to(batch)
                classes = classes or goal.logits(goal.given, batch[:2]).shape[1]
                labels = torch.randint(classes, labels.shape, generator=generator).to(labels.device)
            quotient = gradient_quotient(goal, batch, labels)
            goal.check(quotient, step)
            (slope,) = torch.autograd.grad(quotient, [goal.scales])
            slope[kept] = 0
            speed = momentum * speed - rate * slope.sign()
            goal.scales.data.add_(speed / norms).clamp_(min=LEAST)
        goal.write()


def gradient_quotient(goal: Objective, images: Tensor, labels: Tensor) -> Tensor:
    """The paper's equation 1 for one batch, differentiable with respect to the factors."""
    values = goal.values()
    gradients = goal.gradients(goal.losses(values, images, labels).mean(), values)
    along = goal.gradients(sum(g.square().sum() for g in gradients.values()) / 2, values)
    total, count = 0, 0
    for key, g in gradients.items():
        product = along.get(key, torch.zeros_like(g))
        epsilon = torch.where(g.detach() >= 0, EPSILON, -EPSILON)
        total = total + ((g - product) / (g + epsilon) - 1).abs().sum()
        count += g.numel()
    return total / count
