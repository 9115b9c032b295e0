"""The graph of a network, in evaluation and in training mode, with the shape of every tensor."""

import copy
import inspect
import warnings

import torch
from torch import Tensor, fx, nn

from ..errors import InputError


def is_dropout(module: nn.Module) -> bool:
    """Dropout of any kind, a user's own DropBlock or stochastic depth included, by its name."""
    name = type(module).__name__.lower()
    return ("drop" in name or "stochasticdepth" in name) and not module.state_dict()


class _Tracer(fx.Tracer):
    """torch.fx's tracer; regularizers are kept whole, since their random masks say nothing about channels."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return is_dropout(m) or super().is_leaf_module(m, module_qualified_name)


class _Shapes(fx.Interpreter):
    """Runs a graph and notes the shape of every tensor in ``node.meta["shape"]``."""

    def run_node(self, n: fx.Node):
        result = super().run_node(n)
        if isinstance(result, Tensor):
            n.meta["shape"] = tuple(result.shape)
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
            f"{type(module).__name__} cannot be traced by torch.fx ({_first_line(error)}); "
            "growth needs a forward whose path does not depend on the values of tensors"
        ) from error


def graphs(model: nn.Module, example_input: Tensor) -> list[fx.GraphModule]:
    """The graphs of ``model`` in evaluation and in training mode (auxiliary heads may run in one alone).

    The model is not changed: a copy is traced and run. ``example_input`` is a batch of images on the model's
    device.
    """
    model = copy.deepcopy(model)
    if len(example_input) == 1:  # batch norm in training mode refuses a single value per channel
        example_input = example_input.repeat(2, *[1] * (example_input.ndim - 1))
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
                raise InputError(
                    f"{name} does not run on an example_input of {shape} ({_first_line(error)})"
                ) from error
        traced.append(graph)
    return traced


def place(node: fx.Node) -> str:
    """The layer's name, or for a function its name and the module whose code calls it."""
    if node.op == "call_module":
        return str(node.target)
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    stack = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values() if path]
    return f"{name} in {stack[-1]}" if stack else str(name)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
