"""The weights that a network multiplies its values by, whatever kind of layer holds them and however they are stored.

Convolutions in one to three dimensions, transposed ones, linear layers, and the projections of ``nn.MultiheadAttention``.
A weight may be computed from other tensors (``torch.nn.utils.parametrize``, ``weight_norm``, ``spectral_norm``, ``prune``):
what is set is then the weight that the layer uses.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from ..errors import InputError
from ..seeds import derive_seed
from .report import was_left, was_set

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
POWER_ITERATIONS = 50  # spectral norm's estimate of the largest singular value of a weight that it has never seen


@dataclass(frozen=True)
class Weight:
    """One weight of a layer.

    ``parts`` blocks along the first dimension are layers of their own: the groups of a convolution, or queries, keys and
    values where attention holds them in one tensor. ``bias`` is the name of the bias that belongs to it.
    """

    layer: str
    module: nn.Module
    attribute: str = "weight"
    bias: str | None = "bias"
    parts: int = 1
    transposed: bool = False

    @property
    def name(self) -> str:
        return f"{self.layer}.{self.attribute}" if self.layer else self.attribute

    def get(self) -> Tensor:
        """The weight that the layer uses, as it is now."""
        return getattr(self.module, self.attribute).detach()

    def key(self) -> int:
        """The same number for weights that are one tensor."""
        return id(next(iter(raw_parameters(self.module, self.attribute)), self))

    def set_(self, value: Tensor, why: str = "drawn", detail: str = "") -> None:
        """Make the layer use ``value``, of the weight's shape; ``why`` and ``detail`` are for the report."""
        set_tensor_(self.module, self.attribute, value, self.layer, why, detail)

    def zero_bias_(self) -> None:
        """Set the bias to zero, if there is one."""
        bias = None if self.bias is None else getattr(self.module, self.bias, None)
        if isinstance(bias, Tensor):
            set_tensor_(self.module, self.bias, torch.zeros_like(bias), self.layer, "bias: zero")

    def fill_(self, fill_: Callable[[Tensor], object], why: str = "drawn", detail: str = "") -> None:
        """Set the weight, one part at a time, by ``fill_``.

        It gets a CPU tensor ``(out, in)`` or ``(out, in, *kernel)`` to set in place, with the channels of one part; the two
        are exchanged for a transposed convolution, which stores them the other way round.
        """
        weight = torch.empty(self.get().shape, dtype=torch.float32)
        for block in weight.chunk(self.parts):
            matrix = torch.empty_like(block.transpose(0, 1), memory_format=torch.contiguous_format)
            fill_(matrix if self.transposed else block)
            if self.transposed:
                block.copy_(matrix.transpose(0, 1))
        self.set_(weight, why, detail)


def weights(model: nn.Module) -> list[Weight]:
    """All weights that initializers speak about, in the model's order; a tensor that several layers share comes once."""
    found, seen = [], set()
    for name, module in model.named_modules():
        for weight in _weights_of(name, module):
            if weight.key() not in seen:
                seen.add(weight.key())
                found.append(weight)
    return found


def head_of(model: nn.Module) -> Weight | None:
    """The weight of a network's classifier: of its last linear layer, or of its last layer if it has none of these."""
    found = weights(model)
    attention = {m.out_proj for m in model.modules() if isinstance(m, nn.MultiheadAttention)}
    linear = [w for w in found if isinstance(w.module, nn.Linear) and w.module not in attention]
    return (linear or found or [None])[-1]


def _weights_of(name: str, module: nn.Module) -> list[Weight]:
    if isinstance(module, nn.Linear):
        return [Weight(name, module)]
    if isinstance(module, CONVOLUTIONS):
        return [Weight(name, module, parts=module.groups)]
    if isinstance(module, TRANSPOSED):
        return [Weight(name, module, parts=module.groups, transposed=True)]
    if isinstance(module, nn.MultiheadAttention):  # its output projection is a linear layer of its own
        if module.in_proj_weight is not None:
            return [Weight(name, module, "in_proj_weight", "in_proj_bias", parts=3)]
        return [Weight(name, module, f"{part}_proj_weight", "in_proj_bias") for part in "qkv"]
    return []


def he_std(conv: nn.Conv2d) -> float:
    """He et al. 2015, equation 14 (fan_out, ReLU): sqrt(2 / (out_channels * kh * kw / groups))."""
    return math.sqrt(2 / (conv.out_channels * conv.kernel_size[0] * conv.kernel_size[1] / conv.groups))


def kind_of(module: nn.Module) -> str:
    """What a layer is, in words: "3x3 convolution", "linear layer"."""
    if isinstance(module, nn.MultiheadAttention):
        return "attention"
    if not isinstance(module, (*CONVOLUTIONS, *TRANSPOSED)):
        return "linear layer"
    how = "transposed " if isinstance(module, TRANSPOSED) else ""
    depthwise = "depthwise " if module.groups > 1 and module.groups == module.in_channels else ""
    if len(module.kernel_size) == 1:
        return f"{how}{depthwise}1-d convolution of {module.kernel_size[0]}"
    return f"{how}{depthwise}{'x'.join(map(str, module.kernel_size))} convolution"


def shape_of(conv: nn.Conv2d) -> tuple[int, int, int, int]:
    """The shape of a convolution's weight, also where reading the weight computes it."""
    return (conv.out_channels, conv.in_channels // conv.groups, *conv.kernel_size)


def say_left(model: nn.Module, what: str, reasons: Mapping[nn.Module, str]) -> None:
    """Say of every weight and bias why it was left, for initializers that set some convolutions: ``reasons`` by layer, else
    that ``what`` (such as "a bank") is for 2-D convolutions larger than 1x1."""
    for weight in weights(model):
        kind = kind_of(weight.module)
        why = reasons.get(weight.module, f"{kind}: {what} is for 2-D convolutions larger than 1x1")
        for parameter in raw_parameters(weight.module, weight.attribute):
            was_left(parameter, why)
        for parameter in raw_parameters(weight.module, weight.bias) if weight.bias else []:
            was_left(parameter, f"bias: {what} is for weights")


def raw_parameters(module: nn.Module, attribute: str) -> list[nn.Parameter]:
    """The parameters that a tensor of a layer is computed from; the tensor itself, if it is one."""
    if module._parameters.get(attribute) is not None:
        return [module._parameters[attribute]]
    if parametrize.is_parametrized(module, attribute):
        return list(module.parametrizations[attribute].parameters(recurse=False))
    return [p for name, p in module._parameters.items() if name.rpartition("_")[0] == attribute and p is not None]


def set_tensor_(module: nn.Module, attribute: str, value: Tensor, layer: str, why: str, detail: str = "") -> None:
    """Give ``module.attribute`` a value, also where it is computed from other tensors.

    Raises:
        InputError: it is not a floating-point tensor, or what computes it cannot give that value.
    """
    now = getattr(module, attribute)
    where = f"{layer}.{attribute}" if layer else attribute
    if not now.is_floating_point():
        raise InputError(f"{where!r} is {now.dtype}; only floating-point weights can be initialized")
    value = value.to(now)
    own = module._parameters.get(attribute)
    if own is not None:
        own.detach().copy_(value)
        was_set(own, why, detail)
        return
    # what it is computed from keeps its memory format, and shares no memory within itself
    via = _set_computed_(module, attribute, torch.empty_like(now).copy_(value), where)
    _check_computed(getattr(module, attribute), value, where, via)
    for parameter in raw_parameters(module, attribute):
        was_set(parameter, f"{why}, through {via}", detail)


def _set_computed_(module: nn.Module, attribute: str, value: Tensor, where: str) -> str:
    """Set the tensors that a weight is computed from; what computes it, in a word."""
    if parametrize.is_parametrized(module, attribute):
        kinds = [type(step).__name__.strip("_") for step in module.parametrizations[attribute]]
        try:
            with _global_draws(where):
                setattr(module, attribute, value)
        except Exception as error:  # whatever a parametrization makes of a weight that it cannot be given
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"{where!r} is parametrized by {', '.join(kinds)}, which cannot be given a weight ({reason}); "
                "initialize the network first, then register the parametrization"
            ) from error
        if "SpectralNorm" in kinds:
            _settle(module, attribute)
        return ", ".join(kinds)
    for hook in module._forward_pre_hooks.values():
        if getattr(hook, "name", getattr(hook, "_tensor_name", None)) != attribute:
            continue
        if isinstance(hook, WeightNorm):
            getattr(module, f"{attribute}_v").copy_(value)
            getattr(module, f"{attribute}_g").copy_(torch.norm_except_dim(value, 2, hook.dim))
        elif isinstance(hook, SpectralNorm | BasePruningMethod):
            getattr(module, f"{attribute}_orig").copy_(value)
        else:
            continue
        for _ in range(POWER_ITERATIONS if isinstance(hook, SpectralNorm) else 1):
            hook(module, None)  # computes the weight anew
        return "pruning" if isinstance(hook, BasePruningMethod) else type(hook).__name__
    raise InputError(
        f"{where!r} is no parameter: the layer computes it from other tensors in a way that is not known here; "
        "initialize the network before the layer is changed so"
    )


@contextlib.contextmanager
def _global_draws(where: str) -> Iterator[None]:
    """Parametrizations such as ``orthogonal`` draw from torch's global generator when they are given a weight: here from a
    seed of the tensor's name, and the global state is put back."""
    before = torch.default_generator.get_state()
    torch.default_generator.manual_seed(derive_seed("parametrization", where))
    try:
        yield
    finally:
        torch.default_generator.set_state(before)


def _settle(module: nn.Module, attribute: str) -> None:
    """Let spectral norm measure its new weight: it improves its estimate at every access in training mode."""
    steps = module.parametrizations[attribute]
    training = steps.training
    steps.train()
    for _ in range(POWER_ITERATIONS):
        getattr(module, attribute)
    steps.train(training)


def _check_computed(now: Tensor, value: Tensor, where: str, via: str) -> None:
    """Refuse where the layer does not use what it was given, up to one factor or to taps that pruning took away."""
    now, value = now.detach().double().flatten(), value.double().flatten()
    if via == "pruning":
        value = torch.where(now == 0, torch.zeros_like(value), value)
    factor = (now @ value) / (value @ value) if value.any() else 1.0
    if not now.isfinite().all() or (now - factor * value).norm() > 1e-2 * now.norm():
        raise InputError(
            f"{where!r} is computed by {via}, which cannot give this initializer's weight; "
            "initialize the network first, then add it"
        )
