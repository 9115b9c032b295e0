"""Which channels of a network may be permuted, and which tensors must follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...channels.axes import Axis, Layout
from ...channels.rules import Layer, couple
from ...errors import InputError
from ..bank import bankable_layers
from ..sources import Source

State = Mapping[str, Tensor]
# group -> index; channel i of the result is channel index[i] of the source
Permutations = Mapping[str, Tensor]


@dataclass(frozen=True)
class Groups:
    """The groups of channels of one network that can only be permuted together.

    ``axes`` maps a group's name, that of the first layer that makes its channels, to the axis that all its
    layers share; ``layers`` are the layers with tensors, in the order of the computation; ``bankable`` names
    the convolutions that may be averaged, in the model's order.
    """

    layers: dict[str, Layer]
    axes: dict[str, Axis]
    bankable: tuple[str, ...]

    def makers(self) -> dict[str, tuple[str, ...]]:
        """Group -> the convolutions and linear layers that make its channels."""
        return {name: tuple(axis.layers) for name, axis in self.axes.items()}

    def index(self, layout: Layout, permutations: Permutations) -> Tensor:
        """Where each entry along a dimension comes from; groups without a permutation stay as they are."""
        order_of = {self.axes[name]: order for name, order in permutations.items()}
        return layout.sources(lambda axis: order_of.get(axis, torch.arange(axis.size)))

    def outputs_permuted(self, name: str, tensor: Tensor, permutations: Permutations) -> Tensor:
        """A tensor of layer ``name`` with its output channels permuted; always a copy."""
        return tensor[self.index(self.layers[name].rows, permutations)]

    def inputs_permuted(self, name: str, tensor: Tensor, permutations: Permutations) -> Tensor:
        """A tensor of layer ``name`` with its input channels permuted, if it has any."""
        layer = self.layers[name]
        # the channels of a grouped convolution are tied to their blocks: they are in no group and stay
        if tensor.ndim < 2 or layer.columns is None or getattr(layer.module, "groups", 1) > 1:
            return tensor
        return tensor[:, self.index(layer.columns, permutations)]

    def permuted(self, name: str, tensor: Tensor, permutations: Permutations) -> Tensor:
        """A copy of a tensor of layer ``name`` with all its channels permuted."""
        return self.inputs_permuted(name, self.outputs_permuted(name, tensor, permutations), permutations)


def permutation_groups(model: nn.Module, input_size: Sequence[int] = (3, 32, 32)) -> Groups:
    """The groups of any network that torch.fx can trace; ``input_size`` is (channels, height, width).

    The network's inputs and outputs keep their order, and so do channels that meet an operation that is not
    known to treat all of them alike.
    """
    like = next(model.parameters())
    coupling = couple(model, torch.zeros(1, *input_size, dtype=like.dtype, device=like.device))
    bound = {leaf.axis.root() for layout in coupling.vectors.values() for leaf in layout.leaves()}
    axes = {axis.layers[0]: axis for axis in coupling.axes() if axis not in bound and _permutable(axis)}
    return Groups(coupling.layers, axes, tuple(name for name, _ in bankable_layers(model)))


def _permutable(axis: Axis) -> bool:
    # a literal pin is a size in the network's code, which a permutation does not change
    return axis.blocks == 1 and not axis.whole_by and all(pin.kind == "literal" for pin in axis.pins)


def permute_source(source: State | Source, permutations: Permutations, groups: Groups) -> dict[str, Tensor]:
    """A new state dict that computes the same function with its channels permuted; ``source`` is not changed.

    ``permutations`` may leave out groups.

    Raises:
        InputError: a group that does not exist, an index that is no permutation of its channels, or a tensor
            that is missing or has another shape than the network's.
    """
    for name, order in permutations.items():
        if name not in groups.axes:
            raise InputError(f"there is no group of channels {name!r}; groups: {', '.join(groups.axes)}")
        if not torch.equal(order.sort().values, torch.arange(groups.axes[name].size)):
            size = groups.axes[name].size
            raise InputError(f"group {name!r}: the index is not a permutation of its {size} channels")
    state = source.state_dict() if isinstance(source, Source) else source
    result = {key: tensor.clone() for key, tensor in state.items()}
    for name, layer in groups.layers.items():
        for key, own in layer.module.state_dict().items():
            if own.ndim:  # batch norm's count of batches has no channels
                tensor = fitting_tensor(state, name, key, groups, "the source")
                result[f"{name}.{key}"] = groups.permuted(name, tensor, permutations)
    return result


def fitting_tensor(state: State | Source, layer: str, key: str, groups: Groups, whose: str) -> Tensor:
    """A tensor of a layer of a source; :class:`InputError` unless it has the shape that the network's has."""
    tensor, expected = state.get(f"{layer}.{key}"), groups.layers[layer].module.state_dict()[key].shape
    if tensor is None or tensor.shape != expected:
        found = "nothing" if tensor is None else tuple(tensor.shape)
        raise InputError(
            f"layer {layer!r}: {key} is {tuple(expected)} in the network, {found} in {whose}; "
            "sources must be of the network's architecture"
        )
    return tensor
