"""Net2Net's random mapping g: which old channel each new channel copies (Chen et al. 2016, section 2.2)."""

from collections.abc import Mapping as MappingType
from dataclasses import dataclass

import torch
from torch import Tensor

from ...channels.axes import Axis, Layout
from ...channels.rules import Coupling
from ...errors import InputError


@dataclass(frozen=True)
class Mapping:
    """New channel j copies old channel ``index[j]``; ``copies[j]`` is False where it is that channel itself.

    The old channels come first, with blocks in each block; where channels are moved about by their position, the copies
    of each stand beside it.
    """

    index: Tensor
    copies: Tensor

    @property
    def counts(self) -> Tensor:
        """How often the channel behind each new channel occurs in all; at least 1."""
        return torch.bincount(self.index)[self.index]


def draw(axis: Axis, width: int, generator: torch.Generator) -> Mapping:
    """A mapping from ``axis`` to ``width`` channels that keeps its blocks, and copies evenly where it must.

    Raises:
        InputError: the axis may not grow, or not to this width; the message names the layer that forbids it.
    """
    axis = axis.root()
    name, old = axis.layers[0] if axis.layers else "input", axis.size
    change = f"cannot widen layer {name!r} from {old} to {width} channels"
    if width < old:
        raise InputError(f"cannot narrow layer {name!r} from {old} to {width} channels; a student is at least as wide")
    if width > old and axis.pins:
        pin = axis.pins[0]
        where = "the layer" if pin.layer in (name, "input", "output") else repr(pin.layer)
        raise InputError(f"{change}: {where} {pin.reason}")
    if width % axis.blocks:
        raise InputError(f"{change}: {axis.blocked_by!r} splits them into groups; use a multiple of {axis.blocks}")
    evenly = axis.whole_by or axis.even_by
    if evenly and width % old:
        why = "moves them about by their position" if axis.whole_by else "averages over the channels and would change"
        instead = "" if axis.whole_by else ", or replace it by batch norm"
        raise InputError(f"{change}: {evenly!r} {why}; use a multiple of {old}{instead}")
    if axis.whole_by:
        return Mapping(torch.arange(old).repeat_interleave(width // old), torch.arange(width) % (width // old) > 0)
    block_old, block_new = old // axis.blocks, width // axis.blocks
    indices = []
    for block in range(axis.blocks):
        if axis.even_by:
            rounds = [
                torch.randperm(block_old, generator=generator, device=generator.device)
                for _ in range(block_new // block_old - 1)
            ]
            extra = torch.cat(rounds) if rounds else torch.empty(0, dtype=torch.long)
        else:
            extra = torch.randint(block_old, (block_new - block_old,), generator=generator, device=generator.device)
        indices.append(block * block_old + torch.cat([torch.arange(block_old), extra.cpu()]))
    copies = torch.arange(width) % block_new >= block_old
    return Mapping(torch.cat(indices), copies)


@dataclass(frozen=True)
class Entries:
    """Where every entry along one dimension of a tensor comes from: mappings spelled out over a layout."""

    index: Tensor
    copies: Tensor
    counts: Tensor

    def __len__(self) -> int:
        return len(self.index)

    @property
    def unchanged(self) -> bool:
        return not bool(self.copies.any())

    def block(self, block: int, blocks: int, name: str) -> "Entries":
        """The entries of one of ``blocks`` equal blocks, counted from the start of the block, for the layer ``name``."""
        part = slice(block * (len(self) // blocks), (block + 1) * (len(self) // blocks))
        old = (int(self.index.max()) + 1) // blocks
        index = self.index[part] - block * old
        if len(self) % blocks or index.min() < 0 or index.max() >= old:
            raise InputError(f"cannot widen what {name!r} reads: it has {blocks} groups, and copies would leave theirs")
        return Entries(index, self.copies[part], self.counts[part])


def entries(layout: Layout, mappings: MappingType[Axis, Mapping], where: str) -> Entries:
    """Where each entry along ``layout`` comes from; axes without a mapping stay as they are.

    Raises:
        InputError: where the code moves channels about by their position, copies would not stay with theirs; ``where``
            names the place.
    """

    def of(axis: Axis) -> Mapping:
        unchanged = Mapping(torch.arange(axis.size), torch.zeros(axis.size, dtype=torch.bool))
        return mappings.get(axis, unchanged)

    index = layout.sources(lambda axis: of(axis).index)
    copies = layout.spread(lambda segment, _: of(segment.axis.root()).copies.repeat_interleave(segment.inner))
    counts = layout.spread(lambda segment, _: of(segment.axis.root()).counts.repeat_interleave(segment.inner))
    whole = index.min() >= 0 and len(torch.unique(index)) == layout.size
    if not (whole and torch.equal(torch.bincount(index)[index], counts)):
        raise InputError(
            f"cannot widen what {where!r} sees: the code moves channels about, and copies would not stay with theirs; "
            "widen all of them by the same whole factor, or none"
        )
    return Entries(index, copies, counts)


def check_drawn(coupling: Coupling, mappings: MappingType[Axis, Mapping]) -> None:
    """What the network needs of several groups together holds of the copies that were drawn.

    Raises:
        InputError: it does not; the message names the place.
    """
    for check in coupling.checks:
        first = entries(check.first, mappings, check.where)
        if check.second is not None:
            second = entries(check.second, mappings, check.where)
            kept = torch.equal(first.index, second.index)
        else:
            for block in range(check.blocks):
                first.block(block, check.blocks, check.where)
            kept = len(torch.unique(first.counts)) == 1
        if not kept:
            raise InputError(
                f"cannot widen what {check.where!r} sees: it needs all its channels copied alike; widen all by the same factor"
            )
