"""Training images for the initializers that look at them."""

import torch
from torch import Tensor

from ..errors import InputError


def checked_data(name: str, data: object, labeled: bool = True) -> tuple[Tensor, Tensor]:
    """``(images, labels)`` as given, if they are what an initializer can use; images alone, if not ``labeled``, get labels 0.

    Raises:
        InputError: not a pair of tensors, integer or no images, labels of another number or type, a value that is not finite.
    """
    if isinstance(data, Tensor) and not labeled and data.ndim:
        data = (data, torch.zeros(len(data), dtype=torch.long, device=data.device))
    if not isinstance(data, tuple | list) or len(data) != 2 or not all(isinstance(part, Tensor) for part in data):
        raise InputError(f"{name}: data must be (images, labels), two tensors, not {_what(data)}")
    images, labels = data
    if images.ndim < 2 or not len(images):
        raise InputError(f"{name}: data[0] must be images (n, channels, height, width), not {tuple(images.shape)}")
    if not images.is_floating_point():
        raise InputError(f"{name}: data[0] is {images.dtype}; give images as the network takes them, e.g. float32")
    if labels.shape != images.shape[:1] or labels.is_floating_point() or labels.is_complex():
        raise InputError(
            f"{name}: data[1] must be {len(images)} whole-number labels, one an image, not {tuple(labels.shape)} {labels.dtype}"
        )
    if not images.isfinite().all():
        wrong = int((~images.isfinite().flatten(1).all(1)).sum())
        raise InputError(f"{name}: {wrong} of {len(images)} images hold NaN or infinite values; leave them out")
    return images, labels


def _what(data: object) -> str:
    if isinstance(data, tuple | list):
        return f"{len(data)} of {', '.join(sorted({type(part).__name__ for part in data}))}"
    return f"a {type(data).__name__}"
