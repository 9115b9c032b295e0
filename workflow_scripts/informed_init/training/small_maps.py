"""The arithmetic of convolutions on small maps: fewer products than the convolution, the same function.

Along one axis a convolution is bilinear in input and kernel: ``y = outputs @ ((inputs @ x) * (taps @ w))`` with three fixed
matrices and one product per row. Written out it needs a product for each pair (output, tap that meets a pixel). With stride 1
the pairs form a Toeplitz matrix, for which Cook and Toom (see Winograd, Arithmetic Complexity of Computations, 1980; Lavin and
Gray, CVPR 2016) need only ``outputs + min(taps, inputs) - 1`` products: 3 instead of 4 on a map of 2 pixels, 6 instead of 10
on 4. Padding costs nothing, since its columns are left out of ``inputs``. In two dimensions the products multiply: 9 instead of
36, 36 instead of 144. Each product is a matrix product over the batch, so that a layer is one ``torch.bmm``.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor

# Evaluation points (and infinity) with the smallest float32 error found for six products; 0 and -1 alone give entries in {-1, 0, 1}.
_POINTS = (Fraction(0), Fraction(-1), Fraction(1), Fraction(1, 2), Fraction(-2))


@dataclass(frozen=True)
class Axis:
    """A convolution along one axis, and what of it can matter."""

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int

    @property
    def positions(self) -> list[list[int]]:
        """For each output position, the input position under each tap, or -1 where that is padding."""
        outputs = (self.size + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) // self.stride + 1
        rows = [[o * self.stride - self.padding + t * self.dilation for t in range(self.kernel)] for o in range(outputs)]
        return [[i if 0 <= i < self.size else -1 for i in row] for row in rows]

    @property
    def outputs(self) -> int:
        return len(self.positions)

    @property
    def live(self) -> list[int]:
        """The taps that ever meet a pixel."""
        return [t for t in range(self.kernel) if any(row[t] >= 0 for row in self.positions)]

    @property
    def used(self) -> list[int]:
        """The input positions that ever meet a tap."""
        return sorted({i for row in self.positions for i in row if i >= 0})


@dataclass(frozen=True)
class Scheme:
    """Exact matrices ``inputs (products, size)``, ``taps (products, live taps)``, ``outputs (outputs, products)``.

    ``simple`` says that no intermediate value is much larger than the result, so that 16-bit products are safe.
    """

    inputs: list[list[Fraction]]
    taps: list[list[Fraction]]
    outputs: list[list[Fraction]]
    simple: bool


def _times_linear(polynomial: list[Fraction], root: Fraction) -> list[Fraction]:
    """Coefficients, lowest first, of ``polynomial * (x - root)``."""
    shifted, scaled = [Fraction(0), *polynomial], [-root * c for c in polynomial] + [Fraction(0)]
    return [a + b for a, b in zip(shifted, scaled, strict=True)]


def cook_toom(outputs: int, taps: int) -> tuple[list[list[Fraction]], list[list[Fraction]], list[list[Fraction]]]:
    """Matrices of ``y[o] = sum_t g[t] d[o + t]`` with ``n = outputs + taps - 1`` products: for ``d``, for ``g`` and for ``y``.

    The transpose of multiplying polynomials by their values at ``n - 1`` points and at infinity.
    """
    n = outputs + taps - 1
    points = _POINTS[: n - 1]
    data, filters, result = [], [], []
    for p in points:
        others, scale = [Fraction(1)], Fraction(1)
        for q in points:
            if q != p:
                others, scale = _times_linear(others, q), scale * (p - q)
        data.append([*others, Fraction(0)])  # a Lagrange polynomial, whose denominator is given to the filter
        filters.append([p**k / scale for k in range(taps)])
        result.append([p**k for k in range(outputs)])
    everything = [Fraction(1)]
    for q in points:
        everything = _times_linear(everything, q)
    data.append(everything)
    filters.append([Fraction(int(k == taps - 1)) for k in range(taps)])
    result.append([Fraction(int(k == outputs - 1)) for k in range(outputs)])
    return data, filters, [list(column) for column in zip(*result, strict=True)]


@lru_cache(maxsize=256)
def scheme(axis: Axis) -> Scheme:
    """The scheme with the fewest products for this axis."""
    positions, live = axis.positions, axis.live
    pairs = [(o, k, row[t]) for o, row in enumerate(positions) for k, t in enumerate(live) if row[t] >= 0]
    products = len(positions) + min(len(live), len(axis.used)) - 1
    if axis.stride != 1 or axis.dilation != 1 or products >= len(pairs) or products > len(_POINTS) + 1:
        return Scheme(
            [[Fraction(int(i == q)) for i in range(axis.size)] for _, _, q in pairs],
            [[Fraction(int(k == t)) for k in range(len(live))] for _, t, _ in pairs],
            [[Fraction(int(o == p)) for p, _, _ in pairs] for o in range(len(positions))],
            simple=True,
        )
    outputs = len(positions)
    if len(live) <= axis.size:  # the kernel slides over the padded input
        data, filters, result = cook_toom(outputs, len(live))
        start = live[0] - axis.padding  # input position under the first live tap of the first output
        inputs = [_window(row, -start, axis.size) for row in data]
        return Scheme(inputs, filters, result, simple=products <= 3)
    # the reversed output slides over the padded kernel: y[o] = sum_i x[i] w[i - o + padding]
    data, filters, result = cook_toom(outputs, axis.size)
    start = axis.padding - outputs + 1  # tap under the first input of the last output
    taps = [_window(row, live[0] - start, len(live)) for row in data]
    return Scheme(filters, taps, result[::-1], simple=products <= 3)


def _window(row: list[Fraction], start: int, length: int) -> list[Fraction]:
    """``row[start : start + length]``, zero outside."""
    return [row[i] if 0 <= i < len(row) else Fraction(0) for i in range(start, start + length)]


@lru_cache(maxsize=256)
def _matrices(rows: Axis, columns: Axis, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The two-dimensional ``inputs``, ``taps`` and ``outputs``: Kronecker products of the two axes' matrices."""

    def both(name: str) -> Tensor:
        a, b = (
            torch.tensor([[float(v) for v in row] for row in getattr(scheme(axis), name)], dtype=torch.float64)
            for axis in (rows, columns)
        )
        return torch.kron(a, b).to(device=device, dtype=dtype)

    return both("inputs"), both("taps"), both("outputs")


class _SmallMapConvolution(torch.autograd.Function):
    """``x (n, P, I)``, ``weight (O, T, I)`` -> ``(n, Q, O)``; P, Q: pixels, T: live taps. ``dtype``: of the products."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, rows: Axis, columns: Axis, dtype: torch.dtype) -> Tensor:
        ctx.axes, ctx.x_dtype = (rows, columns), x.dtype
        with torch.autocast(x.device.type, enabled=False):
            inputs, _, outputs = _matrices(rows, columns, dtype, x.device)
            _, taps, _ = _matrices(rows, columns, weight.dtype, x.device)
            n, channels_out = x.shape[0], weight.shape[0]
            # (n, products, I) and (O, products, I): a product's matrices are read in place, by their strides
            u = torch.bmm(taps.expand(channels_out, -1, -1), weight).to(dtype)
            v = torch.bmm(inputs.expand(n, -1, -1), x.to(dtype))
            m = v.new_empty(n, v.shape[1], channels_out)
            torch.bmm(v.permute(1, 0, 2), u.permute(1, 2, 0), out=m.permute(1, 0, 2))
            ctx.save_for_backward(u, v)
            ctx.weight_dtype = weight.dtype
            return torch.bmm(outputs.expand(n, -1, -1), m)

    @staticmethod
    def backward(ctx, grad: Tensor):
        u, v = ctx.saved_tensors
        grad_x = grad_weight = None
        with torch.autocast(grad.device.type, enabled=False):
            inputs, _, outputs = _matrices(*ctx.axes, v.dtype, grad.device)
            _, taps, _ = _matrices(*ctx.axes, ctx.weight_dtype, grad.device)
            n, channels_out = grad.shape[0], u.shape[0]
            grad_m = torch.bmm(outputs.t().expand(n, -1, -1), grad.to(v.dtype))
            if ctx.needs_input_grad[0]:
                grad_v = torch.empty_like(v)
                torch.bmm(grad_m.permute(1, 0, 2), u.permute(1, 0, 2), out=grad_v.permute(1, 0, 2))
                grad_x = torch.bmm(inputs.t().expand(n, -1, -1), grad_v).to(ctx.x_dtype)
            if ctx.needs_input_grad[1]:
                grad_u = torch.empty_like(u)
                torch.bmm(grad_m.permute(1, 2, 0), v.permute(1, 0, 2), out=grad_u.permute(1, 0, 2))
                grad_weight = torch.bmm(taps.t().expand(channels_out, -1, -1), grad_u.to(ctx.weight_dtype))
        return grad_x, grad_weight, None, None, None


def small_map_conv2d(x: Tensor, weight: Tensor, rows: Axis, columns: Axis, dtype: torch.dtype) -> Tensor:
    """The convolution of ``x (n, I, h, w)`` with the live taps ``weight (O, I, live rows, live columns)``.

    Fastest where both are stored channels last, as the result ``(n, O, h', w')`` is.
    """
    n = x.shape[0]
    pixels = x.permute(0, 2, 3, 1).reshape(n, rows.size * columns.size, x.shape[1])
    taps = weight.permute(0, 2, 3, 1).reshape(weight.shape[0], -1, weight.shape[1])
    y = _SmallMapConvolution.apply(pixels, taps, rows, columns, dtype)
    return y.view(n, rows.outputs, columns.outputs, -1).permute(0, 3, 1, 2)


def cost(rows: Axis, columns: Axis, channels_in: int, channels_out: int) -> tuple[int, int]:
    """Multiplications per image of :func:`small_map_conv2d` and of the ordinary convolution (which counts padding too)."""
    products = len(scheme(rows).inputs) * len(scheme(columns).inputs)
    pixels_in, pixels_out = rows.size * columns.size, rows.outputs * columns.outputs
    small = products * (channels_in * channels_out + pixels_in * channels_in + pixels_out * channels_out)
    return small, pixels_out * rows.kernel * columns.kernel * channels_in * channels_out
