"""Net2DeeperNet: layers inserted so that the network computes what it computed before.

After a convolution or linear layer (and its batch norm) an identity layer of the same kernel size goes in, in
the order of the paper: phi(N'(I phi(N(W x)))), where N' has the measured mean and variance as statistics and,
to undo them, as shift and scale, so that it changes nothing in evaluation mode. This needs
phi(phi(v)) = phi(v). Where no activation follows directly (before a residual sum, say) the inserted layer is
linear. After a residual block goes a block of the same kind whose branch ends in zeros.
"""

import copy
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, fx, nn

from ...channels.operations import (
    BATCH_NORMS,
    CONVOLUTIONS,
    DENSE,
    IDEMPOTENT,
    IDEMPOTENT_NAMES,
    NORMS,
    NOT_IDEMPOTENT,
    NOT_IDEMPOTENT_NAMES,
)
from ...channels.trace import duplicate, graphs, is_dropout, is_plain, symbolic_graph
from ...errors import InputError
from .calibration import as_batches, check_data, measure_identity_

_KINDS = "it is not a convolution, a linear layer or a residual block that adds its unchanged input"


def deepen_(
    model: nn.Module,
    insert: Sequence[str],
    example_input: Tensor,
    data: Tensor | Iterable[Tensor] | None,
    generator: torch.Generator,
) -> tuple[dict[str, nn.Module], list[nn.Module]]:
    """Insert one layer or block, in place, after each name in ``insert`` (a name given twice gets two).

    A name is a convolution, a linear layer or a residual block; a pattern with ``*`` stands for every
    convolution it matches. Each becomes an ``nn.Sequential`` of what was there, called ``layer``, and what is
    new. ``data``: training images, one batch or several, for the statistics of inserted batch norms; not
    needed where the network has none. A layer that is registered under several names is replaced under all.

    Returns:
        What stands now at each name, and the inserted batch norms.

    Raises:
        InputError: an unknown name, or a place where insertion is not the identity; the message names it.
    """
    sites = Counter(_expand(model, insert))
    layers = {name: n for name, n in sites.items() if isinstance(model.get_submodule(name), DENSE)}
    blocks = {name: n for name, n in sites.items() if name not in layers}
    traced = graphs(model, example_input) if layers else []
    plans = {name: _site(model, traced, name) for name in layers}  # all refusals come before the first change
    if any(norm is not None for _, norm, _ in plans.values()):
        check_data(data, next(name for name, (_, norm, _) in plans.items() if norm is not None))
    new_blocks = {name: [_empty_block(model, name, generator) for _ in range(blocks[name])] for name in blocks}
    new_norms: list[nn.Module] = []
    wrapped: dict[str, nn.Module] = {}
    for name, (last, norm, activation) in plans.items():
        parts: list[tuple[str, nn.Module]] = []
        for i in range(1, layers[name] + 1):
            if activation is not None:
                parts.append((f"activation{i}", copy.deepcopy(activation)))
            parts.append((f"identity{i}", _identity_like(model.get_submodule(name))))
            if norm is not None:
                new_norms.append(_norm_like(norm, parts[-1][1].weight))
                parts.append((f"norm{i}", new_norms[-1]))
        wrapped[name] = _wrap_(model, last, parts)
    for name in sorted(new_blocks, key=lambda n: n.count("."), reverse=True):  # inner blocks first
        wrapped[name] = _wrap_(model, name, [(f"block{i}", block) for i, block in enumerate(new_blocks[name], 1)])
    if new_norms:
        measure_identity_(model, new_norms, as_batches(data))
    return wrapped, new_norms


def fill_new_(target: nn.Module, names: Sequence[str], data: Tensor | Iterable[Tensor] | None) -> list[nn.Module]:
    """Make the layers of ``target`` that the teacher lacks the identity, in place; returns the new batch norms.

    Residual blocks get a branch that ends in zeros and keep their other weights; convolutions and linear
    layers become the identity, batch norms get measured statistics. Whether the place allows it is left to a
    comparison with the teacher.
    """
    norms, pending = [], list(names)
    while pending:
        name = pending.pop(0)
        module = target.get_submodule(name)
        if isinstance(module, DENSE):
            _identity_(name, module)
        elif isinstance(module, BATCH_NORMS):
            norms.append((name, module))
        elif isinstance(module, nn.Sequential | nn.ModuleList):
            pending += [f"{name}.{child}" for child, _ in module.named_children()]
        elif any(True for _ in module.parameters()):
            _zero_branch_(name, module)
    if norms:
        check_data(data, norms[0][0])
        measure_identity_(target, [module for _, module in norms], as_batches(data))
    return [module for _, module in norms]


def _expand(model: nn.Module, insert: Sequence[str]) -> list[str]:
    """The names that are meant, each by the first under which its layer is registered."""
    first = {module: name for name, module in model.named_modules()}
    modules = dict(model.named_modules(remove_duplicate=False))
    names = []
    for name in insert:
        if "*" in name:
            matches = [first[m] for n, m in modules.items() if isinstance(m, CONVOLUTIONS) and fnmatchcase(n, name)]
            if not matches:
                raise InputError(f"insert: no convolution matches {name!r}")
            names += dict.fromkeys(matches)
        elif not name or name not in modules:
            raise InputError(f"insert: the network has no layer {name!r}; named_modules() lists them")
        else:
            names.append(first[modules[name]])
    return names


# Plain layers -------------------------------------------------------------------------------------


def _site(
    model: nn.Module, traced: Sequence[fx.GraphModule], name: str
) -> tuple[str, nn.Module | None, nn.Module | None]:
    """Where to insert for layer ``name``: (the module to insert after, its batch norm, the activation)."""
    layer = model.get_submodule(name)
    if isinstance(layer, CONVOLUTIONS) and any(k % 2 == 0 for k in layer.kernel_size):
        raise InputError(f"cannot deepen at {name!r}: an even kernel {layer.kernel_size} has no center tap")
    found = []
    for graph in traced:
        calls = [n for n in graph.graph.nodes if n.op == "call_module" and n.target == name]
        if len(calls) > 1:
            raise InputError(f"cannot deepen at {name!r}: one forward pass calls it {len(calls)} times")
        found += [_tail(model, graph, calls[0])] if calls else []
    if not found:
        why = (
            "the forward pass does not call it"
            if is_plain(layer)
            else f"{type(layer).__name__} has a forward of its own"
        )
        raise InputError(f"cannot deepen at {name!r}: {why}")
    if len({(last, type(activation)) for last, activation in found}) > 1:
        raise InputError(f"cannot deepen at {name!r}: what follows it differs in training and evaluation")
    last, activation = found[0]
    norm = model.get_submodule(last)
    norm = norm if isinstance(norm, BATCH_NORMS) else None
    evaluation = traced[0].graph.nodes
    if norm is not None and not any(n.op == "call_module" and n.target == name for n in evaluation):
        raise InputError(f"cannot deepen at {name!r}: only training runs it, so batch norm cannot be measured")
    return last, norm, activation


def _tail(model: nn.Module, graph: fx.GraphModule, node: fx.Node) -> tuple[str, nn.Module | None]:
    """The normalization after ``node`` if there is one, and the activation after that."""
    name = last = str(node.target)
    users = list(node.users)
    if len(users) == 1 and users[0].op == "call_module":
        follower = str(users[0].target)
        calls = sum(n.op == "call_module" and n.target == follower for n in graph.graph.nodes)
        if isinstance(model.get_submodule(follower), NORMS) and calls == 1:
            last, users = follower, list(users[0].users)
    repeated: nn.Module | None = None
    for user in users:
        label, activation = _activation(model, user)
        if label is not None:
            raise InputError(f"cannot deepen at {name!r}: {label} follows, and twice is not the same as once")
        if len(users) == 1:
            repeated = activation
    return last, repeated


def _activation(model: nn.Module, node: fx.Node) -> tuple[str | None, nn.Module | None]:
    """(name of an activation that must not be repeated, None), or (None, one that may be, if it is one)."""
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        if isinstance(module, NOT_IDEMPOTENT):
            return type(module).__name__, None
        if isinstance(module, IDEMPOTENT):
            fresh = copy.deepcopy(module)
            if hasattr(fresh, "inplace"):
                fresh.inplace = False
            return None, fresh
        return None, None
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    name = name.rstrip("_")
    if name in NOT_IDEMPOTENT_NAMES:
        return name, None
    return None, IDEMPOTENT_NAMES[name]() if name in IDEMPOTENT_NAMES else None


def _identity_like(layer: nn.Module) -> nn.Module:
    """A stride-1 layer with the kernel, groups and bias of ``layer`` that returns what ``layer`` puts out."""
    like = next(layer.parameters())  # the weight itself may be computed, and change when it is looked at
    options = {"bias": layer.bias is not None, "device": like.device, "dtype": like.dtype}
    n = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
    # Constructors draw from the global generator, which is the caller's.
    with torch.random.fork_rng([like.device] if like.is_cuda else []):
        if isinstance(layer, nn.Linear):
            identity = nn.Linear(n, n, **options)
        else:
            options |= {"padding": tuple(k // 2 for k in layer.kernel_size), "groups": layer.groups}
            identity = _torch_class(layer)(n, n, layer.kernel_size, **options)
    _identity_("", identity)
    return identity


def _identity_(name: str, layer: nn.Module) -> None:
    """Dirac kernel or identity matrix, bias zero."""
    if layer.weight.shape[0] != layer.weight.shape[1] * getattr(layer, "groups", 1):
        raise InputError(f"layer {name!r} is new; as it changes the channels it cannot start as the identity")
    if isinstance(layer, nn.Linear):
        nn.init.eye_(layer.weight)
    elif any(s != 1 for s in layer.stride) or any(k % 2 == 0 for k in layer.kernel_size):
        raise InputError(f"layer {name!r} is new; only stride 1 and an odd kernel can start as the identity")
    else:
        nn.init.dirac_(layer.weight, layer.groups)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def _torch_class(layer: nn.Module) -> type[nn.Module]:
    """Torch's own class of a layer, whose constructor is known, where the layer is of a subclass."""
    return next(cls for cls in type(layer).__mro__ if cls in (*DENSE, *BATCH_NORMS))


def _norm_like(norm: nn.Module, weight: Tensor) -> nn.Module:
    """A fresh batch norm with the settings of ``norm``; affine, as its scale must undo the normalization."""
    return _torch_class(norm)(norm.num_features, norm.eps, norm.momentum, device=weight.device, dtype=weight.dtype)


def _wrap_(model: nn.Module, name: str, parts: list[tuple[str, nn.Module]]) -> nn.Module:
    """Put what was at ``name`` and ``parts`` in a sequence, wherever that layer is registered."""
    layer = model.get_submodule(name)
    wrapped = nn.Sequential(OrderedDict([("layer", layer), *parts]))
    wrapped.training = layer.training
    for _, part in parts:
        part.train(layer.training)
    places = [
        (parent, child) for parent in model.modules() for child, module in parent._modules.items() if module is layer
    ]
    for parent, child in places:
        setattr(parent, child, wrapped)
    return wrapped


# Residual blocks ----------------------------------------------------------------------------------


def _empty_block(model: nn.Module, name: str, generator: torch.Generator) -> nn.Module:
    """A new block like ``name``: weights drawn afresh (He et al. 2015), but its branch ends in zeros."""
    block = duplicate(model.get_submodule(name))
    for child_name, module in block.named_modules():
        if isinstance(module, DENSE):
            fan_in = module.weight[0].numel()
            draws = torch.randn(module.weight.shape, generator=generator, device=generator.device)
            with torch.no_grad():
                module.weight.copy_(draws * (2 / fan_in) ** 0.5)
                if module.bias is not None:
                    module.bias.zero_()
        elif isinstance(module, NORMS):
            module.reset_parameters()
        elif module._parameters and any(p is not None for p in module._parameters.values()):
            raise InputError(
                f"cannot deepen at {name!r}: a {type(module).__name__} ({child_name}) cannot be drawn afresh"
            )
    _zero_branch_(name, block)
    return block


def _zero_branch_(name: str, block: nn.Module) -> None:
    """Set the last layer of a residual block's branch to zero, in place, so that the block returns its input.

    The block's final activation, if any, must leave its own outputs unchanged: what enters has passed it
    before.
    """
    graph = symbolic_graph(block).graph
    refuse = f"cannot deepen at {name!r}: "
    source = next(n for n in graph.nodes if n.op == "placeholder")
    node = next(n for n in graph.nodes if n.op == "output").args[0]
    if not isinstance(node, fx.Node):
        raise InputError(refuse + _KINDS)
    label, activation = _activation(block, node) if node.op != "placeholder" else (None, None)
    if label is not None:
        raise InputError(refuse + f"it ends in {label}, and twice is not the same as once")
    if activation is not None:
        node = node.all_input_nodes[0]
    operands = node.all_input_nodes
    adds = getattr(node.target, "__name__", str(node.target)).rstrip("_") in ("add", "iadd")
    if not adds or len(operands) != 2 or source not in operands:
        raise InputError(refuse + _KINDS)
    end = next(n for n in operands if n is not source)
    while end.op == "call_module" and is_dropout(block.get_submodule(str(end.target))):
        end = end.all_input_nodes[0]
    last = block.get_submodule(str(end.target)) if end.op == "call_module" else None
    calls = sum(n.op == "call_module" and n.target == end.target for n in graph.nodes)
    if not isinstance(last, (*DENSE, *NORMS)) or last.weight is None or calls > 1:
        raise InputError(refuse + "its branch does not end in a normalization or weight layer of its own")
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)
