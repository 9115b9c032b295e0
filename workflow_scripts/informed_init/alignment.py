"""Alignment: match the channels of trained networks one to one, and average the matched whole filters.

A network computes the same function when the channels of a layer are permuted, if the layer's batch norm and the layers that
read it are permuted along. Two trained networks may thus hold similar filters in different places; alignment undoes that, layer
by layer, before whole (in, kh, kw) filters are averaged. Channels that meet in a residual sum move together as one group.

Source: Learning an Informed CNN Initialization, full-filter clustering; its published code for ``greedy`` and the unit-length
average. ``hungarian`` and residual groups are the weight matching of Ainsworth et al. 2023 (Git Re-Basin), on filters alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional

from .banks import Bank, LayerBank, bankable_layers
from .errors import InputError
from .initializers.growth.axes import Axis, Layout
from .initializers.growth.rules import Layer, couple
from .sources import Source

MATCHINGS = ("greedy", "hungarian")
AVERAGES = ("unit", "plain")
METHODS = tuple(f"aligned-{matching}" for matching in MATCHINGS)
MAX_SWEEPS = 20

State = Mapping[str, Tensor]
Permutations = Mapping[str, Tensor]  # group -> index: channel i of the result is channel index[i] of the source


# ---------------------------------------------------------------- groups of channels


@dataclass(frozen=True)
class Groups:
    """Which channels of a network may be permuted, and which tensors must follow.

    ``axes`` maps a group's name, that of the first layer that makes its channels, to the axis all its layers share;
    ``layers`` are the network's layers with tensors in the order of the computation; ``bankable`` names the
    convolutions that may be averaged, in the model's order.
    """

    layers: dict[str, Layer]
    axes: dict[str, Axis]
    bankable: tuple[str, ...]

    def members(self) -> dict[str, tuple[str, ...]]:
        """Group -> the convolutions and linear layers that make its channels."""
        return {name: tuple(axis.layers) for name, axis in self.axes.items()}

    def index(self, layout: Layout, permutations: Permutations) -> Tensor:
        """Where each entry along a dimension comes from; groups without a permutation stay as they are."""
        names = {axis: name for name, axis in self.axes.items()}
        parts, offset = [], 0
        for segment in layout.segments:
            axis, inner = segment.axis.root(), segment.inner
            order = permutations.get(names.get(axis, ""), torch.arange(axis.size))
            parts.append((offset + order[:, None] * inner + torch.arange(inner)).flatten())
            offset += segment.size
        return torch.cat(parts)

    def permuted(self, layer: Layer, tensor: Tensor, permutations: Permutations) -> Tensor:
        """A copy of one tensor of ``layer`` with its output channels and, if it has any, its input channels permuted."""
        tensor = tensor[self.index(layer.rows, permutations)]
        if tensor.ndim > 1 and layer.columns is not None and getattr(layer.module, "groups", 1) == 1:
            tensor = tensor[:, self.index(layer.columns, permutations)]
        return tensor


def permutation_groups(model: nn.Module, input_size: Sequence[int] = (3, 32, 32)) -> Groups:
    """The permutable channel groups of any network that torch.fx can trace; ``input_size`` is (channels, h, w).

    The network's own inputs and outputs keep their order, and so does what an operation pins that is not known to treat
    all channels alike.
    """
    like = next(model.parameters())
    coupling = couple(model, torch.zeros(1, *input_size, dtype=like.dtype, device=like.device))
    free = [axis for axis in coupling.axes() if axis.blocks == 1 and all(pin.kind == "literal" for pin in axis.pins)]
    bankable = tuple(name for name, _ in bankable_layers(model))
    return Groups(coupling.layers, {axis.layers[0]: axis for axis in free}, bankable)


def permute_source(source: State | Source, permutations: Permutations, groups: Groups) -> dict[str, Tensor]:
    """A new state dict that computes the same function with permuted channels; ``source`` is not changed.

    ``permutations`` may leave out groups. Raises :class:`InputError` for a group that does not exist, an index that is
    no permutation of its channels, and a tensor that is missing or has another shape than the network's.
    """
    for name, order in permutations.items():
        if name not in groups.axes:
            raise InputError(f"there is no group of channels {name!r}; groups: {', '.join(groups.axes)}")
        size = groups.axes[name].size
        if not torch.equal(order.sort().values, torch.arange(size)):
            raise InputError(f"group {name!r}: not a permutation of its {size} channels")
    state = source.state_dict() if isinstance(source, Source) else source
    result = {key: tensor.clone() for key, tensor in state.items()}
    for layer in groups.layers.values():
        for key, tensor in layer.module.state_dict().items():
            if tensor.ndim:  # batch norm's count of batches has no channels
                full = f"{layer.name}.{key}"
                result[full] = groups.permuted(layer, _checked(state, full, layer, key, "the source"), permutations)
    return result


def _checked(state: State | Source, key: str, layer: Layer, suffix: str, whose: str) -> Tensor:
    """A tensor of a source, of the shape that the network has."""
    tensor, expected = state.get(key), layer.module.state_dict()[suffix].shape
    if tensor is None:
        raise InputError(f"{whose} has no tensor {key!r}; sources must be of the aligned network's architecture")
    if tensor.shape != expected:
        raise InputError(f"layer {layer.name!r}: {suffix} is {tuple(tensor.shape)} in {whose}, {tuple(expected)} in the network")
    return tensor


# ---------------------------------------------------------------- matching


def _fourier_distances(references: Sequence[Tensor], filters: Tensor) -> Tensor:
    """(out, out) distances as published: of the real parts of the 1-D FFTs of unit-length filters, summed over references."""

    def features(rows: Tensor) -> Tensor:
        return torch.fft.fft(functional.normalize(rows)).real

    return sum(torch.cdist(features(rows), features(filters)) for rows in references)


def _first_come(distances: np.ndarray) -> np.ndarray:
    """The published greedy matching: the references' filters in their order each take the nearest filter still free."""
    distances = distances.copy()
    order = np.empty(len(distances), dtype=np.int64)
    for row in range(len(distances)):
        order[row] = best = distances[row].argmin()
        distances[:, best] = np.inf
    return order


def _squared_distances(references: Sequence[Tensor], filters: Tensor) -> Tensor:
    """(out, out) squared Euclidean distances of whole filters, summed over references."""
    return sum(torch.cdist(rows, filters).square() for rows in references)


def _assignment(distances: np.ndarray) -> np.ndarray:
    """The one-to-one matching of the smallest total distance."""
    return linear_sum_assignment(distances)[1]


_MATCHERS = {"greedy": (_fourier_distances, _first_come), "hungarian": (_squared_distances, _assignment)}


class _Matcher:
    """Matches one source after another to all that were placed before, which the first one starts as it is."""

    def __init__(self, groups: Groups, layers: Sequence[str], matching: str):
        self.groups = groups
        self.distances, self.solve = _MATCHERS[matching]
        self.group_of = {layer: name for name, members in groups.members().items() for layer in members}
        computed = list(groups.layers)
        last = max(computed.index(name) for name in layers)
        is_convolution = {name: groups.layers[name].module.weight.ndim == 4 for name in computed[: last + 1]}
        # 1x1 convolutions are never initialized, but their filters say as well which channels correspond
        self.convolutions = [name for name, yes in is_convolution.items() if yes]
        self.placed: list[dict[str, Tensor]] = []

    def place(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Permutations that match the weights of the layers' convolutions to what is placed; places them."""
        permutations: dict[str, Tensor] = {}
        if self.placed:
            complete = self._pass(weights, permutations)
            score = self._score(weights, permutations)
            for _ in range(0 if complete else MAX_SWEEPS):
                candidate = dict(permutations)
                self._sweep(weights, candidate)
                if (better := self._score(weights, candidate)) <= score * (1 + 1e-9):
                    break
                permutations, score = candidate, better
        self.placed.append(self._aligned(weights, permutations))
        return permutations
