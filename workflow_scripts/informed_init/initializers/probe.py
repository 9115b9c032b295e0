"""Whether a network can train from where a deterministic initializer put it, tried on a few random images.

Zeros and ones leave channels that are constant. A normalization divides such a channel by nearly nothing, layer after layer,
so that its gradient overflows; or nothing has a gradient at all.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .forward import batch_statistics
from .layers import CONVOLUTIONS, raw_parameters, weights
from .report import caution

IMAGES, SIZES = 8, (64, 32, 28, 224, 256)
LARGEST = 1e6  # of a gradient; networks that train start between 0.1 and 1,000


def try_training(model: nn.Module) -> None:
    """Caution where one gradient step on random images has no finite or no sensible size, or reaches few weights.

    Images have the size, out of a few, that the network takes. Nothing is said of a network that takes none of them or
    returns something else than logits; the network, its statistics and random states are left as they were.
    """
    gradients = _gradients(model)
    if gradients is None:
        return
    if not all(g.isfinite().all() for g in gradients.values()):
        caution("the gradient on random images is not finite: the network cannot train from here")
        return
    norm = math.sqrt(sum(g.double().square().sum().item() for g in gradients.values()))
    if norm > LARGEST:
        caution(f"the gradient on random images has the norm {norm:.0e}: the network can hardly train from here")
    found = [weight.key() for weight in weights(model)]
    reached = sum(bool(gradients[key].any()) for key in found if key in gradients)
    if not reached:
        caution("no weight gets a gradient on random images: only biases can learn")
    elif reached < len(found) / 2:
        caution(f"only {reached} of {len(found)} weights get a gradient on random images")


def _gradients(model: nn.Module) -> dict[int, Tensor] | None:
    """The gradient of a cross-entropy with respect to each parameter that has one, by the parameter's identity."""
    parameters = [p for p in model.parameters() if p.is_floating_point()]
    flags = [p.requires_grad for p in parameters]
    try:
        for parameter in parameters:
            parameter.requires_grad_(True)
        with batch_statistics(model), torch.random.fork_rng(devices=[]), torch.enable_grad():
            for images in _candidates(model):
                if (logits := _logits(model, images)) is not None:
                    labels = torch.arange(IMAGES, device=logits.device) % logits.shape[1]
                    loss = F.cross_entropy(logits.float(), labels)
                    found = torch.autograd.grad(loss, parameters, allow_unused=True)
                    return {id(p): g for p, g in zip(parameters, found, strict=True) if g is not None}
    finally:
        for parameter, flag in zip(parameters, flags, strict=True):
            parameter.requires_grad_(flag)
    return None


def _candidates(model: nn.Module) -> Iterator[Tensor]:
    """Random images of the shapes that the first layer could take."""
    first = next(iter(weights(model)))
    draw = torch.Generator("cpu").manual_seed(0)
    parameter = raw_parameters(first.module, first.attribute)[0]
    if isinstance(first.module, nn.Linear):
        shapes = [(first.module.in_features,)]
    elif isinstance(first.module, CONVOLUTIONS):
        dimensions = len(first.module.kernel_size)
        shapes = [(first.module.in_channels, *[size] * dimensions) for size in (SIZES if dimensions < 3 else SIZES[:2])]
    else:
        shapes = []
    for shape in shapes:
        yield torch.randn(IMAGES, *shape, generator=draw).to(parameter)


def _logits(model: nn.Module, images: Tensor) -> Tensor | None:
    """What the network makes of images, if it takes them and returns logits that depend on its weights."""
    try:
        output = model.forward(images)  # not a call: hooks on the model may count images
    except Exception:  # whatever the user's forward raises at another size
        return None
    fits = isinstance(output, Tensor) and output.ndim == 2 and len(output) == IMAGES and output.requires_grad
    return output if fits and output.shape[1] > 1 else None
