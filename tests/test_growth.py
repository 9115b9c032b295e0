"""Net2Net: the student computes what its teacher does, counts to the integer, refusals name the layer."""

import copy
import functools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from informed_init import architectures
from informed_init.architectures.inception import Inception
from informed_init.architectures.lenet import LeNet
from informed_init.architectures.resnet18 import resnet18
from informed_init.errors import InputError
from informed_init.initializers.growth import GrowthSpec, coupling_groups, fidelity, grow, net2deeper, net2wider
from torch import nn

NARROW = 0.3**0.5


class Block(nn.Module):
    """A residual block with a convolution on the shortcut where the width changes."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = None
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride), nn.BatchNorm2d(channels))

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + (x if self.shortcut is None else self.shortcut(x)))


class Residual(nn.Module):
    def __init__(self, width: int = 6, blocks: int = 2):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.stage1 = nn.Sequential(*[Block(width, width) for _ in range(blocks)])
        first = [Block(width, 2 * width, 2)]
        self.stage2 = nn.Sequential(*first, *[Block(2 * width, 2 * width) for _ in range(blocks - 1)])
        self.head = nn.Linear(2 * width, 4)

    def forward(self, x):
        return self.head(self.stage2(self.stage1(self.stem(x))).mean((2, 3)))


class Mixed(nn.Module):
    """Concatenation, depthwise and grouped convolution, gating, PReLU, group norm, the input again, BN1d."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3, padding=1)
        self.b = nn.Conv2d(3, 6, 5, padding=2)
        self.depthwise = nn.Conv2d(10, 20, 3, padding=1, groups=10)
        self.norm = nn.BatchNorm2d(20)
        self.slopes = nn.PReLU(20)
        self.enter = nn.Conv2d(23, 8, 1)
        self.squeeze = nn.Conv2d(8, 5, 1)
        self.gate = nn.Conv2d(5, 8, 1)
        self.grouped = nn.Conv2d(8, 12, 3, groups=2, padding=1, bias=False)
        self.group_norm = nn.GroupNorm(2, 12)
        self.bn = nn.BatchNorm1d(12 * 16)
        self.fc1 = nn.Linear(12 * 16, 9)
        self.fc2 = nn.Linear(9, 4)

    def forward(self, x):
        y = self.slopes(self.norm(self.depthwise(torch.cat([self.a(x), self.b(x)], 1))))
        y = F.relu(self.enter(torch.cat([y, x], dim=1)))
        gate = torch.sigmoid(self.gate(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        y = F.max_pool2d(F.relu(self.group_norm(self.grouped(y * gate))), 2)
        y = self.bn(y.view(y.size(0), -1))
        return self.fc2(F.dropout(F.relu(self.fc1(y)), 0.5, self.training and False))


class Auxiliary(nn.Module):
    """A head that runs in training mode only."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 5, 3)
        self.aux = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4))
        self.head = nn.Linear(5, 4)

    def forward(self, x):
        x = F.relu(self.body(x)).mean((2, 3))
        return (self.head(x), self.aux(x)) if self.training else self.head(x)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(side: int, n: int = 8, channels: int = 3) -> torch.Tensor:
    return torch.randn(n, channels, side, side, generator=seeded(7))


def descend(model: nn.Module, x: torch.Tensor, labels: torch.Tensor, steps: int, rate: float) -> None:
    """Gradient descent with momentum 0.9, by hand because the first use of torch.optim takes seconds to import."""
    velocity = [torch.zeros_like(p) for p in model.parameters()]
    for _ in range(steps):
        outputs = model(x)
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        loss = F.cross_entropy(outputs, labels)
        gradients = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
        with torch.no_grad():
            for parameter, v, gradient in zip(model.parameters(), velocity, gradients, strict=True):
                parameter -= rate * v.mul_(0.9).add_(gradient)


def trained(model: nn.Module, x: torch.Tensor, steps: int = 6) -> nn.Module:
    """``model`` after a few steps from batch norms with scales, shifts and statistics of their own."""
    generator = seeded(1)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            with torch.no_grad():
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0, 0.2, generator=generator)
                module.running_mean.normal_(0, 0.2, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
        elif isinstance(module, nn.Dropout):
            module.p = 0.0
    labels = torch.randint(4, (len(x),), generator=generator)
    descend(model.train(), x, labels, steps, 0.03)
    return model.eval()


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def assert_same_function(teacher, student, x, modes=("eval", "train")):
    """Within float32's rounding, and within 1e-10 where both compute in float64."""
    result = fidelity(teacher, student, x)
    for mode in modes:
        assert result[mode] < 1e-5 * max(1.0, result[f"{mode}_scale"]), (mode, result)


def assert_widens_exactly(teacher, x, factor=1.25):
    student = net2wider(teacher, factor=factor, example_input=x[:2], generator=seeded())
    before, after = coupling_groups(teacher, x[:2]), coupling_groups(student, x[:2])
    for old, new in zip(before, after, strict=True):
        at_boundary = old.fixed is not None and "the network's" in old.fixed
        assert new.channels == old.channels if at_boundary else new.channels > old.channels
    assert_same_function(teacher, student, x)
    double = copy.deepcopy(teacher).double()
    student = net2wider(double, factor=factor, example_input=x[:2].double(), generator=seeded())
    result = fidelity(double, student, x.double())
    assert max(result["eval"], result["train"]) < 1e-10


def torchvision_model(name: str) -> nn.Module:
    import torchvision

    options = {"init_weights": False} if name in ("googlenet", "vgg11_bn") else {}
    return torchvision.models.get_model(name, num_classes=4, **options)


MODELS = {
    "lenet": lambda: (LeNet(4, in_channels=3), 32),
    "lenet-bn": lambda: (LeNet(4, batch_norm=True, in_channels=3), 32),
    "inception": lambda: (Inception(10, factor=NARROW), 33),
    "residual": lambda: (Residual(), 8),
    "resnet18": lambda: (resnet18(4), 32),
    "compact": lambda: (architectures.build("compact", 4), 16),
}
BIG = {"vgg11_bn": 32, "googlenet": 64, "squeezenet1_0": 64, "densenet121": 64, "mobilenet_v2": 64}


@functools.cache  # growing must leave a teacher as it is, so the tests share them
def model(name: str) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    network, side = MODELS[name]() if name in MODELS else (torchvision_model(name), BIG[name])
    x = images(side)
    return trained(network, x), x


# Wider ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_widening_every_group_preserves_the_function(name):
    assert_widens_exactly(*model(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", BIG)
def test_widening_every_group_of_torchvision_models_preserves_the_function(name):
    assert_widens_exactly(*model(name))


@pytest.mark.parametrize("make", [lambda: (Residual(), 8), lambda: (Mixed(), 8), lambda: (Auxiliary(), 6)])
def test_widening_each_group_alone_preserves_the_function(make):
    torch.manual_seed(0)
    network, side = make()
    x = images(side)
    teacher = trained(network, x).double()
    x = x.double()
    widened = 0
    for group in coupling_groups(teacher, x):
        if group.fixed is None:
            widths = {group.layers[0]: 2 * group.channels}
            student = net2wider(teacher, widths, example_input=x, generator=seeded())
            result = fidelity(teacher, student, x)
            assert max(result["eval"], result["train"]) < 1e-10, group
            widened += 1
    assert widened >= {Residual: 6, Mixed: 6, Auxiliary: 1}[type(network)]


@settings(max_examples=8, deadline=None)
@given(st.tuples(*[st.integers(0, 9)] * 4), st.integers(0, 2**31))
def test_any_widths_and_any_draw_preserve_the_function(more, seed):
    torch.manual_seed(seed)
    teacher, x = LeNet(4, batch_norm=True).double(), images(32, 2, 1).double()
    layers = {"layer1.0": 6, "layer2.0": 16, "fc1": 120, "fc2": 84}
    widths = {name: old + extra for (name, old), extra in zip(layers.items(), more, strict=True)}
    student = net2wider(teacher, widths, example_input=x, generator=seeded(seed))
    assert {name: len(student.get_submodule(name).weight) for name in layers} == widths
    assert max(fidelity(teacher, student, x)[mode] for mode in ("eval", "train")) < 1e-10


def test_residual_streams_are_one_group():
    groups = {g.layers[0]: set(g.layers) for g in coupling_groups(Residual(), images(8))}
    assert groups["stem.0"] == {"stem.0", "stage1.0.conv2", "stage1.1.conv2"}
    stage2 = next(layers for layers in groups.values() if "stage2.0.conv2" in layers)
    assert stage2 == {"stage2.0.conv2", "stage2.0.shortcut.0", "stage2.1.conv2"}
    assert groups["stage1.0.conv1"] == {"stage1.0.conv1"}


def test_growth_to_the_full_inception_fills_exactly_its_shapes():
    teacher, x = model("inception")
    target = Inception(10)
    student = grow(teacher, target, example_input=x, generator=seeded())
    shapes = {key: tensor.shape for key, tensor in student.state_dict().items()}
    assert shapes == {key: tensor.shape for key, tensor in target.state_dict().items()}
    assert_same_function(teacher, student, x)
    assert count(student) == 5_998_362


def test_settings_of_widened_layers_survive():
    teacher = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=2, dilation=2, padding_mode="reflect", bias=False),
        nn.BatchNorm2d(4, eps=1e-2, momentum=0.3),
        nn.Conv2d(4, 4, 3, stride=2),
    )
    teacher[0].weight.requires_grad_(False)
    student = net2wider(teacher, {"0": 7}, example_input=images(8), generator=seeded())
    conv, norm, _ = student
    assert (conv.dilation, conv.padding_mode, conv.bias, conv.out_channels) == ((2, 2), "reflect", None, 7)
    assert (norm.eps, norm.momentum, norm.num_features) == (1e-2, 0.3, 7)
    assert not conv.weight.requires_grad


def test_the_teacher_and_the_global_generator_are_untouched_and_draws_repeat():
    teacher, x = model("residual")
    teacher = copy.deepcopy(teacher)
    teacher.stage1.train()
    before = copy.deepcopy(teacher.state_dict())
    modes = [m.training for m in teacher.modules()]
    state = torch.get_rng_state()
    spec = GrowthSpec(factor=1.5, insert=["stage1.1", "stage2.1.conv1"])
    options = {"example_input": x, "data": x, "noise": "relative"}
    first, second = (grow(teacher, spec, generator=seeded(), **options) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert modes == [m.training for m in teacher.modules()]
    assert all(torch.equal(before[key], tensor) for key, tensor in teacher.state_dict().items())
    assert all(torch.equal(second.state_dict()[key], tensor) for key, tensor in first.state_dict().items())


# Deeper ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_deepening_at_every_convolution_preserves_evaluation(name):
    teacher, x = model(name)
    convolutions = [m for m in teacher.modules() if isinstance(m, nn.Conv2d)]
    student = net2deeper(teacher, ["*"], example_input=x[:2], data=x, generator=seeded())
    assert_same_function(teacher, student, x, modes=["eval"])
    identities = [m for n, m in student.named_modules() if n.split(".")[-1] == "identity1"]
    assert len(identities) == len(convolutions)
    for inserted in identities:
        dirac = nn.init.dirac_(torch.empty_like(inserted.weight))
        assert torch.equal(inserted.weight, dirac) and inserted.stride == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "insert"),
    [("vgg11_bn", ["*"]), ("squeezenet1_0", ["*"]), ("googlenet", ["conv*", "inception*"])],
)
def test_deepening_torchvision_models_preserves_evaluation(name, insert):
    teacher, x = model(name)
    student = net2deeper(teacher, insert, example_input=x[:2], data=x, generator=seeded())
    assert count(student) > count(teacher)
    assert_same_function(teacher, student, x, modes=["eval"])


def test_deepening_single_convolutions_of_a_residual_network():
    teacher, x = model("residual")
    for name, module in teacher.named_modules():
        if isinstance(module, nn.Conv2d):
            student = net2deeper(teacher, [name, name], example_input=x, data=x, generator=seeded())
            assert_same_function(teacher, student, x, modes=["eval"])
            c, k = module.out_channels, module.kernel_size[0]
            bias = 0 if module.bias is None else c
            assert count(student) - count(teacher) == 2 * (c * c * k * k + bias + 2 * c)


def test_an_inserted_batch_norm_keeps_training_mode_close_on_its_data():
    """Where teacher and inserted norms know this very batch, training mode agrees as well."""
    torch.manual_seed(0)
    x = images(32)
    teacher = LeNet(4, batch_norm=True, in_channels=3)
    for module in teacher.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain average, here over one batch
    teacher.train()(x)
    teacher.eval()
    student = net2deeper(teacher, ["layer1.0", "layer2.0"], example_input=x, data=x, generator=seeded())
    result = fidelity(teacher, student, x)
    assert result["train"] < 0.02 * result["train_scale"]


@pytest.mark.parametrize(
    ("teacher", "insert", "expected"),
    [
        (lambda: LeNet(batch_norm=True), ["layer1.0"], 62_668),
        (lambda: LeNet(batch_norm=True), ["layer1.0", "layer2.0"], 69_116),
        (lambda: Inception(factor=NARROW), ["stage*"], 4_378_883),
        (lambda: Inception(), ["stage*"], 14_337_322),
    ],
)
def test_counts_after_deepening_are_the_published_ones(teacher, insert, expected):
    teacher = teacher()
    x = images(33) if isinstance(teacher, Inception) else images(32, channels=1)
    assert count(net2deeper(teacher, insert, example_input=x, data=x, generator=seeded())) == expected


def test_count_after_widening_lenet():
    teacher, x = LeNet(batch_norm=True), images(32, channels=1)
    student = net2wider(teacher, {"layer1.0": 10}, example_input=x, generator=seeded())
    assert count(student) == 63_462


@pytest.mark.parametrize("name", ["residual", "resnet18"])
def test_appended_residual_blocks_change_nothing_at_all(name):
    teacher, x = model(name)
    blocks = ["stage1.1", "stage2.1", "stage2.1"] if name == "residual" else ["layer1.1", "layer4.1"]
    student = net2deeper(teacher, blocks, example_input=x, generator=seeded())
    result = fidelity(teacher, student, x)
    assert result["eval"] == result["train"] == 0.0
    loss = F.cross_entropy(student.train()(x), torch.zeros(len(x), dtype=torch.long))
    loss.backward()
    norm = student.get_submodule(f"{blocks[0]}.block1.bn2")
    assert norm.weight.grad.abs().max() > 0  # the block can learn


def test_a_target_with_more_blocks_and_more_channels():
    teacher, x = model("residual")
    student = grow(teacher, Residual(width=8, blocks=4), example_input=x, generator=seeded())
    assert_same_function(teacher, student, x)
    assert isinstance(student.stage2[3], Block)


def test_wider_and_deeper_in_either_order():
    teacher, x = model("residual")
    options = {"example_input": x, "generator": seeded()}
    insert = ["stem.0", "stage1.0.conv1", "stage1.1"]
    both = grow(teacher, GrowthSpec({"stem.0": 9}, insert=insert), data=x, **options)
    deeper_first = net2wider(
        net2deeper(teacher, insert, data=x, **options), {"stage1.0.conv1": 11}, factor=1.5, **options
    )
    for student in (both, deeper_first):
        assert count(student) > count(teacher)
        assert_same_function(teacher, student, x, modes=["eval"])


# Noise and pads -------------------------------------------------------------------------------------


def largest_difference_between_replicas(noise: str) -> tuple[float, float]:
    """After 200 steps: (between channels of layer1.0 and their copies, between them and their start)."""
    x = images(32, 4, 1)
    teacher = trained(LeNet(4, batch_norm=True), x, 2)
    options = {"example_input": x, "generator": seeded(), "noise": noise, "sigma": 0.05}
    student = net2wider(teacher, {"layer1.0": 12}, **options).train()
    old, new = teacher.layer1[0].weight.detach(), student.layer1[0].weight
    start = new.detach().clone()
    distance = (start[6:, None] - old[None]).flatten(2).norm(dim=2)
    source = distance.argmin(1)
    labels = torch.randint(4, (len(x),), generator=seeded())
    descend(student, x, labels, 200, 0.01)
    return (new[6:] - new[source]).abs().max().item(), (new - start).abs().max().item()


def test_replicas_stay_identical_without_noise_and_diverge_with_it():
    torch.manual_seed(0)
    apart, moved = largest_difference_between_replicas("none")
    assert apart == 0.0 and moved > 1e-3
    torch.manual_seed(0)
    apart, moved = largest_difference_between_replicas("relative")
    assert apart > 1e-2


@pytest.mark.parametrize("noise", ["absolute", "relative"])
def test_noise_has_its_size_and_touches_copies_only(noise):
    torch.manual_seed(0)
    teacher, x = nn.Sequential(nn.Conv2d(3, 40, 5), nn.ReLU(), nn.Conv2d(40, 2, 1)), images(8)
    options = {"example_input": x, "sigma": 0.03}
    clean = net2wider(teacher, {"0": 400}, generator=seeded(), **options)
    noisy = net2wider(teacher, {"0": 400}, generator=seeded(), noise=noise, **options)
    difference = noisy[0].weight - clean[0].weight
    assert torch.equal(noisy[0].weight[:40], teacher[0].weight)
    expected = 0.03 if noise == "absolute" else 0.03 * teacher[0].weight.std().item()
    assert difference[40:].std().item() == pytest.approx(expected, rel=0.02)
    assert torch.equal(noisy[2].weight, clean[2].weight)


@pytest.mark.parametrize("pad", ["he", "paper", "published"])
def test_random_pads_keep_the_teacher_and_have_their_size(pad):
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Conv2d(3, 64, 5), nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 8, 3))
    x = images(12)
    teacher = trained(nn.Sequential(*teacher, nn.AdaptiveAvgPool2d(1), nn.Flatten()), x)
    student = net2wider(teacher, {"0": 192}, random_pad=pad, example_input=x, generator=seeded())
    first, norm, second = student[0], student[1], student[3]
    assert torch.equal(first.weight[:64], teacher[0].weight) and torch.equal(first.bias[:64], teacher[0].bias)
    assert torch.equal(second.weight[:, :64], teacher[3].weight)
    for tensor, fan_in, old in (
        (first.weight[64:], 75, teacher[0].weight),
        (second.weight[:, 64:], 192 * 9, teacher[3].weight),
    ):
        std = {"he": (2 / fan_in) ** 0.5, "paper": old.std().item(), "published": 0.01}[pad]
        assert tensor.std().item() == pytest.approx(std, rel=0.03)
    for name in ("weight", "bias", "running_mean", "running_var"):
        assert torch.equal(getattr(norm, name)[:64], getattr(teacher[1], name))
    if pad == "published":
        assert norm.weight[64:].std().item() == pytest.approx(0.01, rel=0.2)
    else:
        assert (norm.weight[64:] == 1).all() and (norm.bias[64:] == 0).all()
    assert (norm.running_mean[64:] == 0).all() and (norm.running_var[64:] == 1).all()


# Refusals -------------------------------------------------------------------------------------------


class Shuffle(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = self.conv(x)
        return self.head(torch.cat([x[:, 2:], x[:, :2]], 1).mean((2, 3)))


class Written(Shuffle):
    def __init__(self, width: int = 4):
        super().__init__()
        self.width = width
        self.conv = nn.Conv2d(3, width, 3)
        self.head = nn.Linear(width * 36, 2)

    def forward(self, x):
        return self.head(self.conv(x).view(-1, self.width * 36))


class Counting(Shuffle):
    def forward(self, x):
        x = self.conv(x)
        return self.head((x / x.shape[1]).mean((2, 3)))


class Deciding(Shuffle):
    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3))) if x.sum() > 0 else x


def chain(*layers: nn.Module) -> nn.Module:
    """A convolution 3 -> 8 called 0, ``layers``, pooling, and a head."""
    return nn.Sequential(nn.Conv2d(3, 8, 3), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))


def tied() -> nn.Module:
    network = chain(nn.ReLU(), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1))
    network[3].weight = network[2].weight
    return network


REFUSED = {  # what: (teacher, what to grow, the layer and the reason that the message must name)
    "narrower": (lambda: chain(), {"widths": {"0": 6}}, "narrow layer '0' from 8 to 6"),
    "narrower target": (lambda: Residual(6), Residual(5), r"narrow layer 'stem.0' from 6 to 5"),
    "factor": (lambda: chain(), {"factor": 0.5}, "factor is 0.5"),
    "endless factor": (lambda: chain(), {"factor": float("inf")}, "factor is inf"),
    "output": (
        lambda: chain(),
        {"widths": {"3": 4}},
        "'3' from 2 to 4 channels: the layer is the network's output",
    ),
    "unknown layer": (lambda: chain(), {"widths": {"9": 4}}, "'9' is not called"),
    "no width": (lambda: chain(nn.BatchNorm2d(8)), {"widths": {"1": 9}}, "'1' has no width of its own"),
    "unknown key": (lambda: chain(), {"width": 2}, "unknown setting 'width'"),
    "coupled": (
        lambda: Residual(),
        {"widths": {"stem.0": 8, "stage1.0.conv2": 9}},
        "'stem.0' and 'stage1.0.conv2'",
    ),
    "group norm": (
        lambda: chain(nn.GroupNorm(2, 8)),
        {"factor": 1.5},
        "'0' from 8 to 12 channels: '1' averages",
    ),
    "layer norm": (lambda: chain(nn.LayerNorm([8, 6, 6])), {"factor": 1.5}, "'1' averages"),
    "local response": (lambda: chain(nn.LocalResponseNorm(3)), {"factor": 2}, "'1' mixes neighboring"),
    "softmax": (lambda: chain(nn.Softmax(1)), {"factor": 2}, "'1' is Softmax"),
    "shuffled": (lambda: Shuffle(), {"factor": 2}, "layer 'conv' from 4 to 8 channels: 'getitem' holds the size 2"),
    "written size": (lambda: Written(), {"factor": 2}, "'view' holds the size 144"),
    "groups": (
        lambda: chain(nn.Conv2d(8, 8, 3, groups=4)),
        {"widths": {"0": 10}},
        "'1' splits them .* multiple of 4",
    ),
    "groups on parts": (
        lambda: nn.Sequential(Mixed(), nn.Linear(4, 2)),
        {"widths": {"0.grouped": 15}},
        "'0.grouped' from 12 to 15 channels: '0.grouped' splits",
    ),
    "tied": (tied, {"factor": 2}, "shares a parameter with"),
    "weight norm": (
        lambda: chain(nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 1))),
        {"factor": 2},
        "'1' computes its weight",
    ),
    "width in the code": (
        lambda: Counting(),
        {"factor": 2},
        "Counting would differ .* depends on the widths",
    ),
    "control flow": (lambda: Deciding(), {"factor": 2}, "Deciding cannot be traced"),
    "target without a layer": (lambda: Residual(), chain(), "target has no layer 'stem.0'"),
    "target's kernel": (
        lambda: chain(nn.Conv2d(8, 8, 1)),
        chain(nn.Conv2d(8, 8, 3)),
        r"'1': kernel_size is \(1, 1\)",
    ),
    "target's kind": (lambda: chain(nn.BatchNorm2d(8)), chain(nn.GroupNorm(2, 8)), "'1' is BatchNorm2d"),
    "target's new layer": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh()),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3, padding=1), nn.Tanh()),
        r"new layers \(2, 3\) cannot",
    ),
    "even kernel": (lambda: chain(nn.Conv2d(8, 8, 2)), {"insert": ["1"]}, r"at '1': an even kernel \(2, 2\)"),
    "unknown place": (lambda: chain(), {"insert": ["7"]}, "no layer '7'"),
    "no match": (lambda: chain(), {"insert": ["x*"]}, "no convolution matches 'x"),
    "text": (lambda: chain(), {"insert": "0"}, "insert is the text '0'"),
    "no block": (lambda: chain(nn.MaxPool2d(2)), {"insert": ["1"]}, "at '1': it is not a convolution"),
    "changing block": (
        lambda: Residual(),
        {"insert": ["stage2.0"]},
        "at 'stage2.0': it is not .* unchanged input",
    ),
    "no images": (lambda: chain(nn.BatchNorm2d(8)), {"insert": ["0"]}, "at '0' adds batch norm.*data="),
    "training only": (lambda: Auxiliary(), {"insert": ["aux.0"]}, "at 'aux.0': only training runs it"),
    "called twice": (
        lambda: (lambda conv: chain(conv, conv))(nn.Conv2d(8, 8, 1)),
        {"insert": ["1"]},
        "at '1': one forward pass calls it 2 times",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_preserved_is_refused_by_name(case):
    teacher, target, message = REFUSED[case]
    with pytest.raises(InputError, match=message) as caught:
        grow(teacher(), target, example_input=images(8, 4), generator=seeded())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid, nn.SiLU, nn.GELU, nn.LeakyReLU])
def test_insertion_before_an_activation_that_may_not_be_repeated_is_refused(activation):
    for layers, place in (
        ((activation(),), "0"),
        ((nn.ReLU(), nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8), activation()), "2"),
    ):
        with pytest.raises(InputError, match=f"at '{place}': {activation.__name__} follows"):
            net2deeper(chain(*layers), [place], example_input=images(8, 4), generator=seeded())


def test_options_are_checked():
    options = {"example_input": images(8, 4), "generator": seeded()}
    for bad, message in (
        ({"noise": "some"}, "noise is 'some'"),
        ({"sigma": -1.0}, "sigma is -1.0"),
        ({"random_pad": "zeros"}, "random_pad is 'zeros'"),
        ({"random_pad": "he", "noise": "absolute"}, "must be 'none'"),
        ({"example_input": images(8, 4, channels=2)}, "does not run on an example_input of"),
    ):
        with pytest.raises(InputError, match=message):
            net2wider(chain(), {"0": 9}, **{**options, **bad})


@pytest.mark.parametrize(
    ("teacher", "target"),
    [
        (chain(nn.GroupNorm(2, 8), nn.ReLU()), {"factor": 2}),
        (chain(nn.LayerNorm([8, 6, 6])), {"factor": 3}),
        (chain(nn.Conv2d(8, 8, 3, groups=4), nn.ReLU()), {"widths": {"0": 12, "1": 20}}),
        (Written(), Written(6)),
    ],
)
def test_near_misses_of_the_refusals_are_exact(teacher, target):
    x = images(8, 4).double()
    teacher = teacher.double()
    student = grow(teacher, target, example_input=x, generator=seeded())
    result = fidelity(teacher, student, x)
    assert max(result["eval"], result["train"]) < 1e-10
