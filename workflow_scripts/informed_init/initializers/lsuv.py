"""LSUV (Mishkin & Matas 2016): layer-sequential unit variance, measured on a batch of training images."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import InputError
from ..settings import Bounds
from .registry import initializer
from .traditional import fill_, weight_layers


@contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """Inside the block, batch norm normalizes by the batch as in training, but its running statistics stay untouched,
    and dropout is off."""
    training = [(module, module.training) for module in model.modules()]
    tracking = [(module, module.track_running_stats) for module in model.modules() if isinstance(module, _BatchNorm)]
    try:
        model.eval()
        for module, _ in tracking:
            module.training, module.track_running_stats = True, False
        yield
    finally:
        for module, state in training:
            module.training = state
        for module, state in tracking:
            module.track_running_stats = state


@initializer("lsuv")
def lsuv_(
    model: nn.Module,
    *,
    generator: torch.Generator,
    data: tuple[Tensor, Tensor],
    batch_size: Annotated[int, Bounds(minimum=2)] = 128,
) -> None:
    """Orthogonal weights, then each layer in the order of execution scaled so that its output's variance is one.

    ``data`` are the training images ``(n, c, h, w)`` and their labels; ``batch_size`` images, chosen by
    ``generator``, are looked at. Applies to every convolution and linear layer, the head included, with biases zero;
    normalization layers keep their defaults. With zero bias the output is proportional to the weight, so
    one division is exact where the paper iterates, and one forward pass serves all layers: each layer's rescaled output
    is what the next one sees. Layers that do not run stay orthogonal.

    Raises:
        InputError: fewer than two images, or a layer whose output does not vary or is not finite.
    """
    images = data[0]
    if len(images) < 2:
        raise InputError(f"lsuv: a variance needs two images; {len(images)} given")
    fill_(model, lambda weight: nn.init.orthogonal_(weight, generator=generator))
    names = {module: name for name, module in weight_layers(model)}
    scaled: set[nn.Module] = set()

    def scale(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if layer in scaled:  # a layer that is called again has its scale from its first call
            return None
        scaled.add(layer)
        std = output.std()
        if not (torch.isfinite(std) and std > 0):
            raise InputError(
                f"lsuv: the output of layer {names[layer]!r} has variance {std.item() ** 2:g} on the batch"
            )
        layer.weight.div_(std)
        return output / std

    chosen = torch.randperm(len(images), generator=generator)[:batch_size]
    hooks = [layer.register_forward_hook(scale) for layer in names]
    try:
        with batch_statistics(model):
            model(images[chosen.to(images.device)].to(next(model.parameters())))
    finally:
        for hook in hooks:
            hook.remove()
