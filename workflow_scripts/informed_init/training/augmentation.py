"""Flip, rotation and crop of whole batches of images on the device, from draws made in advance.

The published recipe asks for a horizontal flip and a rotation by up to 15 degrees. Draws are tensors, one entry an
image, so that every arm of a replica sees the same ones. Each function equals torchvision's on the same draws
(tested).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_DEGREES = 15.0
CROP_PADDING = 4


def draw(kind: str, n: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Random draws for ``n`` images: ``flip`` bool, ``degrees`` float or ``top``/``left`` int64, each of shape
    ``(n,)``."""
    if kind == "none":
        return {}
    draws = {"flip": torch.rand(n, generator=generator) < 0.5}
    if kind == "flip-rotation":
        draws["degrees"] = (torch.rand(n, generator=generator) * 2 - 1) * MAX_DEGREES
    elif kind == "crop-flip":
        draws["top"] = torch.randint(0, 2 * CROP_PADDING + 1, (n,), generator=generator)
        draws["left"] = torch.randint(0, 2 * CROP_PADDING + 1, (n,), generator=generator)
    else:
        raise ValueError(f"unknown augmentation {kind!r}")
    return draws


def flip(images: Tensor, mask: Tensor) -> Tensor:
    """Mirror the images of a ``(n, c, h, w)`` batch where ``mask`` is true."""
    return torch.where(mask[:, None, None, None], images.flip(-1), images)


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Rotate each float image counter-clockwise about its center, nearest neighbor, zeros outside."""
    height, width = images.shape[-2:]
    radians = degrees.to(images) * (math.pi / 180)
    cos, sin = radians.cos(), radians.sin()
    # pixel centers relative to the image center, in pixels; grid_sample wants coordinates over half the size
    x = torch.arange(width, device=images.device, dtype=images.dtype) - (width - 1) / 2
    y = torch.arange(height, device=images.device, dtype=images.dtype) - (height - 1) / 2
    source_x = cos[:, None, None] * x - sin[:, None, None] * y[:, None]
    source_y = sin[:, None, None] * x + cos[:, None, None] * y[:, None]
    grid = torch.stack((source_x / (width / 2), source_y / (height / 2)), dim=-1)
    return F.grid_sample(images, grid, mode="nearest", padding_mode="zeros", align_corners=False)


def crop(images: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """Pad by 4 zeros on each side and cut the original size at ``top``/``left`` of each image."""
    n, _, height, width = images.shape
    padded = F.pad(images, (CROP_PADDING,) * 4)
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    index = torch.arange(n, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def apply(images: Tensor, draws: dict[str, Tensor]) -> Tensor:
    """Apply draws (any subset of flip, degrees, top/left) to a float ``(n, c, h, w)`` batch of raw pixel values."""
    if "top" in draws:
        images = crop(images, draws["top"], draws["left"])
    if "flip" in draws:
        images = flip(images, draws["flip"])
    if "degrees" in draws:
        images = rotate(images, draws["degrees"])
    return images
