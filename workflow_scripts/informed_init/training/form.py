"""The form in which the engine trains a network, and the trial that it is still the same network.

The engine lets maps lie channels last and replaces convolutions on small maps (:mod:`.live_taps`). Both are invisible to
most networks, and not to all: a forward may read ``conv.weight``, flatten a map by ``view`` or draw noise in the order in
which a map lies in memory. No list of such habits is complete, so every training begins with a trial: one batch goes through
copies of the network in float64, as it is and in the engine's form, in training mode (outputs, batch statistics and all
gradients) and in evaluation. What makes a difference is left as it is, and a warning says so.
"""

import math
import random
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from ..seeds import generator
from .epochs import begin_epoch
from .live_taps import LiveNetwork, Sizes, copied, recorded_sizes, replaceable
from .recipe import Factor, Recipe

IMAGES = 4
# Of the largest entry of each tensor, and of all together. Forms that are right were off by 2e-9 of it at most (ResNet-152; the
# registry's networks by 1e-10), those that are wrong by 1e-3 and more.
TOLERANCE, TOLERANCE_OF_ALL = 1e-6, 1e-11
LARGE = 2**20  # entries of a matrix beyond which its gradient is not taken
MANY = 2**12  # entries of a tensor beyond which its rows' sums and lengths are compared
# they draw a number for every entry, in the order in which the entries lie in memory
DRAWING = (nn.Dropout, nn.AlphaDropout, nn.RReLU)


@dataclass(frozen=True)
class Form:
    """``sizes``: the convolutions to replace and the height and width of their maps. ``recordable``: nothing was seen to change
    from step to step in Python, so that a CUDA graph may hold a step."""

    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    channels_last: bool = False
    recordable: bool = False


class Formed:
    """A network in a form, in place, until :meth:`restore`."""

    def __init__(self, model: nn.Module, form: Form):
        self.model, self.form = model, form
        self.live = LiveNetwork(model, form.sizes, form.channels_last)
        self.hooks = []
        if form.channels_last:
            model.to(memory_format=torch.channels_last)
            drawing = [module for module in model.modules() if isinstance(module, DRAWING)]
            self.hooks = [module.register_forward_pre_hook(_in_default_order) for module in drawing]

    def took_step(self, rate: float, updated: Collection[nn.Parameter]) -> None:
        """An optimizer's step at learning rate ``rate`` updated these parameters."""
        self.live.took_step(rate, updated)

    def restore(self, recipe: Recipe, factors: Mapping[str, Factor] | None = None) -> None:
        """The ordinary network again, its weights as trained under ``recipe``, with ``factors`` by the names of parameters."""
        for hook in self.hooks:
            hook.remove()
        # Adam leaves what never has a gradient as it is, without decay; with decay it is never replaced
        decay = recipe.weight_decay if recipe.optimizer == "sgd" else 0.0
        self.live.restore(recipe.momentum, decay, recipe.nesterov, factors)
        self.model.to(memory_format=torch.contiguous_format)


def _in_default_order(module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor] | None:
    """Ahead of a layer that draws a number an entry: the entries in the order of the plain loop, so that the draws are its."""
    if not module.training or inputs[0].dim() != 4 or not inputs[0].is_contiguous(memory_format=torch.channels_last):
        return None
    return inputs[0].contiguous(), *inputs[1:]


def choose(model: nn.Module, input_size: tuple[int, int, int], live: bool = True) -> Form:
    """The fastest form in which ``model`` computes the same on ``(c, h, w)`` images; ``live`` lets convolutions be replaced.

    Nothing of the model changes: a trial's batch statistics, gradients and random numbers are those of copies. Warns of each
    convolution that would be worth replacing and cannot be.
    """
    with _untouched(model):
        try:
            trial = Trial(model, input_size)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            _warn(f"the network is trained as it is, which takes longer: it cannot be tried in another form ({reason})")
            return Form()
        sizes, left = replaceable(model, *trial.sizes) if live else ({}, {})
        form = Form(sizes, True, trial.recordable)
        if not trial.holds(form):
            form = _what_holds(trial, form)
            left |= dict.fromkeys(
                sizes.keys() - form.sizes.keys(), "otherwise the network would compute something else"
            )
    if not form.channels_last:
        _warn(
            "maps lie in torch's default order, which takes longer: channels last, the network would compute something else"
        )
    for name in sorted(left):
        _warn(f"{name} is trained whole, not by its live taps alone: {left[name]}")
    return form


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=3)


def _what_holds(trial: "Trial", form: Form) -> Form:
    """The most of a form that is still the same network."""
    bare = replace(form, sizes={})
    if not trial.holds(bare):
        bare = replace(bare, channels_last=False)
    alone = {name: size for name, size in form.sizes.items() if trial.holds(replace(bare, sizes={name: size}))}
    together = replace(bare, sizes=alone)
    return together if trial.holds(together) else bare


class Trial:
    """One batch through copies of a network in float64. ``sizes`` as from :func:`recorded_sizes`; ``recordable`` as in
    :class:`Form`.

    Raises whatever keeps the network from being copied or from running in float64.
    """

    def __init__(self, model: nn.Module, input_size: tuple[int, int, int]):
        self.model = model
        device = next(model.parameters()).device
        self.device = torch.device("cpu") if device.type == "mps" else device  # MPS has no float64
        wide = {"device": self.device, "dtype": torch.float64}
        parameters = [parameter for parameter in model.parameters() if type(parameter) is nn.Parameter]
        # instead of copies that would then be converted: they may be large
        converted = {id(p): nn.Parameter(p.detach().to(**wide, copy=True), p.requires_grad) for p in parameters}
        self.base = copied(model, converted).to(**wide)
        for name, parameter in self.base.named_parameters():
            _fill_zeros_(parameter, name)
            if parameter.dim() == 2 and parameter.numel() > LARGE:  # its gradient is that of its output times its input
                parameter.requires_grad_(False)
        images = torch.randn((IMAGES, *input_size), generator=generator("trial images"))
        self.images = images.to(**wide)
        self.recordable = True
        self.expected, self.sizes = self._outcome(Form())
        if not self.expected["logits"].isfinite().all():
            raise ValueError("its outputs are not finite")

    def holds(self, form: Form) -> bool:
        """True if the network in this form computes and learns the same."""
        try:
            found, _ = self._outcome(form)
        except torch.OutOfMemoryError:
            raise
        except Exception:  # a forward that this form breaks, in whatever way
            return False
        return _same(found, self.expected)

    def _outcome(self, form: Form) -> tuple[dict[str, Tensor | None], tuple[Sizes, Sizes]]:
        """What a step computes in training and an evaluation after it: outputs, gradients, and the state that remains; and the
        sizes of maps."""
        self.base.zero_grad(set_to_none=True)  # an earlier trial may have broken off
        model = self._copy(form.sizes)
        formed = Formed(model, form)
        images = self.images.clone(memory_format=torch.channels_last if form.channels_last else torch.contiguous_format)
        images.requires_grad_()
        random.seed(0)
        np.random.seed(0)
        begin_epoch(model, 0.5, ("trial",), 1)
        before = _python_state(model, self.device)
        # the copy's and, for hooks that refer to it, the network's own
        unused = [*formed.live.replaced.values(), *(self.model.get_submodule(name) for name in form.sizes)]
        with _spoiled(unused), recorded_sizes(model) as sizes:
            logits = model(images)
            loss = logits * torch.randn(logits.shape, generator=generator("trial loss")).to(logits)
            loss.sum().backward()
            if before != _python_state(model, self.device):
                self.recordable = False
            with torch.no_grad():
                evaluation = model.eval()(images.detach())
        found = {"logits": logits.detach(), "evaluation": evaluation, "gradient": images.grad} | _gradients(formed)
        formed.live.restore()
        return found | {f"state of {name}": _digest(tensor) for name, tensor in model.state_dict().items()}, sizes

    def _copy(self, names: Collection[str]) -> nn.Module:
        """A copy of the network that shares all but the kernels and the layers ``names``: classifiers may be large."""
        own = {id(parameter) for name in names for parameter in self.base.get_submodule(name).parameters()}
        shared = [p for p in self.base.parameters() if id(p) not in own and p.dim() < 4]
        return copied(self.base, {id(parameter): parameter for parameter in shared})


@contextmanager
def _spoiled(convs: list[nn.Conv2d]) -> Iterator[None]:
    """Convolutions that are no part of the network now have other weights, so that it shows if something still reads them."""
    parameters = [parameter for conv in convs for parameter in conv.parameters()]
    kept = [parameter.detach().clone() for parameter in parameters]
    with torch.no_grad():
        for parameter in parameters:
            parameter.mul_(-3)
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, values in zip(parameters, kept, strict=True):
                parameter.copy_(values)


def _fill_zeros_(parameter: nn.Parameter, name: str) -> None:
    """Small numbers for zeros: a branch that begins with weight zero hides what is wrong in it."""
    with torch.no_grad():
        zero = parameter == 0
        if zero.any():
            draws = torch.rand(int(zero.sum()), generator=generator("trial", name)) / 100
            parameter[zero] = draws.to(parameter)


def _gradients(formed: Formed) -> dict[str, Tensor | None]:
    """The gradient of every parameter, that of live taps where they lie in the whole kernel."""
    found: dict[str, Tensor | None] = {}
    for name, parameter in formed.model.named_parameters():
        gradient = parameter.grad
        layer, _, kind = name.rpartition(".")
        if layer in formed.live.replaced and kind == "weight" and gradient is not None:
            whole = torch.zeros_like(formed.live.replaced[layer].weight)
            whole[formed.model.get_submodule(layer).live] = gradient
            gradient = whole
        found[f"gradient of {name}"] = None if gradient is None else _digest(gradient)
    return found


def _digest(tensor: Tensor) -> Tensor:
    """The tensor itself as floating-point numbers, or of a large one the sum and the length of every row."""
    tensor = tensor if tensor.is_floating_point() or tensor.is_complex() else tensor.double()
    if tensor.numel() <= MANY or tensor.dim() < 2:
        return tensor.detach().clone()
    rows = tensor.detach().flatten(1)
    return torch.stack((rows.sum(1), torch.linalg.vector_norm(rows, dim=1)))


def _same(found: dict[str, Tensor | None], expected: dict[str, Tensor | None]) -> bool:
    """Equal up to rounding, every tensor by its own scale."""
    if found.keys() != expected.keys():
        return False
    sizes = {name: 0.0 if tensor is None else _largest(tensor) for name, tensor in expected.items()}
    of_all = TOLERANCE_OF_ALL * max(sizes.values())
    for name, tensor in expected.items():
        other, tolerance = found[name], TOLERANCE * sizes[name] + of_all
        if tensor is None or other is None:
            if tensor is not other:
                return False
        elif tensor.shape != other.shape or not torch.allclose(other, tensor, rtol=0, atol=tolerance, equal_nan=True):
            return False
    return True


def _largest(tensor: Tensor) -> float:
    """The largest finite absolute value."""
    largest = float(tensor.abs().max()) if tensor.numel() else 0.0
    if math.isfinite(largest):
        return largest
    finite = tensor[tensor.isfinite()]
    return float(finite.abs().max()) if finite.numel() else 0.0


def _python_state(model: nn.Module, device: torch.device) -> list:
    """What a forward can change without a tensor: plain attributes, and random numbers drawn on the host for a GPU."""
    values = [
        {name: value for name, value in vars(module).items() if isinstance(value, (bool, int, float, str, type(None)))}
        for module in model.modules()
    ]
    on_host = [random.getstate(), np.random.get_state()[1].tolist()]
    if device.type != "cpu":
        on_host.append(torch.get_rng_state().tolist())
    return [values, on_host]


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    """Buffers, gradients and random numbers inside the block leave those outside as they were, even if a hook of a copy
    reaches the model itself."""
    device = next(model.parameters()).device
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            with torch.no_grad():
                for buffer, kept in buffers:
                    buffer.copy_(kept)
                for parameter, gradient in gradients:
                    parameter.grad = gradient
