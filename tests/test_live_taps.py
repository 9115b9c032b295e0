"""Live taps are exactly those that learn, and training them alone is training the whole network."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from informed_init import architectures
from informed_init.training.form import choose
from informed_init.training.live_taps import LiveConv2d, LiveNetwork, live_taps
from torch import nn

RATES = [0.02, 0.02, 0.01]


def train(model, images, labels, rates=RATES, momentum=0.9, weight_decay=1e-2, network=None):
    """A few SGD steps; returns the losses. ``network`` is told of each step."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, rates[0], momentum, weight_decay=weight_decay)
    losses = []
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        if network is not None:
            network.took_step(rate, [parameter for parameter in trained if parameter.grad is not None])
        losses.append(loss.detach())
    return torch.stack(losses)


def batch(n, size, dtype=torch.float64):
    draws = torch.Generator().manual_seed(0)
    images = torch.randn(n, 3, size, size, generator=draws, dtype=dtype)
    return images, torch.randint(0, 10, (n,), generator=draws)


def live_network(model, input_size):
    return LiveNetwork(model, choose(model, input_size).sizes)


def assert_trains_alike(model, images, labels, size, tolerance=1e-12):
    """Train a copy whole and the model by its live taps; return the network."""
    whole = copy.deepcopy(model)
    network = live_network(model, (3, size, size))
    replaced = dict(network.replaced)
    losses = train(whole, images, labels), train(model, images, labels, network=network)
    torch.testing.assert_close(losses[1], losses[0], rtol=0, atol=tolerance)
    assert network.restore(0.9, 1e-2) is model
    for (name, expected), found in zip(whole.state_dict().items(), model.state_dict().values(), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=tolerance, msg=name)
    return replaced


@pytest.mark.parametrize(
    ("architecture", "size", "n"), [("resnet18", 32, 8), ("resnet18-custom", 32, 8), ("resnet18", 64, 2)]
)
def test_live_training_is_training_in_float64(architecture, size, n):
    model = architectures.build(architecture, 10, seed=1).double()
    replaced = assert_trains_alike(model, *batch(n, size), size)
    assert {"layer4.1.conv2", "layer3.1.conv1", "layer2.1.conv1"} <= set(replaced)
    assert model.layer4[1].conv2 is replaced["layer4.1.conv2"]


def test_resnet18_trains_38_percent_of_its_weights_on_32_pixels():
    model = architectures.build("resnet18", 10, seed=1)
    assert sum(p.numel() for p in model.parameters()) == 11_181_642
    network = live_network(model, (3, 32, 32))
    assert sum(p.numel() for p in model.parameters()) == 4_234_826
    assert network.dead_taps == 11_181_642 - 4_234_826
    assert live_network(architectures.build("resnet18", 10, seed=1), (3, 64, 64)).dead_taps == 0


def test_dead_taps_are_exactly_those_without_gradient():
    model = architectures.build("resnet18", 10, seed=1).double()
    images, labels = batch(4, 32)
    F.cross_entropy(model(images), labels).backward()
    masks = live_taps(model, (3, 32, 32))
    convolutions = {name: m for name, m in model.named_modules() if isinstance(m, nn.Conv2d)}
    assert masks.keys() == convolutions.keys()
    for name, mask in masks.items():
        learns = (convolutions[name].weight.grad != 0).any(0).any(0)
        assert torch.equal(learns, mask), name
    assert masks["layer4.0.conv1"].tolist() == [[False] * 3, [False, True, True], [False, True, True]]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.tuples(st.sampled_from([1, 2, 3, 5, 7]), st.sampled_from([1, 3, 4])),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    bias=st.booleans(),
)
def test_any_convolution_keeps_its_outputs_and_gradients(size, kernel, stride, padding, dilation, bias):
    spans = [s + 2 * p - d * (k - 1) for s, p, d, k in zip(size, padding, dilation, kernel, strict=True)]
    assume(min(spans) > 0)
    generator = torch.Generator().manual_seed(1)
    conv = nn.Conv2d(2, 3, kernel, stride, padding, dilation, bias=bias).double()
    x = torch.randn(2, 2, *size, generator=generator, dtype=torch.float64, requires_grad=True)
    dead = ~live_taps(nn.Sequential(conv), (2, *size))["0"]
    assume(not dead.all())  # every tap on padding: such a convolution is never replaced
    live, x_live = LiveConv2d(conv, size), x.detach().clone().requires_grad_()
    y, y_live = conv(x), live(x_live)
    torch.testing.assert_close(y_live, y, rtol=0, atol=1e-11)
    grad = torch.randn(y.shape, generator=generator, dtype=torch.float64)
    y.backward(grad)
    y_live.backward(grad)
    torch.testing.assert_close(x_live.grad, x.grad, rtol=0, atol=1e-11)
    torch.testing.assert_close(live.weight.grad, conv.weight.grad[live.live], rtol=0, atol=1e-11)
    assert (conv.weight.grad[:, :, dead] == 0).all()
    if bias:
        torch.testing.assert_close(live.bias.grad, conv.bias.grad, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("size", "channels"), [(2, 64), (4, 32), (8, 32)])
def test_bfloat16_is_about_as_accurate_as_the_convolution(size, channels):
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    x = torch.randn(16, channels, size, size).relu().bfloat16().float().requires_grad_()
    y = F.conv2d(x.double(), conv.weight.double(), padding=1)
    grad = torch.randn_like(y).bfloat16()
    (exact,) = torch.autograd.grad(y, x, grad.double())

    def errors(module):
        with torch.autocast("cpu", torch.bfloat16):
            found = module(x)
        assert found.dtype == torch.bfloat16
        (grad_x,) = torch.autograd.grad(found, x, grad)
        return [float(((a - b).norm() / b.norm()).detach()) for a, b in ((found, y), (grad_x, exact))]

    for live, plain in zip(errors(LiveConv2d(conv, (size, size))), errors(conv), strict=True):
        assert live < 3 * plain


def test_an_evaluation_may_come_before_the_training():
    model = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.Flatten(), nn.Linear(64 * 9, 10))
    assert live_network(model, (64, 3, 3)).replaced
    x = torch.randn(4, 64, 3, 3)
    with torch.inference_mode():
        before = model(x)
    torch.testing.assert_close(model(x).detach(), before)
    model(x).sum().backward()
    assert model[0].weight.grad.abs().sum() > 0


def test_where_nothing_is_dead_or_small_nothing_is_replaced():
    model = nn.Sequential(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5, 2))
    modules = list(model)
    network = live_network(model, (3, 32, 32))
    assert (network.replaced, network.dead_taps) == ({}, 0)
    assert all(a is b for a, b in zip(model, modules, strict=True))


@pytest.mark.parametrize("options", [{"groups": 4}, {"padding_mode": "circular"}, {"padding": "same"}])
def test_convolutions_of_another_kind_are_left_alone(options):
    model = nn.Sequential(nn.Conv2d(64, 64, 3, **({"padding": 1} | options)))
    assert live_network(model, (64, 2, 2)).replaced == {}


class Twice(nn.Module):
    """One convolution at two sizes: on 1x1 pixels only its center lives, on 3x3 all of it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.head = nn.Linear(3, 10)

    def forward(self, x):
        x = self.conv(x).relu()
        return self.head(self.conv(F.adaptive_avg_pool2d(x, 1)).flatten(1))


def test_a_convolution_called_twice_lives_where_either_call_lives():
    model = Twice().double()
    assert live_taps(model, (3, 3, 3))["conv"].all()
    assert live_taps(model, (3, 1, 1))["conv"].sum() == 1
    assert assert_trains_alike(model, *batch(8, 3), 3) == {}


class Head(nn.Module):
    """Two convolutions on 1x1 pixels, with biases, and a classifier."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 8, 3, padding=1)
        self.classifier = nn.Linear(8, 10)

    def forward(self, x):
        x = self.second(self.first(x).relu()).relu()
        return self.classifier(self.last(x).flatten(1))


def test_shared_weights_stay_shared():
    model = Head().double()
    model.last.weight = model.second.weight
    assert set(assert_trains_alike(model, *batch(8, 1), 1)) == {"first"}


def test_frozen_weights_stay_as_they_are():
    model = Head().double()
    model.second.requires_grad_(False)
    start = model.second.weight.clone()
    assert set(assert_trains_alike(model, *batch(8, 1), 1)) == {"first", "second", "last"}
    assert torch.equal(model.second.weight, start)
    assert not model.second.weight.requires_grad
