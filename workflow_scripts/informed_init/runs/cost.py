"""What a network and its initialization cost: parameters, multiply-adds, and images that an initializer used."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(model: nn.Module) -> int:
    """Number of trainable weights."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def multiply_adds(model: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Multiply-adds of one forward pass of one image ``(channels, height, width)``, in convolutions and matrix products."""
    training = model.training
    weight = next(model.parameters())
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model.eval()(torch.zeros(1, *image_shape, device=weight.device, dtype=weight.dtype))
    finally:
        model.train(training)
    return counter.get_total_flops() // 2


@dataclass
class Images:
    """Images that passed through a network: in gradient steps, and forward only."""

    trained: int = 0
    looked_at: int = 0


@contextmanager
def images_used(model: nn.Module) -> Iterator[Images]:
    """Count the images that pass through ``model`` inside the block."""
    images = Images()

    def count(module: nn.Module, arguments: tuple) -> None:
        if torch.is_grad_enabled():
            images.trained += len(arguments[0])
        else:
            images.looked_at += len(arguments[0])

    handle = model.register_forward_pre_hook(count)
    try:
        yield images
    finally:
        handle.remove()
