"""Net2Net's random mapping g: which old channel each new channel copies (Chen et al. 2016, section 2.2)."""

from collections.abc import Mapping as MappingType
from dataclasses import dataclass

import torch
from torch import Tensor

from ...channels.axes import Axis, Layout
from ...errors import InputError


@dataclass(frozen=True)
class Mapping:
    """New channel j copies old channel ``index[j]``; ``copies[j]`` is False where it is that channel itself.

    Without blocks the old channels come first; with blocks they come first in each block.
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
    if axis.even and width % old:
        raise InputError(
            f"{change}: {axis.even_by!r} averages over the channels and would change; "
            f"use a multiple of {old}, or replace it by batch norm"
        )
    block_old, block_new = old // axis.blocks, width // axis.blocks
    indices = []
    for block in range(axis.blocks):
        if axis.even:
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

    def block(self, block: int, blocks: int) -> "Entries":
        """The entries of one of ``blocks`` equal blocks, counted from the start of the block."""
        size = len(self) // blocks
        part = slice(block * size, (block + 1) * size)
        return Entries(self.index[part] - self.index[part].min(), self.copies[part], self.counts[part])


def entries(layout: Layout, mappings: MappingType[Axis, Mapping]) -> Entries:
    """Where each entry along ``layout`` comes from; axes without a mapping stay as they are."""
    index, copies, counts, offset = [], [], [], 0
    for segment in layout.segments:
        axis, inner = segment.axis.root(), segment.inner
        mapping = mappings.get(axis) or Mapping(torch.arange(axis.size), torch.zeros(axis.size, dtype=torch.bool))
        index.append((offset + mapping.index[:, None] * inner + torch.arange(inner)).flatten())
        copies.append(mapping.copies.repeat_interleave(inner))
        counts.append(mapping.counts.repeat_interleave(inner))
        offset += segment.size
    return Entries(torch.cat(index), torch.cat(copies), torch.cat(counts))
