"""The control of every pretraining: as many steps of the same optimizer, on the real images."""

from typing import Annotated

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..settings import Bounds, Count, Positive
from .registry import initializer
from .sup_walsh.steps import OnePerClass, count_classes, moved, optimize_, streams


@initializer("extra-steps")
def extra_steps_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    steps: Count = 600,
    rate: Positive = 3e-5,
    batch_size: Annotated[int, Bounds(minimum=2)] | None = None,
) -> None:
    """Take ``steps`` Adam steps at ``rate`` on training images ``data`` (:func:`.sup_walsh.pretrain`), in train mode, on
    their device.

    A batch is one image of every class, the very ones that ``sup-walsh`` draws from the same generator; or, with
    ``batch_size``, that many images drawn uniformly without replacement. Running statistics of batch norms are those
    of these batches, as in any training.

    Raises:
        InputError: a class has no image, the network does not take them, or there are fewer than ``batch_size``.
    """
    images, labels = data
    if batch_size is not None and batch_size > len(images):
        raise InputError(f"extra-steps: batch_size is {batch_size}, but there are {len(images)} images; take fewer")
    rng = streams(generator)
    with moved(model, images.device):
        draws = OnePerClass(labels, count_classes(model, data, "extra-steps"), rng["draws"], "extra-steps")

        def batch(step: int) -> tuple[Tensor, Tensor]:
            index = torch.randperm(len(images), generator=rng["draws"]) if batch_size else draws.draw()
            index = index[:batch_size].to(images.device)
            return images[index], labels[index]

        optimize_(model, batch, steps, rate, rng["noise"])
