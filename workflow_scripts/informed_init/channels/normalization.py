"""Which layers are followed by a normalization: the scale of their weights then does not reach the rest of the network.

Found from the graph of the forward pass where ``torch.fx`` can trace it, else from the order in which modules were made.
"""

import copy
import inspect
from collections.abc import Iterable, Iterator

import torch
from torch import fx, nn

NORM_FUNCTIONS = ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "normalize")
WEIGHT_FUNCTIONS = ("linear", "conv", "matmul", "bmm", "einsum", "addmm", "attention", "bilinear")
SHAPE_NAMES = ("shape", "size", "dim", "ndim", "device", "dtype", "numel")
# normalizations by name alone: statistics that never change, neighbors instead of the whole channel, weights instead of values
NO_NORMS = ("frozen", "response", "weight", "spectral")


def is_norm(module: nn.Module) -> bool:
    """Whether a module divides by the spread of its input: by its name, so that other libraries' norms count, too."""
    name = type(module).__name__.lower()
    if not ("norm" in name or name.endswith("abn")) or any(word in name for word in NO_NORMS):
        return False
    return all(max(p.shape, default=1) == p.numel() for p in module.parameters())  # a block with a norm in it is none


def normalizers(model: nn.Module, layers: Iterable[nn.Module]) -> dict[nn.Module, str | None]:
    """For each of some layers of a model, the name of a norm that its output meets, before any other weight, on every path;
    None where there is a path to a weight or to the network's output without one."""
    graph = _graph(model)
    nodes: dict[str, list[fx.Node]] = {}
    for node in [] if graph is None else graph.nodes:
        if node.op == "call_module":
            nodes.setdefault(str(node.target), []).append(node)
    modules = dict(model.named_modules())
    names, in_order = {module: name for name, module in modules.items()}, _in_order(model)
    found = {}
    for layer in layers:
        norms = [_norm_behind(node, modules) for node in nodes.get(names[layer], [])] or [in_order.get(names[layer])]
        found[layer] = None if None in norms else norms[0]
    return found


def _norm_behind(node: fx.Node, modules: dict[str, nn.Module]) -> str | None:
    """A norm on every path from a node, else None."""
    norm, waiting, seen = None, list(node.users), set()
    while waiting:
        user = waiting.pop()
        if user in seen or _name(user) in SHAPE_NAMES:
            continue
        seen.add(user)
        if _normalizes(user, modules):
            norm = norm or str(user.target if user.op == "call_module" else _name(user))
        elif user.op == "output" or _has_weight(user, modules):
            return None
        else:
            waiting += user.users
    return norm


def _name(node: fx.Node) -> str:
    """The name of a function or method; of ``getattr`` that of the attribute."""
    if node.op == "call_function" and node.target is getattr:
        return str(node.args[1])
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")


def _normalizes(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return is_norm(modules[node.target])
    return node.op == "call_function" and _name(node) in NORM_FUNCTIONS


def _has_weight(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return _is_weighty(modules[node.target])
    return node.op != "get_attr" and any(word in _name(node) for word in WEIGHT_FUNCTIONS)


def _is_weighty(module: nn.Module) -> bool:
    """Whether a module has a weight that mixes values, more than one number a channel."""
    return any(max(p.shape, default=1) != p.numel() for p in module.parameters())


class _Tracer(fx.Tracer):
    """Keeps whole what has no parts, every norm, and torch's own modules."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return next(m.children(), None) is None or is_norm(m) or super().is_leaf_module(m, module_qualified_name)


def _graph(model: nn.Module) -> fx.Graph | None:
    """The graph of a model in training mode; None where its forward cannot be traced.

    A copy without values is traced: whatever its forward does to its tensors, or draws, leaves no trace.
    """
    state = torch.get_rng_state()
    try:
        tensors = [*model.parameters(), *model.buffers()]
        outline = copy.deepcopy(model, {id(tensor): _outline(tensor) for tensor in tensors}).train()
        for module in outline.modules():
            module._forward_hooks.clear()
            module._forward_pre_hooks.clear()
        parameters = inspect.signature(outline.forward).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
        return _Tracer().trace(outline, concrete_args=defaults or None)
    except Exception:  # whatever the user's forward does with a stand-in for a tensor
        return None
    finally:
        torch.set_rng_state(state)


def _outline(tensor: torch.Tensor) -> torch.Tensor:
    empty = torch.empty_like(tensor, device="meta")
    return nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty


def _in_order(model: nn.Module) -> dict[str, str | None]:
    """Layer -> the norm that was made next, if nothing else with a weight was made between them."""
    parts = list(_parts(model))
    found = {}
    for place, (name, _) in enumerate(parts):
        following = (part for part in parts[place + 1 :] if is_norm(part[1]) or _is_weighty(part[1]))
        next_name, module = next(following, ("", None))
        found[name] = next_name if module is not None and is_norm(module) else None
    return found


def _parts(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules that have no parts, and every norm."""
    for name, module in model.named_modules():
        if next(module.children(), None) is None or is_norm(module):
            yield name, module
