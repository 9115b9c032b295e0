"""What sums, products and concatenations do to channels."""

from torch import fx

from .axes import Layout, Pin
from .trace import place
from .walk import Walk, argument, fixed


def arithmetic(walk: Walk, node: fx.Node) -> Layout | None:
    """Sum, product, ... of tensors: equal channels stay equal if both operands are copied alike."""
    ndim = len(node.meta.get("shape", ()))
    known = [n for n in walk.tensors(node) if walk.values[n] is not None]
    known.sort(key=lambda n: walk.values[n].single() in walk.free)  # what has met its channels comes first
    result = None
    for n in known:  # count dimensions from the right, as broadcasting does
        x = walk.values[n]
        x = x.at(x.dim + ndim - len(n.meta["shape"]))
        if x.size == 1 and node.meta["shape"][x.dim] != 1:
            x.pin(Pin(place(node), "spreads a single channel over all others"))
        elif result is None:
            result = x
        elif x.single() in walk.free:
            _meet(walk, node, n, result)
        else:
            walk.same(result, x, place(node))
    for n in walk.tensors(node):
        if result is None or walk.values[n] is not None:
            continue
        shape = (1,) * (ndim - len(n.meta["shape"])) + n.meta["shape"]
        if shape[result.dim] != 1 and not _meets_whole(walk, node, n, result):
            return walk.unknown(node, "combines channels with a tensor of fixed size")
    return result


def _meet(walk: Walk, node: fx.Node, n: fx.Node, result: Layout) -> None:
    """A parameter with one list of channels meets them: it is widened with them, wherever it was viewed on the way."""
    x = walk.values[n]
    if x.dim + len(node.meta["shape"]) - len(n.meta["shape"]) != result.dim or x.size != result.size:
        walk.unknown(node, "combines channels with a tensor of fixed size")
    else:
        name, dim = walk.free[x.single()]
        walk.bind(name, result.at(dim), place(node))


def _meets_whole(walk: Walk, node: fx.Node, n: fx.Node, result: Layout) -> bool:
    """A parameter with several dimensions, a place of its own for every position, say, is widened along one of them."""
    if n.op != "get_attr" or not walk.own(n):
        return False
    walk.bind(str(n.target), result.at(result.dim - len(node.meta["shape"]) + len(n.meta["shape"])), place(node))
    return True


def concatenation(walk: Walk, node: fx.Node) -> Layout | None:
    """Channels of several tensors one after another; or tensors one after another that must be copied alike."""
    parts = list(argument(node, 0, "tensors", ()))
    dim = argument(node, 1, "dim", argument(node, 1, "axis", 0)) % len(node.meta["shape"])
    known = [walk.values[n] for n in parts if walk.values[n] is not None]
    if not known or any(layout.dim != known[0].dim for layout in known):
        return walk.unknown(node)
    if dim != known[0].dim:
        for layout in known[1:]:
            walk.same(known[0], layout, place(node))
        return known[0] if len(known) == len(parts) else walk.unknown(node)
    segments = ()
    for n in parts:
        layout = walk.values[n] or fixed(n.meta["shape"][dim], Pin(place(node), "has unknown channels"))
        segments += layout.segments
    return Layout(dim, segments)


def question(walk: Walk, node: fx.Node) -> None:
    """A shape, a size, a number format: the student asks again. A tensor taken that way (``x.T``) is not known."""
    if "shape" in node.meta:
        walk.unknown(node)
