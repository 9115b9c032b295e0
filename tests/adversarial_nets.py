"""Small networks that do what tools which rewrite networks forget: hooks, reparametrized weights, aliases, layers without a
gradient, forwards that depend on the mode or read a layer's weights.

Each takes images of :data:`IMAGE`, returns ``(n, CLASSES)`` logits and has, unless it says otherwise, the layers of
:class:`Trunk`: ``inner`` works on 2x2 maps and ``last`` on 1x1, so that most of their taps only ever meet padding.
:data:`NETS` builds them by name, always with the same weights.
"""

import types
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

IMAGE = (3, 8, 8)
CLASSES = 4
WIDTH = 16

NETS: dict[str, Callable[[], nn.Module]] = {}


def net(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """Register a builder, or a class, under its name in lower case with hyphens; its weights come from one seed."""

    def seeded() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            return build()

    words = "".join("_" + c.lower() if c.isupper() else c for c in build.__name__)
    NETS[words.strip("_").replace("_", "-")] = seeded
    return build


class Trunk(nn.Module):
    """Four convolutions on 8x8, 4x4, 2x2 and 1x1 pixels and a linear classifier."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTH, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(WIDTH)
        self.down = nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.inner = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.last = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.fc = nn.Linear(WIDTH, CLASSES)

    def maps(self, x: Tensor) -> Tensor:
        """The 2x2 maps that ``inner`` sees."""
        return self.down(self.norm(self.stem(x)).relu()).relu()

    def head(self, x: Tensor) -> Tensor:
        """From what ``inner`` returns to logits."""
        return self.fc(self.last(F.max_pool2d(x.relu(), 2)).relu().flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.inner(self.maps(x)))


net(type("Plain", (Trunk,), {"__doc__": "Nothing special: what a rewriting tool is made for."}))

# ---------------------------------------------------------------- hooks


@net
def forward_hook() -> nn.Module:
    """What ``last`` returns is doubled by a hook."""
    model = Trunk()
    model.last.register_forward_hook(lambda module, inputs, output: 2 * output + 0.5)
    return model


@net
def forward_pre_hook() -> nn.Module:
    """What ``inner`` is given is changed by a hook."""
    model = Trunk()
    model.inner.register_forward_pre_hook(lambda module, inputs: (inputs[0].tanh(),))
    return model


@net
def backward_hook() -> nn.Module:
    """The gradient that leaves ``last`` is doubled by a hook; outputs are as usual."""
    model = Trunk()
    model.last.register_full_backward_hook(lambda module, inputs, outputs: (2 * inputs[0],))
    return model


@net
def gradient_hook() -> nn.Module:
    """The gradient of ``last.weight`` is halved by a hook on the tensor; outputs are as usual."""
    model = Trunk()
    model.last.weight.register_hook(lambda gradient: gradient / 2)
    return model


@net
def hook_that_reads_another_layer() -> nn.Module:
    """A hook of ``fc`` divides by the length of ``last.weight``, which it holds, without a gradient."""
    model = Trunk()
    last = model.last
    model.fc.register_forward_hook(lambda module, inputs, output: output / last.weight.detach().norm())
    return model


# ---------------------------------------------------------------- weights that are computed


@net
def spectral_norm_old() -> nn.Module:
    """``last.weight`` is computed by a hook ahead of every forward."""
    model = Trunk()
    spectral_norm(model.last)
    return model


@net
def spectral_norm_new() -> nn.Module:
    """``last.weight`` is a parametrization."""
    model = Trunk()
    parametrizations.spectral_norm(model.last)
    return model


@net
def weight_norm_old() -> nn.Module:
    """``inner.weight`` is computed from a length and a direction by a hook."""
    model = Trunk()
    with torch.no_grad():
        weight_norm(model.inner)
    return model


@net
def weight_norm_new() -> nn.Module:
    """``inner.weight`` is a parametrization with two parameters."""
    model = Trunk()
    parametrizations.weight_norm(model.inner)
    return model


@net
def pruned() -> nn.Module:
    """Half of ``last.weight`` is held at zero by a mask."""
    model = Trunk()
    prune.random_unstructured(model.last, "weight", 0.5)
    return model


class StandardizedConv2d(nn.Conv2d):
    """A convolution whose kernels are standardized ahead of every forward."""

    def forward(self, x: Tensor) -> Tensor:
        spread, mean = torch.std_mean(self.weight, (1, 2, 3), keepdim=True)
        return self._conv_forward(x, (self.weight - mean) / (spread + 1e-5), self.bias)


@net
def subclass() -> nn.Module:
    """All convolutions are of a subclass with a forward of its own."""
    model = Trunk()
    for name in ("stem", "down", "inner", "last"):
        old = getattr(model, name)
        new = StandardizedConv2d(
            old.in_channels, old.out_channels, 3, old.stride, old.padding, bias=old.bias is not None
        )
        setattr(model, name, new)
    return model


@net
def patched_forward() -> nn.Module:
    """One layer's forward is overridden on the instance."""
    model = Trunk()
    model.last.forward = types.MethodType(lambda self, x: nn.Conv2d.forward(self, x) * 2, model.last)
    return model


@net
class Clamped(Trunk):
    """Every forward first cuts ``last.weight`` to a range."""

    def forward(self, x: Tensor) -> Tensor:
        self.last.weight.data.clamp_(-0.05, 0.05)
        return super().forward(x)


# ---------------------------------------------------------------- aliases


@net
class TwoNames(Trunk):
    """``last`` is registered a second time, ahead of its own name, and called by the first."""

    def __init__(self):
        super().__init__()
        last = self.last
        del self.last
        self.first_name = last
        self.last = last

    def head(self, x: Tensor) -> Tensor:
        return self.fc(self.first_name(F.max_pool2d(x.relu(), 2)).relu().flatten(1))


@net
class TwoCalls(Trunk):
    """``last`` is registered twice and called by both names, both on 1x1 maps."""

    def __init__(self):
        super().__init__()
        self.again = nn.Sequential(self.last)

    def head(self, x: Tensor) -> Tensor:
        return self.fc(self.again(self.last(F.max_pool2d(x.relu(), 2)).relu()).relu().flatten(1))


@net
class SharedWeight(Trunk):
    """``inner`` and ``last`` are two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.last.weight = self.inner.weight


@net
class HiddenList(Trunk):
    """``last`` is called from a list that registers nothing, and stands under its own name for the optimizer."""

    def __init__(self):
        super().__init__()
        self.hidden = [self.last]

    def head(self, x: Tensor) -> Tensor:
        return self.fc(self.hidden[0](F.max_pool2d(x.relu(), 2)).relu().flatten(1))


# ---------------------------------------------------------------- forwards that read layers


@net
class ReadsWeight(Trunk):
    """The forward divides by the root mean square of ``last.weight``."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / self.last.weight.square().mean().sqrt()


@net
class ReadsHiddenWeight(Trunk):
    """As :class:`ReadsWeight`, through a list that registers nothing, and without a gradient."""

    def __init__(self):
        super().__init__()
        self.hidden = [self.last]

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / self.hidden[0].weight.detach().square().mean().sqrt()


@net
class ReadsDtype(Trunk):
    """The forward asks a layer for its number format and its geometry."""

    def head(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(x.relu(), 2).to(self.last.weight.dtype)
        x = F.pad(x, (0, self.last.kernel_size[0] // 3, 0, 0))[..., :1]
        return self.fc(self.last(x).relu().flatten(1))


@net
class UsesFunctional(Trunk):
    """``last`` is never called: the forward convolves with its weight."""

    def head(self, x: Tensor) -> Tensor:
        x = F.conv2d(F.max_pool2d(x.relu(), 2), self.last.weight, self.last.bias, padding=1)
        return self.fc(x.relu().flatten(1))


@net
class LooksForConvolutions(Trunk):
    """The forward goes through its own modules and adds up what it finds."""

    def forward(self, x: Tensor) -> Tensor:
        found = sum(m.weight.mean() for m in self.modules() if isinstance(m, nn.Conv2d))
        return super().forward(x) * (1 + found)


# ---------------------------------------------------------------- parameters without a gradient


@net
class Unused(Trunk):
    """A linear layer, a convolution and a bare parameter that no forward uses."""

    def __init__(self):
        super().__init__()
        self.spare = nn.Linear(WIDTH, WIDTH)
        self.idle = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(3))


@net
class AuxiliaryHead(Trunk):
    """A second head that runs in training and is in no loss."""

    def __init__(self):
        super().__init__()
        self.auxiliary = nn.Linear(WIDTH, CLASSES)
        self.second: Tensor | None = None

    def head(self, x: Tensor) -> Tensor:
        if self.training:
            self.second = self.auxiliary(x.mean((2, 3))).detach()
        return super().head(x)


@net
class Skipped(Trunk):
    """Python code skips ``last`` in every second training step, as layer dropping does: it has a gradient only sometimes."""

    def __init__(self):
        super().__init__()
        self.steps = 0

    def head(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(x.relu(), 2)
        if self.training:
            self.steps += 1
        if not self.training or self.steps % 2:
            x = x + self.last(x)
        return self.fc(x.flatten(1))


@net
def frozen() -> nn.Module:
    """``inner`` and the first batch norm's weights are frozen."""
    model = Trunk()
    model.inner.requires_grad_(False)
    model.norm.requires_grad_(False)
    return model


@net
class Unfreezing(Trunk):
    """``inner`` is frozen for the first two training steps, and ``norm`` from then on."""

    def __init__(self):
        super().__init__()
        self.steps = 0
        self.inner.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.steps += 1
            self.inner.requires_grad_(self.steps > 2)
            self.norm.requires_grad_(self.steps <= 2)
        return super().forward(x)


# ---------------------------------------------------------------- modes, random numbers, memory format


@net
class ModeDependentScale(Trunk):
    """In training the logits are divided by their number."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y / y.shape[1] if self.training else y


@net
class ModeDependentSize(Trunk):
    """``last`` works on 2x2 maps in training and on 1x1 in evaluation."""

    def head(self, x: Tensor) -> Tensor:
        x = x.relu() if self.training else F.adaptive_max_pool2d(x.relu(), 1)
        return self.fc(self.last(x).relu().mean((2, 3)))


@net
class ModeDependentCalls(Trunk):
    """``last`` is called twice in training, once on 2x2 and once on 1x1 maps, and once in evaluation."""

    def head(self, x: Tensor) -> Tensor:
        x = x.relu()
        small = self.last(F.max_pool2d(x, 2)).relu()
        if self.training:
            small = small + self.last(x).relu().mean((2, 3), keepdim=True)
        return self.fc(small.flatten(1))


@net
class MapDropout(Trunk):
    """Dropout of single values of a map: its mask is drawn in the order in which the map lies in memory."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.3)

    def maps(self, x: Tensor) -> Tensor:
        return self.dropout(super().maps(x))


@net
class FunctionalDropout(Trunk):
    """As :class:`MapDropout`, by a function: no module says so."""

    def maps(self, x: Tensor) -> Tensor:
        return F.dropout(super().maps(x), 0.3, self.training)


@net
class Noise(Trunk):
    """Gaussian noise on a map, drawn as the map lies in memory."""

    def maps(self, x: Tensor) -> Tensor:
        x = super().maps(x)
        return x + 0.1 * torch.randn_like(x) if self.training else x


@net
class Views(Trunk):
    """The forward flattens a map of several pixels by ``view``, which maps that lie channels last do not have."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4 * WIDTH, CLASSES)

    def head(self, x: Tensor) -> Tensor:
        x = x + self.last(F.max_pool2d(x.relu(), 2))
        return self.fc(x.relu().view(len(x), -1))


@net
class ZeroBranch(Trunk):
    """``last`` stands in a branch that begins with weight zero, so that nothing of it shows before the first step."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(()))
        self.last.register_forward_hook(lambda module, inputs, output: output.sin())

    def head(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(x.relu(), 2)
        return self.fc((x + self.gain * self.last(x)).flatten(1))


@net
class DoubleBackward(Trunk):
    """The forward takes a gradient through ``inner`` that is itself differentiated."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            maps = self.maps(x)
            maps = maps if maps.requires_grad else maps.detach().requires_grad_()
            inner = self.inner(maps)
            (slope,) = torch.autograd.grad(inner.square().sum(), maps, create_graph=True)
        return self.head(inner) + slope.mean((1, 2, 3))[:, None]
