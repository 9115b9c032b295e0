"""Neural initialization optimization (Yang et al. 2022): a factor for each tensor, learned so that gradients agree."""

from typing import Annotated

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..settings import Bounds, Count, Positive
from .grad_init import length
from .objectives import Objective, objective
from .registry import initializer

Parts = Annotated[int, Bounds(minimum=2, maximum=64)]


@initializer("grad-cosine", source="Yang et al. 2022, arXiv:2210.05956, algorithm 1")
def grad_cosine_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    steps: Count = 100,
    gamma: Positive = 5.0,
    rate: Positive = 0.05,
    parts: Parts = 2,
    batch_size: Annotated[int, Bounds(minimum=4)] = 128,
) -> None:
    """Learn a factor for each parameter so that the gradients of the parts of a batch point the same way.

    A batch runs once and its losses are cut into ``parts``, without overlap, with gradients g_i. In each of ``steps`` steps of
    Adam at ``rate``

        minimize the mean |g_i|                                 if that is larger than gamma,
        maximize the mean cosine of g_i and g_j, i not j        otherwise.

    Factors start at 1, are at least 0.01, and multiply what the network is when this is called; gradients of the factors are
    cut to length 1. ``data``: training images and labels.

    Raises:
        InputError: the network does not return logits, the objective is not finite, or there are fewer images than parts.
    """
    if len(data[0]) < 2 * parts:
        raise InputError(f"grad-cosine: {parts} parts need {2 * parts} images; {len(data[0])} given")
    with objective(model, data, generator, "grad-cosine") as goal:
        descent = torch.optim.Adam([goal.scales], rate)
        for step in range(steps):
            norm, cosine = gradient_cosine(goal, *goal.batch(batch_size), parts)
            goal.descend(descent, norm if norm > gamma else -cosine, step)
        goal.write()


def gradient_cosine(goal: Objective, images: Tensor, labels: Tensor, parts: int) -> tuple[Tensor, Tensor]:
    """The mean norm of the gradients of a batch's parts, and their mean cosine."""
    values = goal.values()
    losses = goal.losses(values, images, labels).tensor_split(parts)
    gradients = [goal.gradients(loss.mean(), values) for loss in losses]
    norms = [length(one, 2) for one in gradients]
    cosines = [
        sum((gradients[i][key] * gradients[j][key]).sum() for key in gradients[i]) / (norms[i] * norms[j])
        for i in range(parts)
        for j in range(i)
    ]
    return sum(norms) / parts, sum(cosines) / len(cosines)
