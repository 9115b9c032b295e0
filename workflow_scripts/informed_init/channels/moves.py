"""Where channels go when a tensor is reshaped, reordered, cut, pooled or reduced."""

import re
from collections.abc import Iterable, Sequence
from math import prod

from torch import fx

from .axes import Cut, Layout, Pin, Shuffle
from .trace import place
from .walk import Walk, argument, function_name

Shape = Sequence[int]


def source(walk: Walk, node: fx.Node) -> tuple[Layout | None, Shape, Shape]:
    """The layout and the shape of the one tensor that goes in, and the shape that comes out."""
    (given,) = walk.tensors(node)
    return walk.values[given], given.meta["shape"], node.meta["shape"]


def one_tensor(rule):
    """A rule that holds for one tensor that goes in and one that comes out; others are refused."""

    def apply(walk: Walk, node: fx.Node) -> Layout | None:
        if len(walk.tensors(node)) != 1 or "shape" not in node.meta:
            return walk.unknown(node)
        return None if walk.values[walk.tensors(node)[0]] is None else rule(walk, node)

    return apply


@one_tensor
def same(walk: Walk, node: fx.Node) -> Layout | None:
    """Entry for entry."""
    return source(walk, node)[0]


# Pooling and the like -----------------------------------------------------------------------------


def mixed_dimensions(name: str) -> int | None:
    """How many of the last dimensions an operation mixes, from its name; ``None``: all after the second."""
    digit = re.search(r"([123])d$", name)
    return int(digit[1]) if digit else None


@one_tensor
def spatial(walk: Walk, node: fx.Node) -> Layout | None:
    """Pooling, padding and resizing: nothing happens across the channels, if these are not among what is mixed."""
    x, before, _ = source(walk, node)
    name = type(walk.modules[node.target]).__name__ if node.op == "call_module" else function_name(node)
    mixed = mixed_dimensions(name)
    first = 2 if mixed is None else len(before) - mixed
    if x.dim < first:
        return x
    return walk.unknown(node, f"mixes neighboring channels ({name} of a tensor with {len(before)} dimensions)")


@one_tensor
def pad(walk: Walk, node: fx.Node) -> Layout | None:
    """Padding of dimensions behind the channels."""
    x, before, _ = source(walk, node)
    return x if len(argument(node, 1, "pad", ())) // 2 < len(before) - x.dim else walk.unknown(node)


@one_tensor
def softmax(walk: Walk, node: fx.Node) -> Layout | None:
    """Softmax over another dimension than the channels'."""
    x, before, _ = source(walk, node)
    if node.op == "call_module":
        module = walk.modules[node.target]
        name, dim = type(module).__name__, module.dim
    else:
        name, dim = function_name(node), argument(node, 1, "dim")
    if isinstance(dim, int) and dim % len(before) != x.dim:
        return x
    return walk.unknown(node, f"is {name}, which is not known to preserve copied channels")


@one_tensor
def reduce(walk: Walk, node: fx.Node) -> Layout | None:
    """Over other dimensions; over the channels themselves a mean stays, if all are copied equally often, and an extreme."""
    x, before, after = source(walk, node)
    dims = argument(node, 1, "dim")
    dims = range(len(before)) if dims is None else [dims] if isinstance(dims, int) else dims
    if not isinstance(dims, Iterable):
        return walk.unknown(node, "reduces over the channels")
    dims = {d % len(before) for d in dims}
    if x.dim not in dims:
        removed = 0 if len(after) == len(before) else sum(d < x.dim for d in dims)
        return x.at(x.dim - removed)
    name = function_name(node)
    if name == "mean":
        walk.evenly(x, place(node))
    elif name == "sum":
        return walk.unknown(node, "sums over the channels")
    return None


# Reshaping ----------------------------------------------------------------------------------------


def reshaped(x: Layout, before: Shape, after: Shape) -> Layout | None:
    """Where the channels are in the new shape, neighbors in memory staying neighbors; ``None``: not in one dimension."""
    ahead, behind = prod(before[: x.dim]), prod(before[x.dim + 1 :])
    for dim, size in enumerate(after):
        if prod(after[:dim]) != ahead or size % x.size or (size == x.size == 1 and dim != x.dim):
            continue
        inner = size // x.size
        if prod(after[dim + 1 :]) * inner == behind:
            return x.repeated(inner).at(dim)
    return None


@one_tensor
def reshape(walk: Walk, node: fx.Node) -> Layout | None:
    """``view``, ``reshape``, ``flatten``, ``squeeze`` and ``unsqueeze`` that leave the channels in one dimension."""
    x, before, after = source(walk, node)
    layout = reshaped(x, before, after)
    if layout is None:
        return _view_shuffle(walk, node)
    _pin_literal(walk, node, x, layout.dim)
    return layout


def _pin_literal(walk: Walk, node: fx.Node, x: Layout, dim: int) -> None:
    """A size that the code holds as a number is the teacher's."""
    if function_name(node) not in ("view", "reshape"):
        return
    sizes = node.args[1:] if len(node.args) > 2 else argument(node, 1, "shape", argument(node, 1, "size", ()))
    sizes = list(sizes) if isinstance(sizes, list | tuple) else [sizes]
    number = sizes[dim] if dim < len(sizes) else None
    if isinstance(number, int) and number != -1 and x.single() not in walk.free:
        x.pin(Pin(place(node), f"holds the size {number} as a number in the code; use flatten or -1", "literal"))


def _view_shuffle(walk: Walk, node: fx.Node) -> Layout | None:
    """A view that splits the channels into groups: the first of three steps of a channel shuffle, or refused.

    The other two exchange the groups with the channels of a group, and view them as one dimension again; what the last
    one returns is noted with it (:attr:`.Walk.shuffled`).
    """
    x, before, after = source(walk, node)
    d = x.dim
    steps, shape = [node], list(after)
    split = len(after) == len(before) + 1 and after[:d] == before[:d] and after[d + 2 :] == before[d + 1 :]
    if not split or after[d] * after[d + 1] != x.size:
        return walk.unknown(node)
    swapped = False
    while len(steps[-1].users) == 1:
        user = next(iter(steps[-1].users))
        name = function_name(user) if user.op != "call_module" else ""
        if name in ("transpose", "swapaxes", "permute") and _order(user, len(shape)) == _exchanged(len(shape), d):
            swapped = not swapped
        elif swapped and name in ("view", "reshape", "flatten") and user.meta.get("shape") == tuple(before):
            walk.done.update(steps[1:])
            walk.moved[user] = x.after(Shuffle(after[d]), place(user))
            _pin_literal(walk, user, x, d)
            return None
        elif name != "contiguous":
            break
        steps.append(user)
    return walk.unknown(node)


def _exchanged(ndim: int, dim: int) -> list[int]:
    order = list(range(ndim))
    order[dim : dim + 2] = dim + 1, dim
    return order


def _order(node: fx.Node, ndim: int) -> list[int] | None:
    """The old dimension behind each new one, where ``node`` permutes or transposes; ``None`` if that is not told."""
    if function_name(node) == "permute":
        dims = node.args[1:] if len(node.args) > 2 else argument(node, 1, "dims", ())
        dims = list(dims) if isinstance(dims, list | tuple) else [dims]
        return [d % ndim for d in dims] if all(isinstance(d, int) for d in dims) else None
    pair = (
        argument(node, 1, "dim0", argument(node, 1, "axis0")),
        argument(node, 2, "dim1", argument(node, 2, "axis1")),
    )
    if not all(isinstance(d, int) for d in pair):
        return None
    first, second = (d % ndim for d in pair)
    order = list(range(ndim))
    order[first], order[second] = second, first
    return order


@one_tensor
def reorder(walk: Walk, node: fx.Node) -> Layout | None:
    """``permute`` and ``transpose``: the channels go along."""
    x, before, _ = source(walk, node)
    order = _order(node, len(before))
    return walk.unknown(node) if order is None else x.at(order.index(x.dim))


@one_tensor
def shuffle(walk: Walk, node: fx.Node) -> Layout | None:
    """Torch's own channel shuffle."""
    x, _, _ = source(walk, node)
    groups = walk.modules[node.target].groups if node.op == "call_module" else argument(node, 1, "groups")
    if x.dim != 1 or not isinstance(groups, int) or x.size % groups:
        return walk.unknown(node)
    return x.after(Shuffle(groups), place(node))


# Cutting ------------------------------------------------------------------------------------------


def cut(walk: Walk, node: fx.Node) -> None:
    """``chunk`` and ``split``: what they return is looked at part by part (:func:`part`)."""
    parts = all(function_name(user) == "getitem" and isinstance(user.args[1], int) for user in node.users)
    if "shapes" not in node.meta or len(walk.tensors(node)) != 1 or not parts:
        walk.unknown(node)


def part(walk: Walk, node: fx.Node) -> Layout | None:
    """``[...]``: of a tensor, or of what :func:`cut` returned."""
    whole = node.args[0]
    if (
        isinstance(whole, fx.Node)
        and "shapes" in whole.meta
        and function_name(whole) in ("chunk", "split", "tensor_split")
    ):
        return _chunk(walk, node, whole)
    if "shape" not in node.meta or not isinstance(whole, fx.Node) or "shape" not in whole.meta:
        return None  # of a shape: a number
    return _slices(walk, node)


def _chunk(walk: Walk, node: fx.Node, whole: fx.Node) -> Layout | None:
    (given,) = walk.tensors(whole)
    x, shapes = walk.values[given], whole.meta["shapes"]
    if x is None:
        return None
    dim = argument(whole, 2, "dim", 0)
    if not isinstance(dim, int):
        return walk.unknown(whole)
    if dim % len(shapes[0]) != x.dim:
        return x
    sizes = [shape[x.dim] for shape in shapes]
    index = node.args[1] % len(sizes)
    asked = argument(whole, 1, "chunks", argument(whole, 1, "split_size", argument(whole, 1, "split_size_or_sections")))
    if function_name(whole) == "split":
        _pin_numbers(x, [asked], place(whole))
    elif len(set(sizes)) > 1:
        return walk.unknown(whole)
    start = sum(sizes[:index])
    return x.after(Cut(start, start + sizes[index], x.size), place(whole))


def _pin_numbers(x: Layout, asked: Sequence, where: str) -> None:
    """Channel numbers that the code holds as numbers are the teacher's."""
    numbers = [n for a in asked for n in (a if isinstance(a, list | tuple) else [a]) if isinstance(n, int) and n]
    if numbers:
        x.pin(Pin(where, f"holds the size {numbers[0]} as a number in the code; use chunk", "literal"))


def _slices(walk: Walk, node: fx.Node) -> Layout | None:
    """Indexing: whole dimensions, single positions and new dimensions leave the channels as they are, a slice cuts them."""
    if len(walk.tensors(node)) != 1:
        return walk.unknown(node)
    x, before, _ = source(walk, node)
    if x is None:
        return None
    items = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
    if any(not (item is None or item is Ellipsis or isinstance(item, slice | int | fx.Node)) for item in items):
        return walk.unknown(node)
    taken = sum(item is not None and item is not Ellipsis for item in items)
    items = [i for item in items for i in ([slice(None)] * (len(before) - taken) if item is Ellipsis else [item])]
    old = new = 0
    for item in items:
        if old == x.dim and item is not None:
            break
        new += item is None or isinstance(item, slice)
        old += item is not None
    else:
        return x.at(new + x.dim - old)
    if item == slice(None):
        return x.at(new)
    if not isinstance(item, slice) or item.step not in (None, 1):
        return walk.unknown(node, "takes single channels")
    ends = [_number(end) for end in (item.start or 0, x.size if item.stop is None else item.stop)]
    if None in ends:
        return walk.unknown(node)
    _pin_numbers(x, (item.start, item.stop), place(node))
    start, stop, _ = slice(*ends).indices(x.size)
    return x.after(Cut(start, stop, x.size), place(node)).at(new) if stop > start else walk.unknown(node)


def _number(value) -> int | None:
    return value.meta.get("value") if isinstance(value, fx.Node) else value
