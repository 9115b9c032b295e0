"""What layers do to channels, called as modules or as functions with a layer's own tensors."""

from torch import fx, nn

from .axes import Axis, Layout, Pin, Segment
from .operations import AVERAGING_NORMS, CONVOLUTIONS, PER_CHANNEL_NORMS
from .walk import Walk, argument, fixed


def called(walk: Walk, node: fx.Node) -> tuple[str, nn.Module, fx.Node]:
    """The name and the module of a layer, and the tensor it is given, by whichever way it is called."""
    given = node.all_input_nodes[0]
    name = str(node.target) if node.op == "call_module" else str(weight_of(node).target).rpartition(".")[0]
    return name, walk.modules[name], given


def weight_of(node: fx.Node) -> fx.Node | None:
    """The tensor that a function such as ``conv2d`` takes as its weight."""
    positions = {"batch_norm": 3, "instance_norm": 3, "layer_norm": 2, "group_norm": 2}
    return argument(node, positions.get(node.target.__name__, 1), "weight")


def function(walk: Walk, node: fx.Node) -> Layout | None:
    """``conv2d``, ``layer_norm`` and their like, called with the tensors of a layer: as if that layer were called."""
    kinds = {"conv1d": nn.Conv1d, "conv2d": nn.Conv2d, "conv3d": nn.Conv3d, "linear": nn.Linear}
    kinds |= {"layer_norm": nn.LayerNorm, "group_norm": nn.GroupNorm}
    kinds |= {"batch_norm": PER_CHANNEL_NORMS, "instance_norm": PER_CHANNEL_NORMS}
    weight = weight_of(node) if node.op == "call_function" else None
    if not isinstance(weight, fx.Node) or weight.op != "get_attr" or "shape" not in node.meta:
        return walk.unknown(node)
    owner, _, key = str(weight.target).rpartition(".")
    module, kind = walk.modules.get(owner), kinds[node.target.__name__]
    others = [n for n in node.all_input_nodes[1:] if n.op != "get_attr" or not str(n.target).startswith(f"{owner}.")]
    if key != "weight" or not isinstance(module, kind) or any("shape" in n.meta for n in others):
        return walk.unknown(node)
    rules = ((CONVOLUTIONS, convolution), (nn.Linear, linear), (AVERAGING_NORMS, averaging_norm))
    return next((rule for kinds, rule in rules if isinstance(module, kinds)), per_channel)(walk, node)


def _born(walk: Walk, node: fx.Node, name: str, size: int, dim: int) -> Layout:
    """The output axis of a convolution or linear layer, the same one in every graph and call."""
    walk.made.add(node)
    if name in walk.found.layers:
        return walk.found.layers[name].rows.at(dim)
    return Layout(dim, (Segment(Axis(size, layers=[name])),))


def convolution(walk: Walk, node: fx.Node) -> Layout | None:
    """The channels it makes are its own; its groups are kept; a depthwise one repeats those that it is given."""
    name, module, given = called(walk, node)
    x, groups = walk.values[given], module.groups
    if x is None or x.dim != len(given.meta["shape"]) - len(module.kernel_size) - 1:
        walk.refuse(node)
        x = fixed(module.in_channels, Pin(name, "reads channels whose origin is not known"), 1)
    if 1 < groups == module.in_channels:  # depthwise: channel c makes the outputs c*m to c*m + m - 1
        out = x.repeated(module.out_channels // groups)
        walk.record(name, out)
        return out
    out = _born(walk, node, name, module.out_channels, x.dim)
    walk.record(name, out, x)
    if groups > 1:
        single = x.single()
        if single is not None and single.size % groups == 0:
            single.keep_blocks(groups, name)
        else:
            x.keep_whole(name)
        out.segments[0].axis.keep_blocks(groups, name)
    return out


def linear(walk: Walk, node: fx.Node) -> Layout | None:
    """The features it makes are its own."""
    name, module, given = called(walk, node)
    x, last = walk.values[given], len(node.meta["shape"]) - 1
    if x is None or x.dim != last:
        walk.refuse(node)
        x = fixed(module.in_features, Pin(name, "reads features whose origin is not known"), last)
    out = _born(walk, node, name, module.out_features, last)
    walk.record(name, out, x)
    return out


def per_channel(walk: Walk, node: fx.Node) -> Layout | None:
    """Batch norm, instance norm, PReLU with a slope per channel: one entry per channel in each tensor."""
    name, module, given = called(walk, node)
    x, state = walk.values[given], module.state_dict()
    if x is None or x.dim != 1:
        walk.refuse(node, "acts on a dimension that is not known to be the channels'")
        if state:
            size = len(next(iter(state.values())))
            walk.record(name, fixed(size, Pin(name, "acts on channels whose origin is not known")))
        return None
    walk.record(name, x)
    return x


def slopes(walk: Walk, node: fx.Node) -> Layout | None:
    """PReLU: with one slope for all it is like any activation."""
    module = walk.modules[node.target]
    return per_channel(walk, node) if module.num_parameters > 1 else walk.values[walk.tensors(node)[0]]


def averaging_norm(walk: Walk, node: fx.Node) -> Layout | None:
    """Group and layer norm: unchanged only if every channel (of a group) is copied equally often."""
    name, module, given = called(walk, node)
    x = walk.values[given]
    if x is None:
        return None
    if isinstance(module, nn.LayerNorm):
        first = len(given.meta["shape"]) - len(module.normalized_shape)
        if x.dim < first:
            return x
        groups, aligned = 1, x.dim == first
    else:
        groups, aligned = module.num_groups, x.dim == 1
    if not aligned or x.size % groups:
        return walk.refuse(node, f"averages over channels of different origin ({type(module).__name__})")
    walk.evenly(x, name, groups)
    walk.record(name, x)
    return x


def mixing(walk: Walk, node: fx.Node) -> None:
    """A sum over neighboring channels, which are others when copies stand among them."""
    walk.refuse(node, f"mixes neighboring channels ({type(walk.modules[node.target]).__name__})")
