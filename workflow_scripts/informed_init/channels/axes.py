"""Channel axes: which tensors of a network must be widened together, and how.

An *axis* is one list of channels, born at a convolution's or linear layer's output. Every layer that sees
those channels refers to the axis; an element-wise sum of two outputs makes their axes one (:func:`union`). A
*layout* says how the axes lie along one dimension of a tensor: one segment after another where channels were
concatenated, every channel repeated ``inner`` times where an image was flattened.
"""

from dataclasses import dataclass, field
from math import lcm


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
    ``even``: a layer averages over the channels, so that every channel must be copied equally often.
    Read all attributes from :meth:`root`.
    """

    size: int
    layers: list[str] = field(default_factory=list)
    pins: list[Pin] = field(default_factory=list)
    blocks: int = 1
    blocked_by: str = ""
    even: bool = False
    even_by: str = ""
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
        if not root.even:
            root.even, root.even_by = True, layer


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
    if b.even:
        a.keep_even(b.even_by)


@dataclass(frozen=True)
class Segment:
    """The channels of one axis, each standing for ``inner`` neighboring entries."""

    axis: Axis
    inner: int = 1

    @property
    def size(self) -> int:
        return self.axis.root().size * self.inner


@dataclass(frozen=True)
class Layout:
    """How axes lie along dimension ``dim`` of a tensor."""

    dim: int
    segments: tuple[Segment, ...]

    @property
    def size(self) -> int:
        return sum(segment.size for segment in self.segments)

    def pin(self, pin: Pin) -> None:
        for segment in self.segments:
            segment.axis.pin(pin)

    def repeated(self, inner: int) -> "Layout":
        """Every channel standing for ``inner`` times as many entries as before."""
        return Layout(self.dim, tuple(Segment(s.axis, s.inner * inner) for s in self.segments))

    def at(self, dim: int) -> "Layout":
        return Layout(dim, self.segments)


def tie(a: Layout, b: Layout, layer: str) -> None:
    """Require that two layouts stay entry for entry the same; pins both where that cannot be expressed."""
    alike = [(s.size, s.inner) for s in a.segments] == [(s.size, s.inner) for s in b.segments]
    if alike and a.dim == b.dim:
        for first, second in zip(a.segments, b.segments, strict=True):
            union(first.axis, second.axis)
        return
    for layout in (a, b):
        layout.pin(Pin(layer, "combines channels that are laid out differently"))
