"""The graph of a network, in evaluation and in training mode, with the shape of every tensor."""

import copy
import inspect
import warnings

import torch
from torch import Tensor, fx, nn
from torch.nn.parameter import UninitializedTensorMixin

from ..errors import InputError
from .operations import KNOWN

# A subclass of a layer that has none of these of its own computes what the layer does.
_COMPUTING = {"forward", "_conv_forward", "__call__", "_call_impl", "__getattr__", "__getattribute__"}


def is_dropout(module: nn.Module) -> bool:
    """Dropout of any kind, a user's own DropBlock or stochastic depth included, by its name."""
    name = type(module).__name__.lower()
    return ("drop" in name or "stochasticdepth" in name) and not module.state_dict()


def is_plain(module: nn.Module) -> bool:
    """Whether ``module`` is one of torch's layers, or of a class that adds nothing to what such a layer computes."""
    classes = type(module).__mro__
    base = next((at for at, cls in enumerate(classes) if cls in KNOWN), None)
    if base is None:
        return False
    own = set(vars(module)).union(*(vars(cls) for cls in classes[:base]))
    return not own & _COMPUTING


def duplicate(model: nn.Module) -> nn.Module:
    """A copy of ``model``, also where a hook has left a computed tensor on a module, which ``deepcopy`` refuses."""
    memo = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor) and value.grad_fn is not None:
                memo[id(value)] = value.detach().clone()
    return copy.deepcopy(model, memo)


class _Tracer(fx.Tracer):
    """torch.fx's tracer; regularizers are kept whole, since their random masks say nothing about channels."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_dropout(m) or is_plain(m) or super().is_leaf_module(m, module_qualified_name)


class _Shapes(fx.Interpreter):
    """Runs a graph; notes the shape of every tensor in ``node.meta["shape"]``, whole numbers in ``meta["value"]``."""

    def run_node(self, n: fx.Node):
        result = super().run_node(n)
        if isinstance(result, Tensor):
            n.meta["shape"] = tuple(result.shape)
        elif isinstance(result, int) and not isinstance(result, bool):
            n.meta["value"] = result
        elif isinstance(result, tuple | list) and result and all(isinstance(part, Tensor) for part in result):
            n.meta["shapes"] = [tuple(part.shape) for part in result]
        return result


def symbolic_graph(module: nn.Module) -> fx.GraphModule:
    """``module`` traced as it stands; optional arguments of ``forward`` take their defaults.

    Raises:
        InputError: its code cannot be traced.
    """
    parameters = inspect.signature(module.forward).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
    try:
        return fx.GraphModule(module, _Tracer().trace(module, concrete_args=defaults or None))
    except Exception as error:  # whatever the user's forward does with a stand-in for a tensor
        raise InputError(
            f"{type(module).__name__} cannot be traced by torch.fx ({first_line(error)}); "
            "growth needs a forward whose path does not depend on the values of tensors"
        ) from error


def graphs(model: nn.Module, example_input: Tensor) -> list[fx.GraphModule]:
    """The graphs of ``model`` in evaluation and in training mode (auxiliary heads may run in one alone).

    The model is not changed: a copy is traced and run. ``example_input`` is a batch of images on the model's
    device.

    Raises:
        InputError: the network cannot be traced or does not run on ``example_input``.
    """
    for name, tensor in model.state_dict(keep_vars=True).items():
        if isinstance(tensor, UninitializedTensorMixin):
            raise InputError(f"{name!r} of {type(model).__name__} has no shape yet; run the network once before")
    model = duplicate(model)
    example_input = at_least_two(example_input)
    devices = [example_input.device] if example_input.is_cuda else []
    traced = []
    for training in (False, True):
        graph = symbolic_graph(model.train(training))
        with torch.no_grad(), torch.random.fork_rng(devices), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                shapes = _Shapes(graph)
                shapes.extra_traceback = False  # composing it would import torch's compiler, which takes seconds
                shapes.run(example_input)
            except Exception as error:
                name, shape = type(model).__name__, tuple(example_input.shape)
                raise InputError(f"{name} does not run on an example_input of {shape} ({first_line(error)})") from error
        traced.append(graph)
    return traced


def at_least_two(images: Tensor) -> Tensor:
    """A batch of one twice: batch norm in training mode refuses a single value per channel."""
    return images.repeat(2, *[1] * (images.ndim - 1)) if len(images) == 1 else images


def place(node: fx.Node) -> str:
    """The layer's name, or for a function its name and the module whose code calls it."""
    if node.op == "call_module":
        return str(node.target)
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    stack = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values() if path]
    return f"{name} in {stack[-1]}" if stack else str(name)


def first_line(error: Exception) -> str:
    """The first line of an error's text, or the name of its class."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
