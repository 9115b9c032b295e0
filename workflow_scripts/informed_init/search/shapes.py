"""What a compact ResNet is made of, and how large that is: ResNet(N, B_i, C_1, F_i, K_i, P), without torch.

The design space is that of "ResNet under five million parameters": a stem, N stages of residual blocks whose width
doubles from stage to stage, average pooling to P x P values a channel, one linear layer. Parameters and
multiplications follow from those numbers in closed form, so that a search can be planned before a network is built.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import InputError

LISTS = ("blocks", "kernels", "skip_kernels")
# the best published member: what architecture `compact` is unless told otherwise
PUBLISHED = {"stages": 2, "width": 128, "blocks": 3, "kernels": 3, "skip_kernels": 3, "pool": 1}
BLOCK_SIZE = 5  # of a DropBlock, unless told otherwise
_NAME = re.compile(r"n(\d+)-c(\d+)-b([\d.]+)-f([\d.]+)-k([\d.]+)-p(\d+)(-s2)?(-shifted)?")


@dataclass(frozen=True)
class Stage:
    """One stage: ``blocks`` residual blocks of two ``kernel`` x ``kernel`` convolutions each; the first has ``stride``.

    ``skip_kernel`` is the kernel of the convolution on the first block's skip, which is there only where size or
    channels change.
    """

    in_channels: int
    channels: int
    blocks: int
    kernel: int
    skip_kernel: int
    stride: int

    @property
    def projects(self) -> bool:
        """Whether the first block's skip is a convolution, and not the identity."""
        return self.stride != 1 or self.in_channels != self.channels


@dataclass(frozen=True)
class Shape:
    """ResNet(N, B_i, C_1, F_i, K_i, P); one entry a stage in each of the three lists, which must be as long as N.

    ``stages`` N, ``width`` C_1 (stage i has C_1 * 2^(i-1) channels), ``blocks`` B_i, ``kernels`` F_i (the stem's is
    F_1), ``skip_kernels`` K_i (K_1 belongs to the first stage, whose skips are identities), ``pool`` P: the last maps are
    averaged to P x P. ``stem_stride`` 2 and ``shifted`` are what the published code does: its stages 1 and 2 both read
    the first entry of each list, stage i the one before its own, and the last entry is never read.
    """

    stages: int
    width: int
    blocks: tuple[int, ...]
    kernels: tuple[int, ...]
    skip_kernels: tuple[int, ...]
    pool: int = 1
    stem_stride: int = 1
    shifted: bool = False

    def __post_init__(self):
        if self.stages < 1 or self.width < 1 or self.pool < 1:
            raise InputError(f"{self.name}: stages, width and pool must be at least 1")
        for key in LISTS:
            values = getattr(self, key)
            if len(values) != self.stages:
                raise InputError(
                    f"{self.name}: {key} has {len(values)} entries for {self.stages} stages; give one for each stage"
                )
            if min(values) < 1:
                raise InputError(f"{self.name}: every entry of {key} must be at least 1, got {list(values)}")
        for key in LISTS[1:]:
            even = [value for value in getattr(self, key) if value % 2 == 0]
            if even:
                raise InputError(f"{self.name}: {key} holds the even size {even[0]}; only odd kernels have a center")
        if self.stem_stride not in (1, 2):
            raise InputError(f"{self.name}: stem_stride must be 1 or 2, got {self.stem_stride}")

    @classmethod
    def of(cls, settings: Mapping, **more) -> "Shape":
        """From the keys of this class; a list may be one number for all stages."""
        settings = {**settings, **more}
        lists = {key: per_stage(settings[key], settings["stages"]) for key in LISTS}
        return cls(**{**settings, **lists})

    @classmethod
    def parse(cls, name: str) -> "Shape":
        """The shape of a :attr:`name`."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise InputError(f"{name!r} does not name a compact ResNet; a name is like n2-c128-b3-f3-k3-p1")
        stages, width, *lists, pool, stride, shifted = match.groups()
        values = [[int(part) for part in text.split(".")] for text in lists]
        filled = {key: per_stage(v if len(v) > 1 else v[0], int(stages)) for key, v in zip(LISTS, values, strict=True)}
        return cls(
            int(stages), int(width), **filled, pool=int(pool), stem_stride=2 if stride else 1, shifted=bool(shifted)
        )

    @property
    def name(self) -> str:
        """A readable, unique name, e.g. ``n2-c128-b3-f3-k3-p1``; ``b1.2`` where stages differ."""
        texts = []
        for key in LISTS:
            values = getattr(self, key)
            same = len(set(values)) == 1 and len(values) == self.stages
            texts.append(str(values[0]) if same else ".".join(map(str, values)))
        blocks, kernels, skips = texts
        name = f"n{self.stages}-c{self.width}-b{blocks}-f{kernels}-k{skips}-p{self.pool}"
        return name + ("-s2" if self.stem_stride == 2 else "") + ("-shifted" if self.shifted else "")

    def settings(self) -> dict:
        """The keyword arguments that make this shape of architecture ``compact``."""
        lists = {key: list(getattr(self, key)) for key in LISTS}
        single = {key: getattr(self, key) for key in ("stages", "width", "pool", "stem_stride", "shifted")}
        return single | lists

    def plan(self) -> list[Stage]:
        """The stages from first to last."""
        entries = [0, *range(self.stages - 1)] if self.shifted else range(self.stages)
        plan, in_channels = [], self.width
        for number, entry in enumerate(entries):
            channels = self.width * 2**number
            kernels = self.kernels[entry], self.skip_kernels[entry]
            plan.append(Stage(in_channels, channels, self.blocks[entry], *kernels, stride=2 if number else 1))
            in_channels = channels
        return plan

    def sizes(self, input_size: int) -> list[int]:
        """Height (and width) of the maps of each stage for square images; every stride 2 halves and rounds up."""
        size, sizes = -(-input_size // self.stem_stride), []
        for stage in self.plan():
            size = -(-size // stage.stride)
            sizes.append(size)
        return sizes

    def parameters(self, channels: int = 3, classes: int = 10) -> int:
        """Number of trainable parameters for images of ``channels``, in closed form."""
        stem = channels * self.width * self.kernels[0] ** 2 + 2 * self.width
        total, width = stem, self.width
        for stage in self.plan():
            a, b, area = stage.in_channels, stage.channels, stage.kernel**2
            total += a * b * area + 2 * b + b * b * area + 2 * b  # the first block: two convolutions, two batch norms
            total += (a * b * stage.skip_kernel**2 + 2 * b) if stage.projects else 0
            total += (stage.blocks - 1) * (2 * b * b * area + 4 * b)
            width = b
        return total + width * self.pool**2 * classes + classes

    def macs(self, channels: int = 3, classes: int = 10, input_size: int = 32) -> int:
        """Multiplications with addition that one square image costs in convolutions and the linear layer."""
        stem_area = (-(-input_size // self.stem_stride)) ** 2
        total, width = channels * self.width * self.kernels[0] ** 2 * stem_area, self.width
        for stage, size in zip(self.plan(), self.sizes(input_size), strict=True):
            a, b, area = stage.in_channels, stage.channels, stage.kernel**2
            weights = a * b * area + b * b * area + (stage.blocks - 1) * 2 * b * b * area
            weights += a * b * stage.skip_kernel**2 if stage.projects else 0
            total, width = total + weights * size**2, b
        return total + width * self.pool**2 * classes

    def check_block_size(self, block_size: int, input_size: int) -> None:
        """Raise :class:`InputError` if a DropBlock of that size does not fit on the maps of a stage."""
        for number, size in enumerate(self.sizes(input_size), start=1):
            if block_size > size:
                raise InputError(
                    f"{self.name}: DropBlock of size {block_size} is larger than the {size}x{size} maps of stage {number}; "
                    "use a smaller block_size"
                )


def per_stage(value: int | Sequence[int], stages: int) -> tuple[int, ...]:
    """One entry a stage: a list as it is, a number repeated."""
    return (value,) * stages if isinstance(value, int) else tuple(value)
