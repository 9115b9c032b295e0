"""The arithmetic of convolutions on small maps: fewer products than the convolution, the same function.

Along one axis a convolution is bilinear in input and kernel: ``y = outputs @ ((inputs @ x) * (taps @ w))`` with
three fixed matrices and one product per row. Written out it needs a product for each pair of an output and a tap
that meets a pixel there. With stride 1 the pairs form a Toeplitz matrix, for which Cook and Toom (see Winograd,
Arithmetic Complexity of Computations, 1980; Lavin and Gray, CVPR 2016) need ``outputs + min(taps, inputs) - 1``
products: 3 instead of 4 on a map of 2 pixels, 6 instead of 10 on one of 4; larger maps are cut into tiles of 4
outputs. Padding costs nothing, since ``inputs`` has no columns for it. In two dimensions the numbers multiply: a
3x3 kernel needs 9 products instead of 36 on 2x2 pixels, 36 instead of 144 on 4x4. Each is a product of matrices
over batch and channels, and a layer is one ``torch.bmm``.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Evaluation points beside infinity, in the order of use: five give the smallest float32 error of the sets tried for
# six products, and with two all entries are -1, 0 or 1.
_POINTS = (Fraction(0), Fraction(-1), Fraction(1), Fraction(1, 2), Fraction(-2))


@dataclass(frozen=True)
class MapAxis:
    """A convolution along one axis, and what of it can matter."""

    size: int
    kernel: int
    stride: int
    padding: int
    dilation: int

    @cached_property
    def positions(self) -> list[list[int]]:
        """For each output position, the input position under each tap, or -1 where that is padding."""
        outputs = (self.size + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) // self.stride + 1
        starts = [o * self.stride - self.padding for o in range(outputs)]
        rows = [[start + t * self.dilation for t in range(self.kernel)] for start in starts]
        return [[i if 0 <= i < self.size else -1 for i in row] for row in rows]

    @cached_property
    def outputs(self) -> int:
        return len(self.positions)

    @cached_property
    def live(self) -> list[int]:
        """The taps that ever meet a pixel."""
        return [t for t in range(self.kernel) if any(row[t] >= 0 for row in self.positions)]

    @cached_property
    def used(self) -> list[int]:
        """The input positions that ever meet a tap."""
        return sorted({i for row in self.positions for i in row if i >= 0})


Matrix = list[list[Fraction]]


@dataclass(frozen=True)
class Tile:
    """Reads input positions ``start:stop`` by ``inputs``, writes outputs ``first:last`` by ``outputs``.

    ``inputs`` is ``(products, stop - start)``, ``outputs`` ``(last - first, products)``.
    """

    start: int
    stop: int
    inputs: Matrix
    first: int
    last: int
    outputs: Matrix


@dataclass(frozen=True)
class Scheme:
    """Exact matrices of one axis: ``taps (products, live taps)``, and those of each tile of the map.

    ``simple``: no intermediate value is much larger than the result, so that 16-bit products are safe.
    """

    taps: Matrix
    tiles: list[Tile]
    simple: bool

    @property
    def products(self) -> int:
        return len(self.taps) * len(self.tiles)


def _times_linear(polynomial: list[Fraction], root: Fraction) -> list[Fraction]:
    """Coefficients, lowest first, of ``polynomial * (x - root)``."""
    shifted, scaled = [Fraction(0), *polynomial], [-root * c for c in polynomial] + [Fraction(0)]
    return [a + b for a, b in zip(shifted, scaled, strict=True)]


def cook_toom(outputs: int, taps: int) -> tuple[Matrix, Matrix, Matrix]:
    """Matrices of ``y[o] = sum_t g[t] d[o + t]`` with ``n = outputs + taps - 1`` products: for ``d``, ``g`` and ``y``.

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


def _window(row: list[Fraction], start: int, length: int) -> list[Fraction]:
    """``row[start : start + length]``, zero outside."""
    return [row[i] if 0 <= i < len(row) else Fraction(0) for i in range(start, start + length)]


def _pairwise(axis: MapAxis) -> Scheme:
    """One product for each pair of an output and a tap that meets a pixel there."""
    pairs = [(o, k, row[t]) for o, row in enumerate(axis.positions) for k, t in enumerate(axis.live) if row[t] >= 0]
    inputs = [[Fraction(int(i == q)) for i in range(axis.size)] for _, _, q in pairs]
    taps = [[Fraction(int(k == t)) for k in range(len(axis.live))] for _, t, _ in pairs]
    outputs = [[Fraction(int(o == p)) for p, _, _ in pairs] for o in range(axis.outputs)]
    return Scheme(taps, [Tile(0, axis.size, inputs, 0, axis.outputs, outputs)], simple=True)


def _sliding_kernel(axis: MapAxis, per_tile: int) -> Scheme:
    """The kernel slides over the padded input, ``per_tile`` outputs at a time (stride and dilation 1)."""
    data, filters, result = cook_toom(per_tile, len(axis.live))
    tiles = []
    for first in range(0, axis.outputs, per_tile):
        last = min(first + per_tile, axis.outputs)
        origin = first - axis.padding + axis.live[0]  # input position under the first live tap of output `first`
        start = min(max(origin, 0), axis.size)
        stop = max(min(origin + len(data), axis.size), start)
        inputs = [_window(row, start - origin, stop - start) for row in data]
        tiles.append(Tile(start, stop, inputs, first, last, result[: last - first]))
    return Scheme(filters, tiles, simple=len(filters) <= 3)


def _sliding_input(axis: MapAxis) -> Scheme:
    """The input slides over the padded kernel, last output first: y[o] = sum_i x[i] w[i - o + padding]."""
    data, filters, result = cook_toom(axis.outputs, axis.size)
    origin = axis.padding - axis.outputs + 1  # tap under the first input of the last output
    taps = [_window(row, axis.live[0] - origin, len(axis.live)) for row in data]
    return Scheme(taps, [Tile(0, axis.size, filters, 0, axis.outputs, result[::-1])], simple=len(taps) <= 3)


@lru_cache(maxsize=256)
def scheme(axis: MapAxis) -> Scheme:
    """The scheme with the fewest products for this axis."""
    schemes = [_pairwise(axis)]
    if axis.stride == axis.dilation == 1:
        most = len(_POINTS) + 1
        if axis.outputs + axis.size - 1 <= most:
            schemes.append(_sliding_input(axis))
        per_tile = min(axis.outputs, most + 1 - len(axis.live))
        if per_tile > 0:
            schemes.append(_sliding_kernel(axis, per_tile))
    return min(schemes, key=lambda s: s.products)


@dataclass(frozen=True)
class MapTile:
    """A tile of a map: rows and columns that it reads and that it writes, and the matrices on their pixels."""

    window: tuple[slice, slice]
    inputs: Tensor  # (products, pixels of the window)
    target: tuple[slice, slice]
    outputs: Tensor  # (pixels of the target, products)


def _kron(a: Matrix, b: Matrix, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # kept for trainings, even if an evaluation comes first
        a, b = (torch.tensor([[float(v) for v in row] for row in m], dtype=torch.float64) for m in (a, b))
        return torch.kron(a, b).to(device=device, dtype=dtype)


@lru_cache(maxsize=256)
def _taps_matrix(rows: MapAxis, columns: MapAxis, dtype: torch.dtype, device: torch.device) -> Tensor:
    return _kron(scheme(rows).taps, scheme(columns).taps, dtype, device)


@lru_cache(maxsize=256)
def _map_tiles(rows: MapAxis, columns: MapAxis, dtype: torch.dtype, device: torch.device) -> list[MapTile]:
    return [
        MapTile(
            (slice(r.start, r.stop), slice(c.start, c.stop)),
            _kron(r.inputs, c.inputs, dtype, device),
            (slice(r.first, r.last), slice(c.first, c.last)),
            _kron(r.outputs, c.outputs, dtype, device),
        )
        for r in scheme(rows).tiles
        for c in scheme(columns).tiles
    ]


def _gather(maps: Tensor, part: tuple[slice, slice]) -> Tensor:
    """``(n, h, w, c)`` -> ``(pixels of the part, n * c)``."""
    pixels = maps[:, part[0], part[1]].permute(1, 2, 0, 3)
    return pixels.reshape(pixels.shape[0] * pixels.shape[1], -1)


def _spread(pixels: Tensor, maps: Tensor, part: tuple[slice, slice], add: bool = False) -> None:
    """The inverse of :func:`_gather`, into (or onto) ``maps``."""
    target = maps[:, part[0], part[1]]
    n, height, width, channels = target.shape
    source = pixels.view(height, width, n, channels).permute(2, 0, 1, 3)
    if add:
        target.add_(source)
    else:
        target.copy_(source)


class _SmallMapConvolution(torch.autograd.Function):
    """``x (n, h, w, I)``, ``weight (live taps, O, I)`` -> ``(n, h', w', O)``. ``dtype``: of the products.

    A product's two matrices are ``(tiles * n, I)`` and ``(I, O)``.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, rows: MapAxis, columns: MapAxis, dtype: torch.dtype) -> Tensor:
        n, channels_out, channels_in = x.shape[0], *weight.shape[1:]
        with torch.autocast(x.device.type, enabled=False):
            taps = _taps_matrix(rows, columns, weight.dtype, x.device)
            tiles = _map_tiles(rows, columns, dtype, x.device)
            x = x.to(dtype)
            u = torch.mm(taps, weight.reshape(len(weight), -1)).view(-1, channels_out, channels_in).to(dtype)
            v = x.new_empty(len(taps), len(tiles), n * channels_in)
            for t, tile in enumerate(tiles):
                torch.mm(tile.inputs, _gather(x, tile.window), out=v[:, t])
            m = torch.bmm(v.view(len(taps), -1, channels_in), u.transpose(1, 2))
            m = m.view(len(taps), len(tiles), -1)
            y = x.new_empty(n, rows.outputs, columns.outputs, channels_out)
            for t, tile in enumerate(tiles):
                _spread(torch.mm(tile.outputs, m[:, t]), y, tile.target)
        ctx.save_for_backward(u, v)
        ctx.axes, ctx.x_shape, ctx.weight_dtype = (rows, columns), x.shape, weight.dtype
        return y

    @staticmethod
    @once_differentiable  # autograd would not follow what is written into existing tensors
    def backward(ctx, grad: Tensor):
        u, v = ctx.saved_tensors
        products, channels_out, channels_in = u.shape
        grad_x = grad_weight = None
        with torch.autocast(grad.device.type, enabled=False):
            tiles = _map_tiles(*ctx.axes, v.dtype, grad.device)
            grad = grad.to(v.dtype)
            grad_m = v.new_empty(products, len(tiles), grad.shape[0] * channels_out)
            for t, tile in enumerate(tiles):
                torch.mm(tile.outputs.t(), _gather(grad, tile.target), out=grad_m[:, t])
            grad_m = grad_m.view(products, -1, channels_out)
            if ctx.needs_input_grad[0]:
                grad_v = torch.bmm(grad_m, u).view(products, len(tiles), -1)
                overlap = len(tiles) > 1
                grad_x = v.new_zeros(ctx.x_shape) if overlap else v.new_empty(ctx.x_shape)
                for t, tile in enumerate(tiles):
                    _spread(torch.mm(tile.inputs.t(), grad_v[:, t]), grad_x, tile.window, add=overlap)
            if ctx.needs_input_grad[1]:
                grad_u = torch.bmm(grad_m.transpose(1, 2), v.view(products, -1, channels_in))
                taps = _taps_matrix(*ctx.axes, ctx.weight_dtype, grad.device)
                grad_weight = torch.mm(taps.t(), grad_u.to(ctx.weight_dtype).view(products, -1))
                grad_weight = grad_weight.view(-1, channels_out, channels_in)
        return grad_x, grad_weight, None, None, None


def small_map_conv2d(x: Tensor, weight: Tensor, rows: MapAxis, columns: MapAxis, dtype: torch.dtype) -> Tensor:
    """The convolution of ``x (n, I, h, w)`` with the live taps ``weight (O, I, live rows, live columns)``.

    Fastest where both are stored channels last, as the result ``(n, O, h', w')`` is.
    """
    taps = weight.permute(2, 3, 0, 1).reshape(-1, *weight.shape[:2])
    return _SmallMapConvolution.apply(x.permute(0, 2, 3, 1), taps, rows, columns, dtype).permute(0, 3, 1, 2)


def cost(rows: MapAxis, columns: MapAxis, channels_in: int, channels_out: int) -> tuple[int, int]:
    """Multiplications per image here and of the ordinary convolution, which multiplies padding, too."""
    small = 0
    for r in scheme(rows).tiles:
        for c in scheme(columns).tiles:
            pixels_in = (r.stop - r.start) * (c.stop - c.start)
            pixels_out = (r.last - r.first) * (c.last - c.first)
            per_product = channels_in * channels_out + pixels_in * channels_in + pixels_out * channels_out
            small += len(r.inputs) * len(c.inputs) * per_product
    pairs = rows.outputs * columns.outputs * rows.kernel * columns.kernel
    return small, pairs * channels_in * channels_out
