"""GradInit (Zhu et al. 2021): a factor for each tensor, learned so that the first step lowers the loss most."""

from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from ..settings import Bounds, Count, Positive
from .objectives import Objective, Values, objective
from .registry import initializer


@initializer("grad-init", source="Zhu et al. 2021, arXiv:2102.08098, algorithm 1")
def grad_init_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    steps: Count = 390,
    eta: Positive = 0.1,
    gamma: Positive = 1.0,
    rate: Positive = 0.01,
    optimizer: Literal["sgd", "adam"] = "sgd",
    batch_size: Annotated[int, Bounds(minimum=2)] = 128,
) -> None:
    """Learn a factor m for each parameter so that one step of an optimizer from there has the least loss.

    With g the gradient of the loss of a batch S at the scaled parameters, in each of ``steps`` steps of Adam at ``rate``

        minimize |g|_p                            if |g|_p > gamma,
        minimize loss(S~; m theta - eta A[g])     otherwise,

    where ``optimizer`` sgd means A[g] = g and p = 2, and adam A[g] = sign g and p = 1; S~ is half S, half new images. Factors
    start at 1, are at least 0.01, and multiply what the network is when this is called. Gradients of the factors are cut to
    length 1. The step is differentiated through, as the equation has it. ``data``: training images and labels.

    Raises:
        InputError: the network does not return logits, or the objective is not finite.
    """
    with objective(model, data, generator, "grad-init") as goal:
        descent = torch.optim.Adam([goal.scales], rate)
        for step in range(steps):
            images, labels = goal.batch(batch_size)
            values = goal.values()
            gradients = goal.gradients(goal.losses(values, images, labels).mean(), values)
            norm = length(gradients, 2 if optimizer == "sgd" else 1)
            if norm > gamma:
                goal.descend(descent, norm, step)
            else:
                moved = _moved(values, gradients, eta, optimizer)
                goal.descend(descent, _loss_on_half_new(goal, moved, images, labels), step)
        goal.write()


def length(gradients: Values, p: int) -> Tensor:
    """The p-norm of all gradients together, p 1 or 2; differentiable also at zero."""
    if p == 1:
        return sum(g.abs().sum() for g in gradients.values())
    return (sum(g.square().sum() for g in gradients.values()) + 1e-24).sqrt()


def _moved(values: Values, gradients: Values, eta: float, optimizer: str) -> Values:
    steps = gradients if optimizer == "sgd" else {key: g.sign() for key, g in gradients.items()}
    return values | {key: values[key] - eta * step for key, step in steps.items()}


def _loss_on_half_new(goal: Objective, values: Values, images: Tensor, labels: Tensor) -> Tensor:
    half = len(images) // 2
    fresh, their = goal.batch(len(images) - half)
    return goal.losses(values, torch.cat([images[:half], fresh]), torch.cat([labels[:half], their])).mean()
