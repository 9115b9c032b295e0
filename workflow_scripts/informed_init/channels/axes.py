"""Channel axes: which tensors of a network must be widened together, and how.

An *axis* is one list of channels, born at a convolution's or linear layer's output. Every layer that sees
those channels refers to the axis; an element-wise sum of two outputs makes their axes one (:func:`union`). A
*layout* says how the axes lie along one dimension of a tensor: one segment after another where channels were
concatenated, every channel repeated ``inner`` times where an image was flattened, moved about where they were
shuffled or cut.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import lcm

import torch
from torch import Tensor


@dataclass(frozen=True)
class Pin:
    """Why an axis may not change its size.

    ``kind`` is ``"boundary"`` (the network's own input or output), ``"literal"`` (the code holds the size as
    a number, which a target with its own code may change) or ``"unsupported"`` (a layer for which copies are
    not known to be harmless).
    """

    layer: str
    reason: str
    kind: str = "unsupported"


@dataclass(eq=False)
class Axis:
    """One list of ``size`` channels; ``layers`` are the convolutions and linear layers that make them.

    ``blocks`` > 1: grouped layers split the channels into that many equal blocks, and a copy must stay in its
    block.
    ``even_by``: the layer that averages over the channels, so that every channel must be copied equally often.
    ``whole_by``: the place that moves channels about by their position, so that every channel must be copied
    equally often, its copies beside it.
    Read all attributes from :meth:`root`.
    """

    size: int
    layers: list[str] = field(default_factory=list)
    pins: list[Pin] = field(default_factory=list)
    blocks: int = 1
    blocked_by: str = ""
    even_by: str = ""
    whole_by: str = ""
    parent: "Axis | None" = None

    def root(self) -> "Axis":
        axis = self
        while axis.parent is not None:
            axis = axis.parent
        return axis

    def pin(self, pin: Pin) -> None:
        pins = self.root().pins
        if pin not in pins:
            pins.append(pin)

    def keep_blocks(self, blocks: int, layer: str) -> None:
        root = self.root()
        if lcm(root.blocks, blocks) != root.blocks:
            root.blocks, root.blocked_by = lcm(root.blocks, blocks), layer

    def keep_even(self, layer: str) -> None:
        root = self.root()
        root.even_by = root.even_by or layer

    def keep_whole(self, place: str) -> None:
        root = self.root()
        root.whole_by = root.whole_by or place


def union(a: Axis, b: Axis) -> None:
    """Make two axes of the same size one; the constraints of both hold."""
    a, b = a.root(), b.root()
    if a is b:
        return
    b.parent = a
    a.layers += b.layers
    for pin in b.pins:
        a.pin(pin)
    if b.blocks > 1:
        a.keep_blocks(b.blocks, b.blocked_by)
    a.even_by, a.whole_by = a.even_by or b.even_by, a.whole_by or b.whole_by


@dataclass(frozen=True)
class Segment:
    """The channels of one axis, each standing for ``inner`` neighboring entries."""

    axis: Axis
    inner: int = 1

    @property
    def size(self) -> int:
        return self.axis.root().size * self.inner

    def leaves(self) -> "Iterator[Segment]":
        yield self

    def repeated(self, inner: int) -> "Segment":
        return replace(self, inner=self.inner * inner)


@dataclass(frozen=True)
class Shuffle:
    """``(groups, n)`` becomes ``(n, groups)``: the first channel of every group, then the second, and so on."""

    groups: int
    inner: int = 1

    def __call__(self, entries: Tensor) -> Tensor:
        return entries.view(self.groups, -1, self.inner).transpose(0, 1).flatten()

    def length(self, size: int) -> int:
        return size

    def repeated(self, inner: int) -> "Shuffle":
        return replace(self, inner=self.inner * inner)


@dataclass(frozen=True)
class Cut:
    """The entries from ``start`` to ``stop`` of each ``of``; of a wider tensor the same share."""

    start: int
    stop: int
    of: int

    def __call__(self, entries: Tensor) -> Tensor:
        n = len(entries)
        return entries[self.start * n // self.of : self.stop * n // self.of]

    def length(self, size: int) -> int:
        return self.stop * size // self.of - self.start * size // self.of

    def repeated(self, inner: int) -> "Cut":
        return self


@dataclass(frozen=True)
class Moved:
    """Segments whose entries are shuffled, or of which a part is taken."""

    segments: "tuple[Segment | Moved, ...]"
    move: Shuffle | Cut

    @property
    def size(self) -> int:
        return self.move.length(sum(segment.size for segment in self.segments))

    def leaves(self) -> Iterator[Segment]:
        for segment in self.segments:
            yield from segment.leaves()

    def repeated(self, inner: int) -> "Moved":
        return Moved(tuple(segment.repeated(inner) for segment in self.segments), self.move.repeated(inner))


@dataclass(frozen=True)
class Layout:
    """How axes lie along dimension ``dim`` of a tensor."""

    dim: int
    segments: tuple[Segment | Moved, ...]

    @property
    def size(self) -> int:
        return sum(segment.size for segment in self.segments)

    @property
    def moved(self) -> bool:
        return any(isinstance(segment, Moved) for segment in self.segments)

    def leaves(self) -> list[Segment]:
        return [leaf for segment in self.segments for leaf in segment.leaves()]

    def single(self) -> Axis | None:
        """The axis, if the layout is one axis as it was made."""
        whole = self.segments[0]
        return whole.axis.root() if len(self.segments) == 1 and isinstance(whole, Segment) else None

    def pin(self, pin: Pin) -> None:
        for leaf in self.leaves():
            leaf.axis.pin(pin)

    def keep_whole(self, place: str) -> None:
        for leaf in self.leaves():
            leaf.axis.keep_whole(place)

    def repeated(self, inner: int) -> "Layout":
        """Every channel standing for ``inner`` times as many entries as before."""
        return Layout(self.dim, tuple(segment.repeated(inner) for segment in self.segments))

    def at(self, dim: int) -> "Layout":
        return Layout(dim, self.segments)

    def after(self, move: Shuffle | Cut, place: str) -> "Layout":
        """The layout after a move, which needs all copies of a channel beside it."""
        self.keep_whole(place)
        return Layout(self.dim, (Moved(self.segments, move),))

    def spread(self, values: Callable[[Segment, int], Tensor]) -> Tensor:
        """Values of the single segments, given with the number of entries before them, where the layout has them."""
        return _spread(self.segments, values, 0)[0]

    def sources(self, index: Callable[[Axis], Tensor]) -> Tensor:
        """Where each entry comes from, if channel ``i`` of every axis becomes its channel ``index(axis)[i]``.

        -1 where an entry comes from beyond a cut.
        """

        def entries(segment: Segment, start: int, of: Callable[[Axis], Tensor] = index) -> Tensor:
            channels = of(segment.axis.root())
            return (start + channels[:, None] * segment.inner + torch.arange(segment.inner)).flatten()

        new = self.spread(entries)
        if not self.moved:
            return new
        old = self.spread(lambda segment, start: entries(segment, start, lambda axis: torch.arange(axis.size)))
        places = torch.full((sum(leaf.size for leaf in self.leaves()),), -1)
        places[old] = torch.arange(len(old))
        return places[new]


def _spread(segments, values: Callable[[Segment, int], Tensor], start: int) -> tuple[Tensor, int]:
    parts = []
    for segment in segments:
        if isinstance(segment, Moved):
            part, start = _spread(segment.segments, values, start)
            parts.append(segment.move(part))
        else:
            parts.append(values(segment, start))
            start += segment.size
    return torch.cat(parts), start


def tie(a: Layout, b: Layout, layer: str) -> bool:
    """Require that two layouts stay entry for entry the same.

    Returns:
        Whether that has to be looked at once the copies are drawn, since the axes alone do not say it.
    """
    alike = (
        not a.moved
        and not b.moved
        and [(s.size, s.inner) for s in a.segments] == [(s.size, s.inner) for s in b.segments]
    )
    if a.dim != b.dim or a.size != b.size:
        for layout in (a, b):
            layout.pin(Pin(layer, "combines channels that are laid out differently"))
        return False
    if alike:
        for first, second in zip(a.segments, b.segments, strict=True):
            union(first.axis, second.axis)
        return False
    for layout in (a, b):
        layout.keep_whole(layer)
    return True
