"""Live taps: the kernel taps that ever meet a real pixel, and training of those alone.

A convolution on a small padded map has taps that only ever multiply padding zeros. Their gradient is exactly zero,
so they never learn: 62 % of ResNet-18's weights at 32x32 pixels, where ``layer4`` works on 1x1 maps.
:func:`live_taps` finds them from sizes alone. :class:`LiveNetwork` swaps each plain convolution on a small map for the
arithmetic that is left (:mod:`.small_maps`) for the length of a training, and writes the ordinary weights back:
live taps as trained, dead taps as weight decay left them.

The plain reference is the untouched network trained by ``training.plain``. What a convolution's own attributes cannot
show (that other code reads its weights, say) :mod:`.form` finds by trying.
"""

import copy
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from ..seeds import generator
from .epochs import own_random_state
from .recipe import Factor
from .small_maps import MapAxis, cost, scheme, small_map_conv2d

# Replace where at most this share of the multiplications is left. They are not all that costs; measured on one CPU
# core: no gain at 0.76, a layer 1.2 times as fast at 0.41 (8x8 maps), 1.6 at 0.31 (4x4), 2.8 at 0.26 (2x2).
_WORTH = 0.6
_ORDINARY = frozenset(vars(nn.Conv2d(1, 1, 1)))  # what every convolution has

Sizes = dict[str, list[tuple[int, int]]]


def copied(model: nn.Module, known: Mapping[int, object] | None = None) -> nn.Module:
    """A copy of a network, also of one that keeps computed weights, which ``copy.deepcopy`` refuses; ``known`` are stand-ins
    for some of its objects, by ``id``."""
    known = dict(known or {})
    for module in model.modules():
        known |= {id(v): v.detach().clone() for v in vars(module).values() if isinstance(v, Tensor) and not v.is_leaf}
    return copy.deepcopy(model, known)


@contextmanager
def recorded_sizes(model: nn.Module) -> Iterator[tuple[Sizes, Sizes]]:
    """Notes every ``Conv2d``'s input height and width inside the block, one entry a call: in training and in evaluation."""
    found: tuple[Sizes, Sizes] = {}, {}

    def note(name: str, inputs: tuple) -> None:
        found[0 if model.training else 1].setdefault(name, []).append(tuple(inputs[0].shape[-2:]))

    hooks = [
        module.register_forward_pre_hook(lambda _, inputs, name=name: note(name, inputs))
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _axes(conv: nn.Conv2d, size: tuple[int, int]) -> tuple[MapAxis, MapAxis]:
    return tuple(
        MapAxis(size[a], conv.kernel_size[a], conv.stride[a], conv.padding[a], conv.dilation[a]) for a in (0, 1)
    )


def live_taps(model: nn.Module, input_size: tuple[int, int, int]) -> dict[str, Tensor]:
    """Which taps of each convolution ever meet a real pixel of a ``(c, h, w)`` image.

    Returns a boolean ``(kh, kw)`` tensor per ``Conv2d`` that runs, by name. A dead tap's gradient is exactly zero.
    """
    convs = {name: module for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    parameter, model = next(model.parameters()), copied(model)  # batch statistics and modes change
    images = torch.randn((2, *input_size), generator=generator("live taps")).to(parameter)
    with own_random_state(), recorded_sizes(model) as (training, evaluation):
        model.train()(images)
        model.eval()(images)
    masks = {}
    for name, conv in convs.items():
        if name not in training and name not in evaluation:
            continue
        mask = torch.zeros(conv.kernel_size, dtype=torch.bool)
        # a convolution that is called several times lives where any call lives
        for size in {*training.get(name, ()), *evaluation.get(name, ())}:
            if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
                mask[:] = True
            else:
                rows, columns = (torch.tensor(axis.live, dtype=torch.long) for axis in _axes(conv, size))
                mask[rows[:, None], columns] = True
        masks[name] = mask
    return masks


class LiveConv2d(nn.Module):
    """A convolution of one known, small input size, computed by :mod:`.small_maps` over its live taps.

    ``weight`` is ``(out, in, live rows, live columns)``, stored channels last; input and output are best so, too, but with
    ``channels_last`` false the output lies in torch's default order. On images of another size the forward raises
    :class:`InputError`: other taps would live.
    """

    def __init__(self, conv: nn.Conv2d, size: tuple[int, int], name: str = "a convolution", channels_last: bool = True):
        super().__init__()
        self.size, self.name, self.channels_last = size, name, channels_last
        self.rows, self.columns = _axes(conv, size)
        self.one_output = (self.rows.outputs, self.columns.outputs) == (1, 1)
        self.simple = scheme(self.rows).simple and scheme(self.columns).simple
        live = conv.weight.detach()[self.live]
        self.weight = nn.Parameter(live.clone(memory_format=torch.channels_last), conv.weight.requires_grad)
        self.bias = None
        if conv.bias is not None:
            self.bias = nn.Parameter(conv.bias.detach().clone(), conv.bias.requires_grad)

    @property
    def live(self) -> tuple:
        """Index of the live taps in the ordinary ``(out, in, kh, kw)`` kernel: they form a rectangle."""
        rows, columns = torch.tensor(self.rows.live), torch.tensor(self.columns.live)
        return (slice(None), slice(None), rows[:, None], columns)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2:] != self.size:
            was, now = ("x".join(map(str, size)) for size in (self.size, x.shape[2:]))
            raise InputError(f"{self.name}: its maps were {was} when training began and are {now} now; pass live=False")
        y = self._convolved(x)
        return y if self.channels_last else y.contiguous()

    def _convolved(self, x: Tensor) -> Tensor:
        if self.one_output:  # each live tap meets one pixel: the kernel is a matrix
            n = x.shape[0]
            # only what a tap meets: with one output those pixels are as far apart as the taps
            rows, columns = (slice(a.used[0], a.used[-1] + 1, a.dilation) for a in (self.rows, self.columns))
            window = x[:, :, rows, columns]
            matrix = self.weight.permute(0, 2, 3, 1).reshape(self.weight.shape[0], -1)
            return F.linear(window.permute(0, 2, 3, 1).reshape(n, -1), matrix, self.bias).view(n, -1, 1, 1)
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        # in the larger schemes short products lose a digit: in bfloat16 errors of 2 % instead of 0.2 %
        if _short(dtype, device) and not self.simple:
            padding = [axis.padding - axis.live[0] for axis in (self.rows, self.columns)]
            return F.conv2d(x, self.weight, self.bias, padding=padding)
        y = small_map_conv2d(x, self.weight, self.rows, self.columns, dtype)
        return y if self.bias is None else y + self.bias[:, None, None]


def _short(dtype: torch.dtype, device: str) -> bool:
    """True where products are rounded to fewer bits than float32 has."""
    tf32 = device == "cuda" and dtype == torch.float32 and torch.backends.cuda.matmul.fp32_precision == "tf32"
    return dtype.itemsize < 4 or tf32


def _worth_replacing(conv: nn.Conv2d, size: tuple[int, int]) -> bool:
    """True where the arithmetic over live taps is much less than the convolution's, which multiplies padding, too."""
    if conv.groups != 1 or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        return False
    rows, columns = _axes(conv, size)
    if not (rows.live and columns.live):
        return False
    if rows.outputs * columns.outputs == 1:
        return True
    tiles = len(scheme(rows).tiles) * len(scheme(columns).tiles)
    if tiles > 1 and next(conv.parameters()).device.type != "cpu":
        return False  # each tile is several calls, and on a GPU calls cost more than this arithmetic
    small, ordinary = cost(rows, columns, conv.in_channels, conv.out_channels)
    return small <= _WORTH * ordinary


def why_not_plain(conv: nn.Conv2d) -> str | None:
    """What in a convolution's own attributes makes it compute or learn anything else than its type says; None if nothing."""
    if type(conv) is not nn.Conv2d:
        return f"it is a {type(conv).__name__}"
    hooks = [name for name, value in vars(conv).items() if "_hooks" in name and "state_dict" not in name and value]
    if hooks:
        return "it has a hook"
    if set(conv._parameters) != {"weight", "bias"} or conv._buffers or conv._modules:
        return "its weight is computed from others"
    if overridden := [name for name in vars(conv) if name not in _ORDINARY and hasattr(nn.Conv2d, name)]:
        return f"its {overridden[0]} is overridden"
    for parameter in conv.parameters():
        if type(parameter) is not nn.Parameter:
            return "its weight is not an ordinary parameter"
        if parameter._backward_hooks or parameter._post_accumulate_grad_hooks:
            return "the gradient of its weight has a hook"
    return None


def replaceable(model: nn.Module, training: Sizes, evaluation: Sizes) -> tuple[Sizes, dict[str, str]]:
    """The convolutions that are worth replacing and plain by all that their attributes show, with their size; and why each
    other that would be worth it is not. Sizes as from :func:`recorded_sizes`."""
    names = Counter(id(module) for _, module in model.named_modules(remove_duplicate=False))
    owners = Counter(id(p) for module in model.modules() for p in module.parameters(recurse=False))
    found, left = {}, {}
    for name, conv in model.named_modules():
        calls = training.get(name, [])
        if not isinstance(conv, nn.Conv2d) or not any(_worth_replacing(conv, size) for size in calls):
            continue
        if nn.modules.module._has_any_global_hook():
            left[name] = "all modules have a hook"
        elif (why := why_not_plain(conv)) is not None:
            left[name] = why
        elif names[id(conv)] > 1:
            left[name] = "it is registered under several names"
        elif any(owners[id(p)] > 1 for p in conv.parameters()):  # a copy would be trained apart
            left[name] = "it shares its weight with another layer"
        elif len(calls) > 1:
            left[name] = "it is called several times"
        elif evaluation.get(name, calls) != calls:
            left[name] = "its maps differ between training and evaluation"
        else:
            found[name] = calls[0]
    return found, left


class LiveNetwork:
    """A network whose convolutions ``sizes`` (name -> height and width of its maps) are, in place, :class:`LiveConv2d` until
    :meth:`restore`.

    ``replaced`` has the ordinary convolutions by name; ``dead_taps`` counts their weights that do not train.
    """

    def __init__(self, model: nn.Module, sizes: Mapping[str, tuple[int, int]], channels_last: bool = True):
        self.model = model
        self.replaced: dict[str, nn.Conv2d] = {name: model.get_submodule(name) for name in sizes}
        for name, conv in self.replaced.items():
            model.set_submodule(name, LiveConv2d(conv, sizes[name], name, channels_last).train(conv.training))
        self.weights = {name: model.get_submodule(name).weight for name in self.replaced}
        live = sum(weight.numel() for weight in self.weights.values())
        self.dead_taps = sum(conv.weight.numel() for conv in self.replaced.values()) - live
        # the learning rates of the steps that updated each weight; a step without a gradient leaves dead taps alone, too
        self.rates: dict[str, list[float]] = {name: [] for name in self.replaced}

    def took_step(self, rate: float, updated: Collection[nn.Parameter]) -> None:
        """An optimizer's step at learning rate ``rate`` updated these parameters."""
        updated = set(updated)
        for name, weight in self.weights.items():
            if weight in updated:
                self.rates[name].append(rate)

    def restore(
        self,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        factors: Mapping[str, Factor] | None = None,
    ) -> nn.Module:
        """Put the ordinary convolutions back: live taps as trained, dead ones as SGD with these settings, and ``factors`` by the
        names of parameters, leaves what has no gradient."""
        with torch.no_grad():
            for name, conv in self.replaced.items():
                trained = self.model.get_submodule(name)
                own = (factors or {}).get(f"{name}.weight", Factor())
                rates = [rate * own.learning_rate for rate in self.rates[name]]
                conv.weight.mul_(sgd_decay_factor(rates, momentum, weight_decay * own.weight_decay, nesterov))
                conv.weight[trained.live] = trained.weight
                conv.weight.requires_grad_(trained.weight.requires_grad)
                if conv.bias is not None:
                    conv.bias.copy_(trained.bias).requires_grad_(trained.bias.requires_grad)
                conv.train(trained.training)
                self.model.set_submodule(name, conv)
        self.replaced = {}
        return self.model


def sgd_decay_factor(
    learning_rates: list[float], momentum: float, weight_decay: float, nesterov: bool = False
) -> float:
    """What SGD with L2 weight decay leaves of a weight whose gradient is always zero, as a factor on its start.

    ``learning_rates`` has one entry a step. The recurrence of ``torch.optim.SGD`` on w = c * w0 with buffer
    b * w0: b <- momentum * b + weight_decay * c, c <- c - lr * b; with Nesterov's momentum c <- c - lr * (weight_decay * c +
    momentum * b).
    """
    factor, buffer = 1.0, 0.0
    for lr in learning_rates:
        gradient = weight_decay * factor
        buffer = momentum * buffer + gradient
        factor -= lr * (gradient + momentum * buffer if nesterov else buffer)
    return factor
