"""DropBlock (Ghiasi, Lin and Le 2018): dropout of square blocks of a feature map."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError


class DropBlock(nn.Module):
    """Zeroes blocks of ``size`` x ``size`` values until the share ``rate`` of a map is dropped; identity in eval mode.

    Blocks lie wholly on the map, are drawn for every channel (``shared``: one draw for all channels of an image), and the
    values that stay are scaled up so that a batch keeps its mean. The share is reached exactly in expectation: overlaps
    are accounted for, which the paper's formula (equation 1) does not, and which for small rates makes no difference. The
    rate grows linearly with ``progress``, from 0 to 1, which whoever trains sets.

    ``legacy`` does what the published reproduction does: centers anywhere on the map at rate / size^2, so that blocks are
    cut at the border and less is dropped than asked for; one draw for all channels; the full rate from the start.

    Input ``(n, c, h, w)``; random numbers come from torch's generator of the input's device. A map on which everything
    is dropped is zero, never NaN. Raises :class:`InputError` for a rate outside [0, 1) and where the size is
    larger than the map.
    """

    def __init__(self, rate: float, size: int, *, shared: bool = False, legacy: bool = False):
        super().__init__()
        if not 0 <= rate < 1:
            raise InputError(f"DropBlock: the rate must be at least 0 and below 1, got {rate:g}")
        if size < 1:
            raise InputError(f"DropBlock: the block size must be at least 1, got {size}")
        self.rate, self.size, self.shared, self.legacy = rate, size, shared or legacy, legacy
        self.progress = 1.0

    def extra_repr(self) -> str:
        """The settings, for printing the network."""
        return f"rate={self.rate:g}, size={self.size}, shared={self.shared}, legacy={self.legacy}"

    def forward(self, x: Tensor) -> Tensor:
        rate = self.rate if self.legacy else self.rate * self.progress
        if not self.training or rate == 0:
            return x
        n, channels, height, width = x.shape
        if self.size > min(height, width):
            raise InputError(f"DropBlock: size {self.size} is larger than the {height}x{width} map; use a smaller one")
        channels = 1 if self.shared else channels
        if self.legacy:
            seeds = torch.rand(n, channels, height, width, device=x.device) < rate / self.size**2
            dropped = F.max_pool2d(seeds.to(x.dtype), self.size, 1, self.size // 2)[..., :height, :width]
        else:
            starts = height - self.size + 1, width - self.size + 1
            seeds = torch.rand(n, channels, *starts, device=x.device) < seed_rate(rate, self.size, height, width)
            # every value that a block starting at most size - 1 before it covers
            dropped = F.max_pool2d(F.pad(seeds.to(x.dtype), (self.size - 1,) * 4), self.size, 1)
        kept = 1 - dropped
        scale = kept.numel() / kept.sum(dtype=torch.float32).clamp(min=1)
        return x * kept * scale.to(x.dtype)


@lru_cache(maxsize=4096)
def seed_rate(rate: float, size: int, height: int, width: int) -> float:
    """The probability of a block at each place it fits on a map, with which the expected dropped share is ``rate``.

    A value that n places reach stays with probability (1 - p)^n; the mean over the map is monotone in p, so bisection
    finds it.
    """
    rows, columns = (_places(length, size) for length in (height, width))
    places = (rows[:, None] * columns).flatten()
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        share = 1 - float(((1 - middle) ** places).mean())
        low, high = (middle, high) if share < rate else (low, middle)
    return (low + high) / 2


def _places(length: int, size: int) -> Tensor:
    """For each position along an axis, how many of the places where a block fits cover it (float64)."""
    position = torch.arange(length, dtype=torch.float64)
    first = (position - size + 1).clamp(min=0)
    last = position.clamp(max=length - size)
    return last - first + 1
