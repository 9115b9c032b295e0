"""Fixup's initialization of residual networks (Zhang et al. 2019), with the residual branches found automatically."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import InputError
from .registry import initializer
from .traditional import fill_

_NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)


@dataclass
class Branch:
    """A residual branch: its convolutions and linear layers in the order of execution, and the layers (or affine norms)
    that its output leaves by."""

    layers: list[nn.Module]
    last: list[nn.Module]


class _Recording:
    """One forward pass of a model: the autograd graph of its output, and which node of it belongs to which module."""

    def __init__(self, model: nn.Module, image: Tensor):
        self.modules: dict[object, nn.Module] = {}
        hooks = [m.register_forward_hook(self._note) for m in model.modules() if _has_weight(m)]
        training = [(module, module.training) for module in model.modules()]
        try:
            model.eval()
            image = image.detach().clone().requires_grad_()
            with torch.enable_grad():
                # forward, not a call: hooks on the model may count images, and this one is blank
                output = model.forward(image).grad_fn
        finally:
            for hook in hooks:
                hook.remove()
            for module, state in training:
                module.training = state
        self.nodes = _ancestors(output)
        self.input = next(node for node in self.nodes if getattr(node, "variable", None) is image)

    def _note(self, module: nn.Module, inputs: tuple, output: Tensor) -> None:
        self.modules[output.grad_fn] = module  # in the order of execution; an in-place ReLU after it adds its own node

    def layers(self, nodes: set) -> list[nn.Module]:
        """The convolutions and linear layers among ``nodes``, in the order of execution."""
        return [m for node, m in self.modules.items() if node in nodes and isinstance(m, nn.Conv2d | nn.Linear)]

    def last(self, node: object, within: set) -> list[nn.Module]:
        """The modules from which a path leads to ``node`` that passes no other, all ``within`` a set of nodes."""
        found, waiting, seen = [], [node], set()
        while waiting:
            node = waiting.pop()
            if node in seen or node not in within:
                continue
            seen.add(node)
            if node in self.modules:
                found.append(self.modules[node])
            else:
                waiting += _parents(node)
        return found


def _has_weight(module: nn.Module) -> bool:
    """Convolutions, linear layers, and norms with a scale."""
    return isinstance(module, (nn.Conv2d, nn.Linear, *_NORMS)) and module.weight is not None


def _parents(node) -> Iterable:
    return [parent for parent, _ in node.next_functions if parent is not None]


def _ancestors(node) -> set:
    """A node of the autograd graph and all that it was computed from."""
    found, waiting = set(), [node]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += _parents(node)
    return found


def _branches(recording: _Recording) -> list[Branch]:
    """The residual branches of a recorded forward pass.

    A residual addition adds two tensors that both depend on the image. What only one of the two depends on is a side;
    the side with more layers is the branch, the other (often empty) the shortcut. Two equal sides are a sum of peers.
    """
    found = []
    for node in recording.nodes:
        if node.name() != "AddBackward0" or len(operands := list(_parents(node))) != 2:
            continue
        first, second = (_ancestors(operand) for operand in operands)
        if recording.input not in first & second:  # a bias or a position embedding
            continue
        sides = [(operands[0], first - second), (operands[1], second - first)]
        (_, short), (operand, long) = sorted(sides, key=lambda side: len(recording.layers(side[1])))
        layers = recording.layers(long)
        if len(layers) > len(recording.layers(short)):
            found.append(Branch(layers, recording.last(operand, long)))
    return found


def residual_branches(model: nn.Module, image: Tensor) -> list[Branch]:
    """The residual branches of ``model``, found in the autograd graph of one pass of ``image`` ``(1, c, h, w)``.

    Works for any network that adds tensors, whatever its forward looks like. The model is left as it was.
    """
    return _branches(_Recording(model, image))


@initializer("fixup", needs="branches")
def fixup_(model: nn.Module, *, generator: torch.Generator, data: tuple[Tensor, Tensor]) -> None:
    """Fixup's rules 1 and 2: residual branches and the head start at zero, the other layers of a branch scaled down.

    He's normal initialization (fan_in) everywhere; then, with L residual branches, the layers of a branch of m
    convolutions and linear layers are multiplied by L^(-1 / (2m - 2)), and the last of them and the head (the last
    layer that runs) are zero. Biases are zero. Where a branch ends in a normalization layer, its scale and shift are
    zero instead of the last weight, which such a norm would blow up to full size after the first step; all other norms
    keep their defaults. Rule 3, scalar biases and multipliers, would change the architecture and is left out.

    Of ``data`` (training images ``(n, c, h, w)`` and labels) only the shape of an image is used.

    Raises:
        InputError: the network has no residual additions.
    """
    parameter = next(model.parameters())
    blank = torch.zeros(1, *data[0].shape[1:], device=parameter.device, dtype=parameter.dtype)
    recording = _Recording(model, blank)
    branches = _branches(recording)
    if not branches:
        raise InputError(
            f"fixup: {type(model).__name__} has no residual additions; it is for residual networks such as resnet18"
        )
    fill_(model, lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu", generator=generator))
    for branch in branches:
        depth = len(branch.layers)
        for layer in branch.layers:
            if depth > 1:
                layer.weight.mul_(len(branches) ** (-1 / (2 * depth - 2)))
        for module in branch.last:
            _zero_module_(module)
    head = [module for module in recording.modules.values() if isinstance(module, nn.Conv2d | nn.Linear)][-1]
    _zero_module_(head)


def _zero_module_(module: nn.Module) -> None:
    module.weight.zero_()
    if module.bias is not None:
        module.bias.zero_()
