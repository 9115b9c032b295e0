"""The walk through a network's graph that carries the channels of every tensor along."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor, fx, nn

from .axes import Axis, Layout, Pin, Segment, tie
from .operations import CONVOLUTIONS, KNOWN
from .trace import is_dropout, place


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
class Check:
    """What must hold of the copies once they are drawn: ``first`` is copied evenly in each of ``blocks`` equal blocks, or
    entry for entry as ``second``; ``where`` is the place that needs it."""

    where: str
    first: Layout
    second: Layout | None = None
    blocks: int = 1


@dataclass(frozen=True)
class Coupling:
    """What a walk found: the layers with tensors by name, in the order of the computation; ``vectors``, parameters that
    the code combines with channels itself, by name, with their channels along the layout's dimension; what must be
    checked; and ``opaque``, what makes channels in code that no rule knows, with the place.
    """

    layers: dict[str, Layer] = field(default_factory=dict)
    vectors: dict[str, Layout] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    opaque: dict[str, str] = field(default_factory=dict)

    def axes(self) -> list[Axis]:
        """The coupling groups that some convolution or linear layer makes, each once."""
        roots = (leaf.axis.root() for layer in self.layers.values() for leaf in layer.rows.leaves())
        return [axis for axis in dict.fromkeys(roots) if axis.layers]


@dataclass(frozen=True)
class Rule:
    """What to do at layers (classes) or functions (names) of one kind; ``says``: what becomes of widened channels there."""

    kinds: tuple[type, ...] | frozenset[str]
    says: str
    apply: "Callable[[Walk, fx.Node], Layout | None]"


class Walk:
    """Carries the layout of every tensor along the graphs; ``None`` is a tensor without known channels."""

    def __init__(self, model: nn.Module, layers: tuple[Rule, ...], functions: tuple[Rule, ...]):
        self.modules = dict(model.named_modules())
        self.rules = layers
        self.functions = {name: rule.apply for rule in functions for name in rule.kinds}
        self.found = Coupling()
        self.values: dict[fx.Node, Layout | None] = {}
        # what an operation without a rule has made of channels, until the next layer: it may be the network's output
        self.lost: dict[fx.Node, list[Layout]] = {}
        self.parameters: dict[fx.Node, list[str]] = {}  # the parameters that a tensor without channels is made of
        self.made: set[fx.Node] = set()  # where channels are born
        self.free: dict[
            Axis, tuple[str, int]
        ] = {}  # a parameter that has not met its channels yet, and their dimension
        self.done: set[fx.Node] = set()  # the middle of a pattern that was recognized as a whole
        self.moved: dict[fx.Node, Layout] = {}  # and what comes out at its end
        names: dict[Tensor, str] = {}
        self.tied: dict[str, str] = {}  # a layer -> the other layer that holds the same parameter
        for name, module in self.modules.items():
            for parameter in module._parameters.values():
                if parameter is not None and names.setdefault(parameter, name) != name:
                    self.tied[name], self.tied[names[parameter]] = names[parameter], name

    def graph(self, graph: fx.Graph) -> None:
        """Walk one graph; layers met before are tied to what they were there."""
        self.values, self.lost, self.parameters = {}, {}, {}
        for node in graph.nodes:
            seen = node in self.done or node in self.moved
            self.values[node] = self.moved.get(node) if seen else self.visit(node)
            if node not in self.made and ("shape" in node.meta or "shapes" in node.meta):
                before = [layout for n in node.all_input_nodes for layout in self.lost.get(n, [])]
                self.lost[node] = [*self.lost.get(node, []), *before]
                value = self.values[node]
                if node.op != "get_attr" and (value is None or value.single() in self.free):
                    self.parameters[node] = [p for n in node.all_input_nodes for p in self.parameters.get(n, [])]

    def visit(self, node: fx.Node) -> Layout | None:
        if node.op == "placeholder" and "shape" in node.meta:
            shape = node.meta["shape"]
            return fixed(shape[1], Pin("input", "is the network's input", "boundary")) if len(shape) > 1 else None
        if node.op == "get_attr":
            return self.parameter(node)
        if node.op == "call_module":
            return self.layer(node)
        if node.op in ("call_function", "call_method"):
            return self.function(node)
        if node.op == "output":
            self.boundary(node)
        return None

    def layer(self, node: fx.Node) -> Layout | None:
        module = self.modules[node.target]
        if len(self.tensors(node)) != 1:
            return self.unknown(node)
        # not by looking at the weight itself: a parametrization may change when it is asked
        if "weight" in vars(module) or hasattr(type(module), "weight"):
            return self.unknown(node, "computes its weight from other tensors")
        if is_dropout(module):
            return self.values[self.tensors(node)[0]]
        rule = next((rule for rule in self.rules if isinstance(module, rule.kinds)), None)
        return self.unknown(node) if rule is None else rule.apply(self, node)

    def function(self, node: fx.Node) -> Layout | None:
        rule = self.functions.get(function_name(node))
        if rule is not None:
            return rule(self, node)
        if "shape" not in node.meta and node.users and all(user.op == "output" for user in node.users):
            return self.boundary(node)  # a tuple with names, say
        return self.unknown(node)

    # Helpers of the rules -------------------------------------------------------------------------

    def layouts(self, node: fx.Node) -> list[Layout]:
        return [self.values[n] for n in node.all_input_nodes if self.values[n] is not None]

    def tensors(self, node: fx.Node) -> list[fx.Node]:
        return [n for n in node.all_input_nodes if "shape" in n.meta]

    def refuse(self, node: fx.Node, reason: str | None = None) -> None:
        """Refuse to widen what goes into ``node``; what comes out has no known channels."""
        kind = type(self.modules[node.target]).__name__ if node.op == "call_module" else "an operation"
        reason = reason or f"is {kind}, which is not known to preserve copied channels"
        for layout in self.layouts(node):
            layout.pin(Pin(place(node), reason))
        self.lost[node] = self.layouts(node)

    def unknown(self, node: fx.Node, reason: str | None = None) -> None:
        """As :meth:`refuse`, and what comes out is channels that cannot be widened, if it is made of parameters."""
        self.refuse(node, reason)
        makers = [name for n in node.all_input_nodes for name in self.parameters.get(n, [])]
        if node.op == "call_module" and any(True for _ in self.modules[node.target].parameters()):
            makers.append(place(node))
        for name in makers:
            self.found.opaque.setdefault(name, place(node))

    def record(self, name: str, rows: Layout, columns: Layout | None = None) -> None:
        """Note a layer, or tie the channels of its second call to those of its first."""
        if name in self.tied:
            pin = Pin(name, f"shares a parameter with {self.tied[name]!r}")
            for layout in (rows, columns):
                if layout is not None:
                    layout.pin(pin)
        first = self.found.layers.get(name)
        if first is None:
            self.found.layers[name] = Layer(name, self.modules[name], rows, columns)
            return
        self.same(first.rows, rows.at(first.rows.dim), name)
        if columns is not None and first.columns is not None:
            self.same(first.columns, columns.at(first.columns.dim), name)

    def same(self, first: Layout, second: Layout, where: str) -> None:
        """Two layouts must stay the same, by their axes or else by a check of what is drawn."""
        if tie(first, second, where):
            self.found.checks.append(Check(where, first, second))

    def evenly(self, layout: Layout, where: str, blocks: int = 1) -> None:
        """Every entry of ``layout`` must be copied equally often, within each of ``blocks`` equal blocks."""
        single = layout.single()
        if single is not None and single.size % blocks == 0:
            single.keep_even(where)
            if blocks > 1:
                single.keep_blocks(blocks, where)
            return
        layout.keep_whole(where)
        self.found.checks.append(Check(where, layout, blocks=blocks))

    def parameter(self, node: fx.Node) -> Layout | None:
        """A parameter that the code itself uses: one list of channels, if only one of its dimensions is larger than 1."""
        shape = node.meta.get("shape", ())
        self.parameters[node] = [str(node.target)]
        large = [dim for dim, size in enumerate(shape) if size > 1]
        if len(large) != 1 or not self.own(node):
            return None
        axis = Axis(shape[large[0]])
        self.free[axis] = str(node.target), large[0]
        return Layout(large[0], (Segment(axis),))

    def own(self, node: fx.Node) -> bool:
        """Whether a parameter or buffer belongs to the network's own code and not to a layer that has a rule."""
        owner, _, name = str(node.target).rpartition(".")
        module = self.modules.get(owner)
        known = module is None or isinstance(module, KNOWN) or owner in self.tied or hasattr(module, "parametrizations")
        return not known and (name in module._parameters or name in module._buffers)

    def bind(self, name: str, layout: Layout, where: str) -> None:
        """The parameter ``name`` lies along ``layout``."""
        first = self.found.vectors.setdefault(name, layout)
        if first is not layout:
            self.same(first, layout, where)

    def boundary(self, node: fx.Node) -> None:
        """What is returned keeps its size."""
        returned = [layout for n in node.all_input_nodes for layout in self.lost.get(n, [])]
        for value in [*self.layouts(node), *returned]:
            value.pin(Pin("output", "is the network's output", "boundary"))


def fixed(size: int, pin: Pin, dim: int = 1) -> Layout:
    """The layout of an axis that keeps its size."""
    return Layout(dim, (Segment(Axis(size, pins=[pin])),))


def function_name(node: fx.Node) -> str:
    """The name of a function or method, without the underscore of its form that works in place."""
    name = node.target if node.op == "call_method" else getattr(node.target, "__name__", "")
    return name.rstrip("_")


def argument(node: fx.Node, position: int, name: str, default=None):
    """An argument of a call by its position or its name."""
    return node.args[position] if len(node.args) > position else node.kwargs.get(name, default)
