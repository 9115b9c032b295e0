"""What each operation does to channels: the walk through a network's graph that finds its coupling groups."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from torch import Tensor, fx, nn

from .axes import Axis, Layout, Pin, Segment, tie
from .operations import (
    ARITHMETIC_NAMES,
    AVERAGING_NORMS,
    CONVOLUTIONS,
    ELEMENTWISE,
    ELEMENTWISE_NAMES,
    PER_CHANNEL_NORMS,
    SPATIAL,
    SPATIAL_NAMES,
)
from .trace import graphs, is_dropout, place


@dataclass(frozen=True)
class Layer:
    """A layer with tensors: ``rows`` lie along dimension 0 of all, ``columns`` along the weight's dimension 1."""

    name: str
    module: nn.Module
    rows: Layout
    columns: Layout | None = None

    @property
    def depthwise(self) -> bool:
        return isinstance(self.module, CONVOLUTIONS) and self.columns is None


@dataclass(frozen=True)
class Coupling:
    """The layers of a network by name, in the order of the computation."""

    layers: dict[str, Layer]

    def axes(self) -> list[Axis]:
        """The coupling groups that some convolution or linear layer makes, each once."""
        roots = (s.axis.root() for layer in self.layers.values() for s in layer.rows.segments)
        return [axis for axis in dict.fromkeys(roots) if axis.layers]


def couple(model: nn.Module, example_input: Tensor) -> Coupling:
    """Find which channels of ``model`` must grow together, from its graph alone.

    Raises:
        InputError: the network cannot be traced, or does not run on ``example_input``.
    """
    walk = _Walk(model)
    for graph in graphs(model, example_input):
        walk.graph(graph.graph)
    coupling, order = Coupling(walk.layers), list(walk.layers)
    for axis in coupling.axes():
        axis.layers.sort(key=order.index)
    return coupling


class _Walk:
    """Carries the layout of every tensor along the graph; ``None`` is a tensor without known channels."""

    def __init__(self, model: nn.Module):
        self.modules = dict(model.named_modules())
        self.layers: dict[str, Layer] = {}
        self.values: dict[fx.Node, Layout | None] = {}
        names: dict[Tensor, str] = {}
        self.tied: dict[str, str] = {}  # a layer -> the other layer that holds the same parameter
        for name, module in self.modules.items():
            for parameter in module._parameters.values():
                if parameter is not None and names.setdefault(parameter, name) != name:
                    self.tied[name], self.tied[names[parameter]] = names[parameter], name

    def graph(self, graph: fx.Graph) -> None:
        self.values = {}
        for node in graph.nodes:
            layout = None
            if node.op == "placeholder" and "shape" in node.meta:
                layout = self.fixed(node.meta["shape"][1], Pin("input", "is the network's input", "boundary"))
            elif node.op == "call_module":
                layout = self.module(node)
            elif node.op in ("call_function", "call_method"):
                layout = self.function(node)
            elif node.op == "output":
                self.boundary(node)
            self.values[node] = layout

    # Helpers --------------------------------------------------------------------------------------

    def layouts(self, node: fx.Node) -> list[Layout]:
        return [self.values[n] for n in node.all_input_nodes if self.values[n] is not None]

    def tensors(self, node: fx.Node) -> list[fx.Node]:
        return [n for n in node.all_input_nodes if "shape" in n.meta]

    @staticmethod
    def fixed(size: int, pin: Pin, dim: int = 1) -> Layout:
        return Layout(dim, (Segment(Axis(size, pins=[pin])),))

    def unknown(self, node: fx.Node, reason: str | None = None) -> None:
        """Refuse to widen what goes into ``node``; what comes out has no known channels."""
        kind = type(self.modules[node.target]).__name__ if node.op == "call_module" else "an operation"
        reason = reason or f"is {kind}, which is not known to preserve copied channels"
        for layout in self.layouts(node):
            layout.pin(Pin(place(node), reason))

    def record(self, name: str, rows: Layout, columns: Layout | None = None) -> None:
        """Note a layer, or tie the channels of its second call to those of its first."""
        if name in self.tied:
            pin = Pin(name, f"shares a parameter with {self.tied[name]!r}")
            for layout in (rows, columns):
                if layout is not None:
                    layout.pin(pin)
        first = self.layers.get(name)
        if first is None:
            self.layers[name] = Layer(name, self.modules[name], rows, columns)
            return
        tie(first.rows, rows, name)
        if columns is not None and first.columns is not None:
            tie(first.columns, columns, name)

    def boundary(self, node: fx.Node) -> None:
        for value in self.layouts(node):
            value.pin(Pin("output", "is the network's output", "boundary"))

    # Modules --------------------------------------------------------------------------------------

    def module(self, node: fx.Node) -> Layout | None:
        name, module = str(node.target), self.modules[node.target]
        inputs = self.tensors(node)
        if len(inputs) != 1:
            return self.unknown(node)
        x = self.values[inputs[0]]
        computed = hasattr(module, "weight") and "weight" not in module._parameters
        if computed or hasattr(module, "parametrizations"):
            return self.unknown(node, "computes its weight from other tensors")
        if isinstance(module, CONVOLUTIONS):
            return self.convolution(node, name, module, x)
        if isinstance(module, nn.Linear):
            return self.linear(node, name, module, x)
        slopes = isinstance(module, nn.PReLU) and module.num_parameters > 1
        if slopes or isinstance(module, PER_CHANNEL_NORMS):
            return self.per_channel(node, name, module, x)
        if isinstance(module, AVERAGING_NORMS):
            return self.averaging_norm(node, name, module, x)
        if isinstance(module, nn.LocalResponseNorm):
            return self.unknown(node, "mixes neighboring channels (LocalResponseNorm)")
        if isinstance(module, nn.Flatten):
            return self.flatten(node, module.start_dim, module.end_dim)
        if isinstance(module, (*ELEMENTWISE, nn.PReLU)) or is_dropout(module):
            return x
        if isinstance(module, SPATIAL):
            return self.spatial(node)
        return self.unknown(node)

    def rows(self, name: str, size: int, dim: int) -> Layout:
        """The output axis of a convolution or linear layer, the same one in every graph and call."""
        if name in self.layers:
            return self.layers[name].rows.at(dim)
        return Layout(dim, (Segment(Axis(size, layers=[name])),))

    def convolution(self, node: fx.Node, name: str, module: nn.Module, x: Layout | None) -> Layout:
        groups = module.groups
        if x is None or x.dim != 1:
            self.unknown(node)
            x = self.fixed(module.in_channels, Pin(name, "reads channels whose origin is not known"))
        if 1 < groups == module.in_channels:  # depthwise: channel c makes the outputs c*m to c*m + m - 1
            out = x.repeated(module.out_channels // groups)
            self.record(name, out)
            return out
        out = self.rows(name, module.out_channels, 1)
        self.record(name, out, x)
        if groups > 1:
            single = x.segments[0].axis.root()
            if len(x.segments) == 1 and single.size % groups == 0:
                single.keep_blocks(groups, name)
            else:
                x.pin(Pin(name, f"is a convolution in {groups} groups that do not fit its inputs"))
            out.segments[0].axis.keep_blocks(groups, name)
        return out

    def linear(self, node: fx.Node, name: str, module: nn.Linear, x: Layout | None) -> Layout:
        last = len(node.meta["shape"]) - 1
        if x is None or x.dim != last:
            self.unknown(node)
            x = self.fixed(module.in_features, Pin(name, "reads features whose origin is not known"), last)
        out = self.rows(name, module.out_features, last)
        self.record(name, out, x)
        return out

    def per_channel(self, node: fx.Node, name: str, module: nn.Module, x: Layout | None) -> Layout | None:
        """Batch norm, instance norm, PReLU with a slope per channel: one entry per channel in each tensor."""
        state = module.state_dict()
        if x is None or x.dim != 1:
            self.unknown(node, "acts on a dimension that is not known to be the channels'")
            x = None
        if state:
            size = len(next(iter(state.values())))
            self.record(name, x or self.fixed(size, Pin(name, "acts on channels whose origin is not known")))
        return x

    def averaging_norm(self, node: fx.Node, name: str, module: nn.Module, x: Layout | None) -> Layout | None:
        """Group and layer norm: unchanged only if every channel (of a group) is copied equally often."""
        if x is None:
            return None
        axis = x.segments[0].axis
        if isinstance(module, nn.LayerNorm):
            first = len(node.meta["shape"]) - len(module.normalized_shape)
            if x.dim < first:
                return x
            groups, aligned = 1, x.dim == first
        else:
            groups, aligned = module.num_groups, x.dim == 1
        if not aligned or len(x.segments) > 1 or axis.root().size % groups:
            return self.unknown(node, f"averages over channels of different origin ({type(module).__name__})")
        axis.keep_even(name)
        if groups > 1:
            axis.keep_blocks(groups, name)
        self.record(name, x)
        return x

    # Functions ------------------------------------------------------------------------------------

    def function(self, node: fx.Node) -> Layout | None:
        name = node.target if node.op == "call_method" else getattr(node.target, "__name__", "")
        base = name.rstrip("_")
        inputs = self.tensors(node)
        if "shape" not in node.meta:
            if name in ("size", "getattr", "dim", "numel", "ndimension", "is_floating_point"):
                return None  # a question about a tensor; the student asks it again
            if all(user.op == "output" for user in node.users):  # a tuple with names, say
                return self.boundary(node)
            return self.unknown(node)
        if base in ("cat", "concat", "concatenate"):
            return self.concat(node)
        if base in ARITHMETIC_NAMES:
            return self.arithmetic(node)
        if len(inputs) != 1:
            return self.unknown(node)
        x = self.values[inputs[0]]
        if x is None or base in ELEMENTWISE_NAMES:
            return x
        if base in SPATIAL_NAMES:
            return self.spatial(node)
        if base == "flatten":
            return self.flatten(node, _argument(node, 1, "start_dim", 0), _argument(node, 2, "end_dim", -1))
        if base in ("view", "reshape"):
            return self.reshape(node)
        upto = x.dim + 1
        if base in ("squeeze", "unsqueeze") and node.meta["shape"][:upto] == inputs[0].meta["shape"][:upto]:
            return x
        if base in ("mean", "sum", "amax", "amin"):
            return self.reduce(node)
        if base == "pad" and len(_argument(node, 1, "pad", ())) // 2 < len(node.meta["shape"]) - x.dim:
            return x
        return self.unknown(node)

    def spatial(self, node: fx.Node) -> Layout | None:
        """Pooling and resizing: nothing happens across dimension 1."""
        x = self.values[self.tensors(node)[0]]
        if x is None or (x.dim == 1 and "shape" in node.meta):
            return x
        return self.unknown(node)

    def flatten(self, node: fx.Node, start: int, end: int) -> Layout | None:
        source = self.tensors(node)[0]
        x, shape = self.values[source], source.meta["shape"]
        if x is None:
            return None
        start, end = start % len(shape), end % len(shape)
        if start > x.dim:
            return x
        if start == x.dim:
            return x.repeated(prod(shape[start + 1 : end + 1]))
        return self.unknown(node)

    def reshape(self, node: fx.Node) -> Layout | None:
        """``view`` and ``reshape`` that do what ``flatten(1)`` does, or leave the channels as they are."""
        source = self.tensors(node)[0]
        x, before, after = self.values[source], source.meta["shape"], node.meta["shape"]
        sizes = node.args[1:] if len(node.args) > 2 else _argument(node, 1, "shape", ())
        sizes = list(sizes) if isinstance(sizes, list | tuple) else [sizes]
        if x.dim == 1 and after == (before[0], prod(before[1:])):
            result = x.repeated(prod(before[2:]))
        elif before[: x.dim + 1] == after[: x.dim + 1]:
            result = x
        else:
            return self.unknown(node)
        number = sizes[x.dim] if x.dim < len(sizes) else None
        if isinstance(number, int) and number != -1:
            reason = f"holds the size {number} as a number in the code; use flatten or -1"
            x.pin(Pin(place(node), reason, "literal"))
        return result

    def reduce(self, node: fx.Node) -> Layout | None:
        source = self.tensors(node)[0]
        x, ndim = self.values[source], len(source.meta["shape"])
        dims = _argument(node, 1, "dim", None)
        dims = [dims] if isinstance(dims, int) else dims
        if not isinstance(dims, Iterable) or x.dim in (dims := [d % ndim for d in dims]):
            return self.unknown(node, "reduces over the channels")
        removed = 0 if len(node.meta["shape"]) == ndim else sum(d < x.dim for d in dims)
        return x.at(x.dim - removed)

    def arithmetic(self, node: fx.Node) -> Layout | None:
        """Sum, product, ... of tensors: equal channels stay equal if both operands are copied alike."""
        known = [n for n in self.tensors(node) if self.values[n] is not None]
        if not known:
            return None
        ndim = len(node.meta["shape"])
        result = None
        for n in known:  # count dimensions from the right, as broadcasting does
            x = self.values[n]
            x = x.at(x.dim + ndim - len(n.meta["shape"]))
            if x.size == 1 and node.meta["shape"][x.dim] != 1:
                x.pin(Pin(place(node), "spreads a single channel over all others"))
            elif result is None:
                result = x
            else:
                tie(result, x, place(node))
        for n in self.tensors(node):
            shape = (1,) * (ndim - len(n.meta["shape"])) + n.meta["shape"]
            if result is not None and self.values[n] is None and shape[result.dim] != 1:
                return self.unknown(node, "combines channels with a tensor of fixed size")
        return result

    def concat(self, node: fx.Node) -> Layout | None:
        parts = list(_argument(node, 0, "tensors", ()))
        dim = _argument(node, 1, "dim", _argument(node, 1, "axis", 0)) % len(node.meta["shape"])
        known = [self.values[n] for n in parts if self.values[n] is not None]
        if not known or any(layout.dim != known[0].dim for layout in known):
            return self.unknown(node)
        if dim != known[0].dim:
            for layout in known[1:]:
                tie(known[0], layout, place(node))
            return known[0] if len(known) == len(parts) else self.unknown(node)
        segments: tuple[Segment, ...] = ()
        for n in parts:
            layout = self.values[n] or self.fixed(n.meta["shape"][dim], Pin(place(node), "has unknown channels"))
            segments += layout.segments
        return Layout(dim, segments)


def _argument(node: fx.Node, position: int, name: str, default):
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)
