"""Net2Net on kinds of networks: what is supported is exact, the guard finds what a graph does not show, the page lists it."""

import re

import pytest
import torch
import torch.nn.functional as F
from informed_init.banks.alignment import permutation_groups
from informed_init.channels.operations import KNOWN
from informed_init.channels.rules import LAYERS
from informed_init.errors import InputError
from informed_init.initializers.growth import coupling_groups, fidelity, grow
from informed_init.initializers.growth.reference import growth_reference
from repository import ROOT
from torch import nn


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(side: int = 8, n: int = 6) -> torch.Tensor:
    return torch.randn(n, 3, side, side, dtype=torch.float64, generator=seeded(7))


def made(network: nn.Module, seed: int = 1) -> nn.Module:
    """The network in double precision, no parameter and no statistic at a value that hides something."""
    generator = seeded(seed)
    for module in network.double().modules():
        for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            if tensor.is_floating_point():
                with torch.no_grad():
                    tensor += 0.3 * torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
                    if name == "running_var":
                        tensor.abs_()
    return network


def assert_grows(network: nn.Module, target, x: torch.Tensor | None = None) -> nn.Module:
    x = images() if x is None else x
    teacher = made(network)
    student = grow(teacher, target, example_input=x, generator=seeded(), data=x)
    difference = fidelity(teacher, student, x)
    for mode in ("eval", "train"):
        assert difference[mode] <= 1e-10 * difference[f"{mode}_scale"] > 0
    assert sum(p.numel() for p in student.parameters()) > sum(p.numel() for p in teacher.parameters())
    return student


def refusal(network: nn.Module, target, x: torch.Tensor | None = None) -> str:
    x = images() if x is None else x
    with pytest.raises(InputError) as caught:
        grow(network.double(), target, example_input=x, generator=seeded(), data=x)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Net(nn.Module):
    """A convolution, ``middle``, a convolution and a head; subclasses override ``forward`` or ``middle``."""

    def __init__(self, width: int = 8, middle: nn.Module | None = None):
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.middle = middle or nn.Identity()
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        return self.head(self.second(self.within(self.middle(self.first(x)))).relu().mean((2, 3)))

    def within(self, x):
        return x


def with_code(code, **attributes) -> Net:
    """A :class:`Net` that does ``code(self, x)`` between its two convolutions."""
    network = type("Coded", (Net,), {"within": code})()
    for name, value in attributes.items():
        setattr(network, name, value)
    return network


# What is supported --------------------------------------------------------------------------------


class PlainConv2d(nn.Conv2d):
    """Other defaults, the same layer."""

    def __init__(self, channels_in, channels_out):
        super().__init__(channels_in, channels_out, 3, padding=1)


class SamePadding(nn.Conv2d):
    """A forward of its own that gives the layer's weight to torch's function."""

    def forward(self, x):
        return F.conv2d(F.pad(x, (1, 1, 1, 1)), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class ChannelsLastNorm(nn.LayerNorm):
    def forward(self, x):
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    """Depthwise, channels last, layer norm, two linear layers, layer scale, sum."""

    def __init__(self, width: int):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.scale = nn.Parameter(torch.full((width, 1, 1), 1e-6))

    def forward(self, x):
        y = self.narrow(F.gelu(self.wide(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))))
        return x + self.scale * y.permute(0, 3, 1, 2)


def shuffled(x, groups: int = 2):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


class ShuffleUnit(nn.Module):
    """Half of the channels pass, half are computed, all are shuffled: ShuffleNetV2."""

    def __init__(self, width: int):
        super().__init__()
        half = width // 2
        self.enter, self.leave = nn.Conv2d(half, half, 1), nn.Conv2d(half, half, 1)
        self.depthwise, self.norm = nn.Conv2d(half, half, 3, padding=1, groups=half), nn.BatchNorm2d(half)

    def forward(self, x):
        kept, changed = x.chunk(2, dim=1)
        changed = self.leave(self.norm(self.depthwise(self.enter(changed).relu())))
        return shuffled(torch.cat([kept, changed], 1))


def attention_of_channels(self, x):
    """CBAM: the mean and the largest of all channels decide where to look."""
    seen = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
    return x * torch.sigmoid(self.look(seen))


def transformer(self, x):
    """Every pixel a token: attention, then two linear layers."""
    tokens = x.flatten(2).transpose(1, 2)
    tokens = tokens + self.look(self.norm(tokens), tokens, tokens, need_weights=False)[0]
    return (tokens + self.mlp(tokens)).transpose(1, 2).reshape(x.shape)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))


SUPPORTED = {  # network, what to grow
    "subclass": (lambda: nn.Sequential(PlainConv2d(3, 6), nn.ReLU(), PlainConv2d(6, 4), nn.Flatten()), {"factor": 2}),
    "subclass with a forward": (lambda: Net(middle=SamePadding(8, 8, 3)), {"factor": 2}),
    "subclass of a norm": (lambda: Net(middle=ChannelsLastNorm(8)), {"factor": 2}),
    "group norm without weights": (lambda: Net(middle=nn.GroupNorm(4, 8, affine=False)), {"factor": 2}),
    "layer norm without weights": (
        lambda: Net(middle=nn.LayerNorm([8, 8, 8], elementwise_affine=False)),
        {"factor": 2},
    ),
    "batch norm without anything": (
        lambda: Net(middle=nn.BatchNorm2d(8, affine=False, track_running_stats=False)),
        {"factor": 1.5},
    ),
    "number format of a layer": (
        lambda: with_code(lambda self, x: x.to(self.second.weight.dtype).type(self.second.bias.dtype)),
        {"factor": 1.5},
    ),
    "softmax": (lambda: nn.Sequential(Net(), nn.Softmax(1)), {"factor": 1.5}),
    "log-softmax": (
        lambda: type("Log", (Net,), {"forward": lambda s, x: Net.forward(s, x).log_softmax(-1)})(),
        {"factor": 2},
    ),
    "softmax over pixels": (
        lambda: with_code(lambda self, x: x.flatten(2).softmax(-1).view(x.shape[0], -1, 8, 8)),
        {"factor": 1.5},
    ),
    "convnext": (lambda: Net(middle=nn.Sequential(ConvNeXtBlock(8), ConvNeXtBlock(8))), {"factor": 2}),
    "torch's shuffle": (lambda: Net(middle=nn.ChannelShuffle(4)), {"factor": 3}),
    "shuffle and groups": (
        lambda: Net(
            12,
            middle=nn.Sequential(nn.Conv2d(12, 12, 1, groups=3), nn.ChannelShuffle(3), nn.Conv2d(12, 12, 1, groups=2)),
        ),
        {"factor": 2},
    ),
    "shuffle units": (lambda: Net(16, middle=nn.Sequential(ShuffleUnit(16), ShuffleUnit(16))), {"factor": 2}),
    "gate": (
        lambda: with_code(lambda self, x: torch.cat([(h := x.chunk(2, 1))[0] * h[1].sigmoid(), h[1]], 1)),
        {"factor": 2},
    ),
    "halves by a computed number": (
        lambda: with_code(lambda self, x: torch.cat([x[:, x.shape[1] // 2 :], x[:, : x.shape[1] // 2]], 1)),
        {"factor": 2},
    ),
    "sum with a concatenation": (
        lambda: with_code(
            lambda self, x: x + torch.cat([self.left(x), self.right(x)], 1),
            left=nn.Conv2d(8, 3, 1),
            right=nn.Conv2d(8, 5, 1),
        ),
        {"factor": 2},
    ),
    "layer norm of a concatenation": (
        lambda: with_code(
            lambda self, x: self.norm(torch.cat([x, self.more(x)], 1))[:, : x.shape[1]],
            more=nn.Conv2d(8, 8, 1),
            norm=nn.GroupNorm(2, 16),
        ),
        {"factor": 2},
    ),
    "spatial attention": (
        lambda: with_code(attention_of_channels, look=nn.Conv2d(2, 1, 3, padding=1)),
        {"factor": 2, "widths": {"look": 1}},
    ),
    "a scale by channel": (
        lambda: with_code(
            lambda self, x: x * self.scale.view(1, -1, 1, 1) + self.shift[:, None, None],
            scale=nn.Parameter(torch.ones(8)),
            shift=nn.Parameter(torch.zeros(8)),
        ),
        {"factor": 1.5},
    ),
    "a place for every pixel": (
        lambda: with_code(lambda self, x: x + self.places, places=nn.Parameter(torch.zeros(1, 8, 8, 8))),
        {"factor": 1.5},
    ),
    "a learned power": (
        lambda: with_code(lambda self, x: x.clamp(min=1e-6) ** self.power, power=nn.Parameter(torch.ones(1))),
        {"factor": 1.5},
    ),
    "transposed and back": (
        lambda: with_code(
            lambda self, x: x.flatten(2).transpose(1, 2).relu().swapaxes(1, 2).view(x.shape[0], -1, 8, 8)
        ),
        {"factor": 1.5},
    ),
    "the MLP of a transformer": (
        lambda: with_code(
            transformer, look=nn.MultiheadAttention(8, 2, batch_first=True), norm=nn.LayerNorm(8), mlp=mlp()
        ),
        {"widths": {"mlp.0": 20}},
    ),
    "functional dropout": (lambda: with_code(lambda self, x: F.dropout2d(x, 0.5, self.training)), {"factor": 1.5}),
    "width in a dead end": (
        lambda: with_code(lambda self, x: x + 0 * (x / x.shape[1]).sum()),
        {"widths": {"second": 12}},
    ),
}


@pytest.mark.parametrize("case", SUPPORTED)
def test_supported_networks_grow_exactly_in_both_modes(case):
    build, target = SUPPORTED[case]
    assert_grows(build(), target)


@pytest.mark.slow
def test_torchvisions_convnext_grows():
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    network = ConvNeXt([CNBlockConfig(8, 16, 2), CNBlockConfig(16, 24, 1), CNBlockConfig(24, None, 1)], num_classes=4)
    student = assert_grows(network, {"factor": 2}, images(32, 2))
    assert student.features[1][0].layer_scale.shape == (16, 1, 1)


def test_attributes_agree_with_the_wider_tensors():
    middle = nn.Sequential(nn.GroupNorm(4, 8, affine=False), nn.LayerNorm([8, 8, 8], elementwise_affine=False))
    student = assert_grows(Net(middle=middle), {"factor": 2})
    assert student.middle[0].num_channels == 16 and student.middle[1].normalized_shape == (16, 8, 8)
    assert student.second.in_channels == student.second.out_channels == student.head.in_features == 16


def test_a_target_may_hold_parameters_and_aliases_of_its_own():
    def network(width):
        net = with_code(lambda self, x: self.scale[:, None, None] * x, scale=nn.Parameter(torch.ones(width)))
        net.first, net.second = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        net.head = nn.Linear(width, 4)
        net.alias = net.second
        return net

    student = assert_grows(network(8), network(13))
    assert student.scale.shape == (13,) and student.alias is student.second


# What is refused ----------------------------------------------------------------------------------


def repeatedly_halved() -> nn.Module:
    return Net(12, middle=nn.Sequential(*[ShuffleUnit(12) for _ in range(4)]))


STOPPED = {  # network, what to grow, what the one line says
    "repeated halving": (repeatedly_halved, {"factor": 2}, "copies would not stay with theirs"),
    "half of what is shuffled": (
        lambda: with_code(lambda self, x: shuffled(torch.cat([x, self.more(x)], 1))[:, ::2], more=nn.Conv2d(8, 8, 1)),
        {"widths": {"first": 16}},
        "takes single channels",
    ),
    "one of two that are summed": (
        lambda: with_code(
            lambda self, x: x + torch.cat([self.left(x), self.right(x)], 1),
            left=nn.Conv2d(8, 4, 1),
            right=nn.Conv2d(8, 4, 1),
        ),
        {"widths": {"left": 8}},
        "widen all by the same factor",
    ),
    "shuffle by a fraction": (
        lambda: Net(middle=nn.ChannelShuffle(2)),
        {"factor": 1.5},
        "moves them about by their position",
    ),
    "pooling over features": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.MaxPool1d(2), nn.Linear(4, 2)),
        {"factor": 2},
        r"'2' mixes neighboring channels \(MaxPool1d of a tensor with 2 dimensions\)",
    ),
    "pooling over features by a function": (
        lambda: type(
            "Pooled", (Net,), {"forward": lambda s, x: s.head(F.max_pool1d(s.first(x).mean((2, 3)), 3, 1, 1))}
        )(),
        {"factor": 2},
        "'max_pool1d' mixes neighboring channels",
    ),
    "computed weights": (
        lambda: type("Own", (Net,), {"within": lambda s, x: F.conv2d(x, s.second.weight.tanh(), padding=1)})(),
        {"factor": 2},
        "'conv2d' is an operation",
    ),
    "only computed weights": (
        lambda: nn.Sequential(*[nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 3, 1)) for _ in range(2)]),
        {"factor": 2},
        "factor: '0' makes channels that growth cannot widen; name the layers",
    ),
    "nothing": (lambda: nn.Sequential(nn.Conv2d(3, 4, 8), nn.Flatten()), {"factor": 2}, "no layer can be widened but"),
    "softmax over channels": (lambda: Net(middle=nn.Softmax(1)), {"factor": 2}, "'middle' is Softmax"),
    "sum over channels": (
        lambda: with_code(lambda self, x: x * x.sum(1, keepdim=True)),
        {"factor": 2},
        "'sum' sums over the channels",
    ),
    "attention": (
        lambda: with_code(
            lambda self, x: self.look(*[x.flatten(2).transpose(1, 2)] * 3)[0].transpose(1, 2).unflatten(2, (8, 8)),
            look=nn.MultiheadAttention(8, 2, batch_first=True),
        ),
        {"factor": 2},
        "'look' is MultiheadAttention",
    ),
    "no shape yet": (lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten()), {"factor": 2}, "has no shape yet"),
    "no parameters": (lambda: nn.ReLU(), {}, "ReLU has no parameters"),
    "no numbers": (
        lambda: with_code(lambda self, x: x * torch.nan),
        {"factor": 2},
        "returns no finite numbers that differ",
    ),
}


@pytest.mark.parametrize("case", STOPPED)
def test_what_is_not_supported_is_refused_in_one_line(case):
    build, target, message = STOPPED[case]
    assert re.search(message, refusal(build(), target))


def divided(when):
    """The channels divided by their number, in some modes, in a branch that a learned weight may switch off."""
    return lambda self, x: x + self.gain * (x / x.shape[1] if when(self) else x)


@pytest.mark.parametrize("hidden", ["nowhere", "zero head", "small head", "zero gain"])
@pytest.mark.parametrize(
    ("mode", "when"), [("evaluation", lambda s: not s.training), ("training", lambda s: s.training)]
)
def test_the_guard_finds_what_depends_on_a_width_wherever_it_hides(hidden, mode, when):
    network = with_code(divided(when), gain=nn.Parameter(torch.ones(())))
    with torch.no_grad():
        if hidden == "zero head":
            network.head.weight.zero_()
            network.head.bias.zero_()
        elif hidden == "small head":
            network.head.weight.mul_(1e-9)
        elif hidden == "zero gain":
            network.gain.zero_()
    assert f"in {mode} mode: its code depends on the widths" in refusal(network, {"factor": 2})


def test_a_network_that_returns_the_same_for_all_images_is_refused():
    constant = torch.zeros(())  # no parameter: nothing tells what is behind it
    assert "differ between images" in refusal(with_code(lambda self, x: constant * x), {"factor": 2})


def test_a_network_whose_outputs_are_zero_for_now_is_grown():
    network = Net().double()
    nn.init.zeros_(network.head.weight)
    nn.init.zeros_(network.head.bias)
    student = grow(network, {"factor": 2}, example_input=images(), generator=seeded())
    assert student.first.out_channels == 16 and not student(images()).any()


def test_a_network_that_insists_on_single_precision_is_compared_in_it():
    network, x = type("Single", (Net,), {"within": lambda self, x: x.float()})().float(), images().float()
    student = grow(network, {"factor": 1.5}, example_input=x, generator=seeded())
    difference = fidelity(network, student, x)
    assert difference["eval"] < 1e-5 * difference["eval_scale"]
    network = type("Single", (Net,), {"within": lambda self, x: x.float() / x.shape[1]})().float()
    with pytest.raises(InputError, match="depends on the widths"):
        grow(network, {"factor": 1.5}, example_input=x, generator=seeded())


def test_a_network_that_knows_the_number_of_its_images_is_grown():
    network = with_code(lambda self, x: x.view(6, -1, 8, 8), gain=nn.Parameter(torch.ones(())))
    assert_grows(network, {"factor": 1.5})


def test_who_counts_images_is_told_of_one_look_at_the_student():
    """What a comparison of arms charges a student for does not grow with how carefully it was checked."""
    seen: list[int] = []
    target = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 6), nn.Flatten()).double()
    target.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    teacher = made(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 6), nn.Flatten()))
    grow(teacher, target, example_input=images(), generator=seeded())
    assert seen == [6]


def test_data_that_hold_no_numbers_are_refused():
    network, bad = Net(middle=nn.BatchNorm2d(8)).double(), images()
    bad[0, 0, 0, 0] = torch.nan
    with pytest.raises(InputError, match="differs from it by nan on example_input; are its weights and data= finite"):
        grow(network, {"insert": ["first"]}, example_input=images(), data=bad, generator=seeded())


def test_a_group_that_meets_its_own_parameter_or_is_shuffled_is_not_aligned():
    """Alignment permutes channels of trained networks; it leaves those that it could not permute together."""
    network = with_code(
        lambda self, x: self.scale[:, None, None] * x, scale=nn.Parameter(torch.ones(8)), middle=nn.ChannelShuffle(2)
    )
    assert {g.layers for g in coupling_groups(network, images(8).float())} == {("first",), ("second",), ("head",)}
    assert list(permutation_groups(network, (3, 8, 8)).axes) == ["second"]


# The page -----------------------------------------------------------------------------------------


def test_the_page_is_what_the_rules_say():
    assert (ROOT / "docs" / "net2net.md").read_text() == growth_reference()


def test_every_known_layer_has_a_rule_or_is_refused_by_name():
    ruled = tuple(kind for rule in LAYERS for kind in rule.kinds)
    assert {kind.__name__ for kind in KNOWN if not issubclass(kind, ruled)} == {"RReLU", "GLU"}


@pytest.mark.slow
def test_the_example_of_the_page_runs():
    text = (ROOT / "docs" / "net2net.md").read_text()
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], names)
    assert sum(p.numel() for p in names["student"].parameters()) > 2 * sum(
        p.numel() for p in names["teacher"].parameters()
    )
