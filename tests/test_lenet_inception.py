"""LeNet and the Inception of the Net2Net reproduction: published sizes to the integer, shapes, refusals."""

import pytest
import torch
from informed_init.architectures import inception as inception_module
from informed_init.architectures.registry import build
from informed_init.errors import InputError

NARROW = 0.3**0.5


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "classes", "parameters", "expected"),
    [
        ("lenet", 10, {}, 61_706),
        ("lenet-bn", 10, {}, 61_750),
        ("inception", 10, {}, 5_998_362),
        ("inception", 1000, {}, 7_013_112),
        ("inception", 10, {"factor": NARROW}, 1_886_577),
        ("inception", 1000, {"factor": NARROW}, 2_441_967),
        ("inception", 10, {"factor": 3**0.5}, 17_576_288),
    ],
)
def test_parameter_counts_are_the_published_ones(name, classes, parameters, expected):
    assert count(build(name, classes, **parameters)) == expected


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (1.0, [164_432, 390_016, 377_424, 450_456, 511_432, 606_784, 870_400, 1_045_504, 1_446_608]),
        (NARROW, [58_261, 115_985, 111_501, 134_096, 153_116, 179_718, 258_884, 311_322, 433_028]),
    ],
)
def test_inception_modules_have_the_published_sizes(factor, expected):
    network = build("inception", 10, factor=factor)
    modules = [m for m in network.modules() if isinstance(m, inception_module.InceptionModule)]
    assert [count(m) for m in modules] == expected
    assert count(network.stem1) + count(network.stem2) == 9_600 + 115_456  # the factor leaves the stem alone


def test_inception_concatenates_its_branches_in_order():
    module = inception_module.InceptionModule(3, (1, 2, 4, 3, 5, 6)).eval()
    x = torch.randn(2, 3, 5, 5)
    parts = module(x).split([1, 4, 5, 6], 1)
    branches = [module.branch1, module.branch2, module.branch3, module.branch4]
    for part, branch in zip(parts, branches, strict=True):
        assert torch.equal(part, branch(x))


@pytest.mark.parametrize(("side", "shapes"), [(33, [5, 3, 2]), (224, [28, 14, 7])])
def test_inception_maps_shrink_as_published(side, shapes):
    network, seen = build("inception", 10, factor=0.1).eval(), []
    for name in ("stage3", "stage4", "stage5"):
        getattr(network, name)[0].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[-1]))
    with torch.no_grad():
        assert network(torch.zeros(1, 3, side, side)).shape == (1, 10)
    assert seen == shapes


@pytest.mark.parametrize(("size", "channels"), [(32, 1), (28, 1), (32, 3)])
def test_lenet_takes_images_of_its_size(size, channels):
    network = build("lenet-bn", 7, in_channels=channels, input_size=size)
    assert network(torch.zeros(2, channels, size, size)).shape == (2, 7)


@pytest.mark.parametrize("name", ["lenet", "inception"])
def test_dropout_acts_in_training_only(name):
    network = build(name, 10, dropout=0.5)
    channels, size = (1, 32) if name == "lenet" else (3, 33)
    x = torch.randn(4, channels, size, size)
    assert torch.equal(network.eval()(x), network(x))
    dropped = [m for m in network.modules() if isinstance(m, torch.nn.Dropout)]
    network.eval()
    for module in dropped:
        module.train()
    assert not torch.equal(network(x), network(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: build("lenet", 10, input_size=15), "lenet: input_size is 15; give a whole number of at least 16"),
        (lambda: build("inception", 10, factor=0.05), "inception: factor is 0.05; give a number of at least 0.0625"),
    ],
)
def test_impossible_sizes_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
