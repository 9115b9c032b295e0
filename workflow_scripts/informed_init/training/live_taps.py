"""Live taps: the kernel taps that ever meet a real pixel, and training of those alone.

A convolution on a small padded map has taps that only ever multiply padding zeros. Their gradient is exactly zero,
so they never learn: 62 % of ResNet-18's weights at 32x32 pixels, where ``layer4`` works on 1x1 maps.
:func:`live_taps` finds them from sizes alone. :class:`LiveNetwork` swaps each convolution on a small map for the
arithmetic that is left (:mod:`.small_maps`) for the length of a training, and writes the ordinary weights back:
live taps as trained, dead taps as weight decay left them.

The plain reference is the untouched network trained by ``training.plain``; in float64 both agree to 1e-12.
"""

from collections import Counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .small_maps import MapAxis, cost, scheme, small_map_conv2d

# Replace where at most this share of the multiplications is left. They are not all that costs; measured on one CPU
# core: no gain at 0.76, a layer 1.2 times as fast at 0.41 (8x8 maps), 1.6 at 0.31 (4x4), 2.8 at 0.26 (2x2).
_WORTH = 0.6


def input_sizes(model: nn.Module, input_size: tuple[int, int, int]) -> dict[str, list[tuple[int, int]]]:
    """Every ``Conv2d``'s input height and width for ``(c, h, w)`` images, one entry a call, by one forward pass."""
    sizes: dict[str, list[tuple[int, int]]] = {}
    hooks = [
        module.register_forward_pre_hook(
            lambda _, inputs, name=name: sizes.setdefault(name, []).append(tuple(inputs[0].shape[-2:]))
        )
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    was_training = [(module, module.training) for module in model.modules()]
    parameter = next(model.parameters())
    try:
        model.eval()
        with torch.no_grad():
            model(torch.zeros((1, *input_size), device=parameter.device, dtype=parameter.dtype))
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in was_training:
            module.training = training
    return sizes


def _axes(conv: nn.Conv2d, size: tuple[int, int]) -> tuple[MapAxis, MapAxis]:
    return tuple(
        MapAxis(size[a], conv.kernel_size[a], conv.stride[a], conv.padding[a], conv.dilation[a]) for a in (0, 1)
    )


def live_taps(model: nn.Module, input_size: tuple[int, int, int]) -> dict[str, Tensor]:
    """Which taps of each convolution ever meet a real pixel of a ``(c, h, w)`` image.

    Returns a boolean ``(kh, kw)`` tensor per ``Conv2d`` by name. A dead tap's gradient is exactly zero.
    """
    convs = {name: module for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    masks = {}
    for name, sizes in input_sizes(model, input_size).items():
        conv = convs[name]
        mask = torch.zeros(conv.kernel_size, dtype=torch.bool)
        for size in sizes:  # a convolution that is called several times lives where any call lives
            if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
                mask[:] = True
            else:
                rows, columns = (torch.tensor(axis.live, dtype=torch.long) for axis in _axes(conv, size))
                mask[rows[:, None], columns] = True
        masks[name] = mask
    return masks


class LiveConv2d(nn.Module):
    """A convolution of one known, small input size, computed by :mod:`.small_maps` over its live taps.

    ``weight`` is ``(out, in, live rows, live columns)``, stored channels last; input and output are best so, too.
    """

    def __init__(self, conv: nn.Conv2d, size: tuple[int, int]):
        super().__init__()
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


def _worth_replacing(conv: nn.Conv2d, sizes: list[tuple[int, int]]) -> bool:
    """True where the arithmetic over live taps is much less than the convolution's, which multiplies padding, too."""
    if len(sizes) != 1 or conv.groups != 1 or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        return False
    rows, columns = _axes(conv, sizes[0])
    if not (rows.live and columns.live):
        return False
    if rows.outputs * columns.outputs == 1:
        return True
    tiles = len(scheme(rows).tiles) * len(scheme(columns).tiles)
    if tiles > 1 and conv.weight.device.type != "cpu":
        return False  # each tile is several calls, and on a GPU calls cost more than this arithmetic
    small, ordinary = cost(rows, columns, conv.in_channels, conv.out_channels)
    return small <= _WORTH * ordinary


class LiveNetwork:
    """A network whose convolutions on small maps are, in place, :class:`LiveConv2d` until :meth:`restore`.

    Where nothing is dead or small enough, it does nothing. ``replaced`` has the ordinary convolutions by name;
    ``dead_taps`` counts their weights that do not train.
    """

    def __init__(self, model: nn.Module, input_size: tuple[int, int, int]):
        self.model = model
        self.replaced: dict[str, nn.Conv2d] = {}
        sizes = input_sizes(model, input_size)
        owners = Counter(id(p) for module in model.modules() for p in module.parameters(recurse=False))
        for name, conv in [(n, m) for n, m in model.named_modules() if type(m) is nn.Conv2d]:
            shared = any(owners[id(p)] > 1 for p in conv.parameters())  # a copy would be trained apart
            if name in sizes and not shared and _worth_replacing(conv, sizes[name]):
                self.replaced[name] = conv
                model.set_submodule(name, LiveConv2d(conv, sizes[name][0]))
        live = sum(model.get_submodule(name).weight.numel() for name in self.replaced)
        self.dead_taps = sum(conv.weight.numel() for conv in self.replaced.values()) - live

    def restore(self, dead_tap_factor: float) -> nn.Module:
        """Put the ordinary convolutions back: live taps as trained, dead ones times ``dead_tap_factor``."""
        with torch.no_grad():
            for name, conv in self.replaced.items():
                trained = self.model.get_submodule(name)
                if conv.weight.requires_grad:  # an optimizer leaves frozen weights alone
                    conv.weight.mul_(dead_tap_factor)
                conv.weight[trained.live] = trained.weight
                if conv.bias is not None:
                    conv.bias.copy_(trained.bias)
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
