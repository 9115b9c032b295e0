"""Fixup's initialization of residual networks (Zhang et al. 2019), with the residual branches found automatically."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import InputError
from .forward import running
from .layers import Weight, weights
from .registry import initializer
from .report import was_set
from .traditional import fill_

_NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)


@dataclass
class Branch:
    """A residual branch: its convolutions, linear layers and attentions in the order of execution, and the layers (or affine
    norms) that its output leaves by."""

    layers: list[nn.Module]
    last: list[nn.Module]


class _Recording:
    """One forward pass of a model: the autograd graph of its output, and which node of it belongs to which module."""

    def __init__(self, model: nn.Module, image: Tensor, initializer: str):
        self.modules: dict[object, nn.Module] = {}
        self.kinds = tuple({type(weight.module) for weight in weights(model)})
        hooks = [m.register_forward_hook(self._note) for m in model.modules() if self._has_weight(m)]
        training = [(module, module.training) for module in model.modules()]
        try:
            model.eval()
            image = image.detach().clone().requires_grad_()
            with torch.enable_grad(), running(initializer, image):
                # forward, not a call: hooks on the model may count images, and this one is blank
                output = _tensor(model.forward(image)).grad_fn
        finally:
            for hook in hooks:
                hook.remove()
            for module, state in training:
                module.training = state
        self.nodes = _ancestors(output)
        self.input = next((node for node in self.nodes if getattr(node, "variable", None) is image), None)

    def _has_weight(self, module: nn.Module) -> bool:
        """Layers with a weight of :func:`.layers.weights`, and norms with a scale."""
        return isinstance(module, self.kinds) or (isinstance(module, _NORMS) and module.weight is not None)

    def _note(self, module: nn.Module, inputs: tuple, output: Tensor | tuple) -> None:
        # in the order of execution; an in-place ReLU after it adds its own node
        self.modules[_tensor(output).grad_fn] = module

    def layers(self, nodes: set) -> list[nn.Module]:
        """The layers with a weight among ``nodes``, in the order of execution."""
        return [m for node, m in self.modules.items() if node in nodes and isinstance(m, self.kinds)]

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


def _tensor(output: object) -> Tensor:
    """A layer's output: attention and some networks return several things, that one first."""
    if isinstance(output, Tensor):
        return output
    parts = output.values() if isinstance(output, dict) else output
    return next(part for part in parts if isinstance(part, Tensor))


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
    return _branches(_Recording(model, image, "fixup"))


def _recorded(model: nn.Module, images: Tensor, initializer: str) -> tuple[_Recording, list[Branch]]:
    """A pass of one blank image and the residual branches in it; :class:`InputError` if there are none."""
    parameter = next(model.parameters())
    blank = torch.zeros(1, *images.shape[1:], device=parameter.device, dtype=parameter.dtype)
    recording = _Recording(model, blank, initializer)
    if branches := _branches(recording):
        return recording, branches
    kind = type(model).__name__
    raise InputError(
        f"{initializer}: not applicable: {kind} has no residual additions; it is for residual networks such as resnet18"
    )


def branches_of(model: nn.Module, images: Tensor, initializer: str) -> list[Branch]:
    """The residual branches of ``model``, for images like ``images`` ``(n, c, h, w)``; :class:`InputError` in the name of an
    initializer if there are none."""
    return _recorded(model, images, initializer)[1]


@initializer("fixup", needs="branches", source="Zhang et al. 2019, arXiv:1901.09321")
def fixup_(model: nn.Module, *, generator: torch.Generator, data: tuple[Tensor, Tensor]) -> None:
    """Fixup's rules 1 and 2: residual branches and the head start at zero, the other layers of a branch scaled down.

    He's normal initialization (fan_in) everywhere; then, with L residual branches, the layers of a branch of m
    layers with a weight are multiplied by L^(-1 / (2m - 2)), and the last of them and the head (the last
    layer that runs) are zero. Biases are zero. ``nn.MultiheadAttention`` counts as two layers: the projection of its values
    and that of its output, which is the one that becomes zero; queries and keys, on which the size of a branch does not
    depend, keep He's scale. Where a branch ends in a normalization layer, its scale and shift are
    zero instead of the last weight, which such a norm would blow up to full size after the first step; all other norms
    keep their defaults. Rule 3, scalar biases and multipliers, would change the architecture and is left out.

    Of ``data`` (training images ``(n, c, h, w)`` and labels) only the shape of an image is used.

    Raises:
        InputError: the network has no residual additions.
    """
    recording, branches = _recorded(model, data[0], "fixup")
    fill_(model, lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu", generator=generator), "He's, fan_in")
    held = weights_by_module(model)
    for branch in branches:
        _scale_(branch, len(branches), held)
        for module in branch.last:
            zero_module_(module, held, "zero: the end of a residual branch")
    head = [module for module in recording.modules.values() if module in held][-1]
    zero_module_(head, held, "zero: the head")


def weights_by_module(model: nn.Module) -> dict[nn.Module, list[Weight]]:
    """The weights of each layer; attention's last is that of its output projection."""
    held: dict[nn.Module, list[Weight]] = {}
    for weight in weights(model):
        held.setdefault(weight.module, []).append(weight)
    for module, found in held.items():
        if isinstance(module, nn.MultiheadAttention):
            found += held.get(module.out_proj, [])
    return held


def _scale_(branch: Branch, branches: int, held: dict[nn.Module, list[Weight]]) -> None:
    """Rule 2 for one branch."""
    depth = sum(2 if isinstance(layer, nn.MultiheadAttention) else 1 for layer in branch.layers)
    if depth == 1:
        return
    factor = branches ** (-1 / (2 * depth - 2))
    why = f"He's, fan_in, times {factor:.3g}: a residual branch"
    for layer in branch.layers:
        found = held.get(layer, [])  # none where its weight is another layer's, too
        if not isinstance(layer, nn.MultiheadAttention):
            for weight in found:
                weight.set_(weight.get() * factor, why)
            continue
        values, output = found[-2:]
        blocks = [*values.get().chunk(values.parts)]
        values.set_(torch.cat([*blocks[:-1], blocks[-1] * factor]), f"{why}; queries and keys as they are")
        output.set_(output.get() * factor, why)


def zero_module_(module: nn.Module, held: dict[nn.Module, list[Weight]], why: str) -> None:
    """Make a layer's output zero: its weight and bias, a norm's scale and shift, the output projection of attention."""
    if module in held:
        weight = held[module][-1]
        weight.set_(torch.zeros_like(weight.get()), why)
        weight.zero_bias_()
        return
    for parameter in module.parameters(recurse=False):
        parameter.zero_()
        was_set(parameter, why)
