"""What a network's first layer sees of images, patch by patch, and the directions in which it varies."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from .forward import batch_statistics, running
from .layers import CONVOLUTIONS, Weight, weights

BLOCK = 256  # images that are looked at together
NUMBERS = 2**25  # most numbers that are held at once
SIDE = 2048  # largest symmetric matrix whose eigenvectors are sought, where fewer patches make it smaller
NOTHING = 1e-6  # share of the largest eigenvalue below which a direction holds rounding errors alone


class _Reached(BaseException):
    """The first layer is about to run: nothing behind it has to. No ``except Exception`` of a network stops this one."""

    def __init__(self, module: nn.Module, given: Tensor):
        super().__init__()
        self.module, self.given = module, given


@dataclass(frozen=True)
class Spectrum:
    """The directions in which patches vary, the strongest first: orthonormal rows ``vectors`` ``(r, d)`` with the variances
    ``values`` ``(r,)``, as multiples of the mean variance of a number in a patch."""

    vectors: Tensor
    values: Tensor
    scale: float  # the mean variance itself

    def whitening(self, epsilon: float) -> Tensor:
        """Filters ``(r, d)`` whose responses to the patches are uncorrelated and, but for ``epsilon``, of equal variance."""
        return self.vectors / (self.values + epsilon).sqrt()[:, None]


def first_patches(
    model: nn.Module, images: Tensor, most: int, generator: torch.Generator, name: str
) -> tuple[Weight, Tensor]:
    """The first weight that runs on images, and at most ``most`` random patches of what it is given: ``(n, groups, d)`` float32
    on the CPU, each of the ``d`` numbers that a filter of one of the layer's groups sees at once.

    A linear layer's patch is a whole input, taken once. Fewer patches are drawn where ``d`` is large, so that neither they
    nor their covariance need more than a few hundred MB. Nothing behind the first layer runs, so this costs no
    multiply-adds.

    Raises:
        InputError: the network does not run on the images, or its first layer is neither a convolution nor linear.
    """
    if not weights(model):
        raise InputError(
            f"{name}: {type(model).__name__} has no convolution, linear layer or attention: nothing would be set"
        )
    module, given = _given_to_first(model, images[:1], name)
    weight = next(weight for weight in weights(model) if weight.module is module)
    if not isinstance(module, (nn.Linear, *CONVOLUTIONS)):
        raise InputError(
            f"{name}: not applicable: the first layer, {weight.layer!r}, is neither a convolution nor linear; "
            "use another initializer"
        )
    takes = module.in_features if isinstance(module, nn.Linear) else module.in_channels
    has = given.shape[-1] if isinstance(module, nn.Linear) else given.shape[-1 - len(module.kernel_size)]
    if takes != has:
        raise InputError(
            f"{name}: layer {weight.layer!r} takes {takes} channels, the images give it {has}; give others"
        )
    numbers = weight.get()[0].numel() * (1 if isinstance(module, nn.Linear) else module.groups)
    most = min(most, max(NUMBERS // numbers, 2), SIDE if weight.get()[0].numel() > SIDE else most)
    chosen = torch.randperm(len(images), generator=generator)[:most]
    blocks = chosen.split(BLOCK)
    counts = [most * (i + 1) // len(blocks) - most * i // len(blocks) for i in range(len(blocks))]
    found = []
    for block, count in zip(blocks, counts, strict=True):
        _, given = _given_to_first(model, images[block.to(images.device)], name)
        given = given.detach().float().cpu()
        draw = _rows if isinstance(module, nn.Linear) else _windows
        found.append(draw(module, given, count, generator))
    return weight, torch.cat(found)


def _given_to_first(model: nn.Module, images: Tensor, name: str) -> tuple[nn.Module, Tensor]:
    """The first layer with a weight that runs on images, and what it is given."""

    def stop(module: nn.Module, inputs: tuple, named: dict) -> None:
        raise _Reached(module, next(part for part in (*inputs, *named.values()) if isinstance(part, Tensor)))

    modules = dict.fromkeys(weight.module for weight in weights(model))
    hooks = [module.register_forward_pre_hook(stop, with_kwargs=True, prepend=True) for module in modules]
    try:
        with batch_statistics(model), running(name, images):
            # not a call: hooks on the model count images that run through it, and none does
            (model if model in modules else model.forward)(images.to(next(model.parameters())))
    except _Reached as reached:
        return reached.module, reached.given
    finally:
        for hook in hooks:
            hook.remove()
    raise InputError(
        f"{name}: not applicable: no convolution or linear layer runs on the images; use another initializer"
    )


def _rows(module: nn.Linear, given: Tensor, count: int, generator: torch.Generator) -> Tensor:
    rows = given.reshape(-1, module.in_features)
    return rows[torch.randperm(len(rows), generator=generator)[:count]][:, None]


def _windows(module: nn.Module, given: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Random windows of the kernel's size, with its dilation; an image smaller than that is surrounded by zeros."""
    kernel, dilation = module.kernel_size, module.dilation
    extents = [(size - 1) * gap + 1 for size, gap in zip(kernel, dilation, strict=True)]
    given = given if given.ndim == len(kernel) + 2 else given[None]
    lacking = [max(extent - size, 0) for extent, size in zip(extents, given.shape[2:], strict=True)]
    given = F.pad(given, [n for lack in reversed(lacking) for n in (lack // 2, lack - lack // 2)])
    sizes = given.shape[2:]
    places, taps = torch.zeros(count, dtype=torch.long), torch.zeros(1, dtype=torch.long)
    for size, extent, length, gap in zip(sizes, extents, kernel, dilation, strict=True):
        places = places * size + torch.randint(size - extent + 1, (count,), generator=generator)
        taps = (taps[:, None] * size + gap * torch.arange(length)).flatten()
    which = torch.randint(len(given), (count,), generator=generator)
    windows = given.flatten(2)[which[:, None], :, places[:, None] + taps].transpose(1, 2)
    return windows.reshape(count, module.groups, -1)


def spectrum(patches: Tensor, name: str) -> Spectrum:
    """The directions in which patches ``(n, d)`` vary, by the eigenvectors of their covariance; those without variance are
    left out, so there may be fewer than ``d``.

    Raises:
        InputError: the patches do not vary.
    """
    centered = patches.double() - patches.double().mean(0)
    scale = centered.square().mean().item()
    if not (math.isfinite(scale) and scale > 1e-12 * patches.double().square().mean().item()):
        raise InputError(f"{name}: what the first layer sees of the images does not vary; give other images")
    centered /= math.sqrt(scale)
    wide = len(centered) < centered.shape[1]  # fewer patches than numbers: the smaller matrix has the same eigenvalues
    gram = centered @ centered.T if wide else centered.T @ centered
    values, vectors = torch.linalg.eigh(gram / len(centered))
    kept = (values > NOTHING * values[-1]).nonzero().flatten().flip(0)
    rows = vectors.T[kept]
    if wide:
        rows = rows @ centered / (values[kept] * len(centered)).sqrt()[:, None]
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
    return Spectrum((rows * largest.sign()).float(), values[kept].float(), scale)
