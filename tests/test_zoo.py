"""The networks of the Sup-Walsh study: published sizes to the integer, least image sizes, plain logits, refusals."""

import sys

import pytest
import torch
from informed_init.architectures import build
from informed_init.errors import InputError

LEAST = {"alexnet": 57, "vgg19": 32, "googlenet": 15, "squeezenet": 21, "mit-b0": 29}


def on_meta(name, classes=10, **parameters):
    """A network without memory for its weights: counts and shapes only."""
    if name == "mit-b0":
        pytest.importorskip("transformers")
    with torch.device("meta"):
        return build(name, classes, **parameters)


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("base-mlp", {}, 2_843_760),
        ("alexnet", {}, 57_023_178),
        ("resnet50", {}, 23_522_250),
        ("vgg19", {}, 139_610_058),
        ("googlenet", {}, 5_603_882),
        ("googlenet", {"auxiliary": True}, 11_983_866),
        ("squeezenet", {}, 731_146),
        ("mit-b0", {}, 3_318_826),
    ],
)
def test_parameter_counts_are_the_published_ones(name, parameters, expected):
    assert sum(p.numel() for p in on_meta(name, **parameters).parameters()) == expected


@pytest.mark.parametrize(
    ("name", "layer", "kernel", "stride", "padding"),
    [
        ("alexnet", "features.0", 5, 4, 2),
        ("resnet50", "conv1", 7, 2, 3),
        ("vgg19", "features.0", 3, 1, 1),
        ("googlenet", "conv1.conv", 7, 2, 3),
        ("squeezenet", "features.0", 7, 2, 0),
    ],
)
def test_first_layers_are_the_published_ones(name, layer, kernel, stride, padding):
    conv = on_meta(name).get_submodule(layer)
    assert (conv.in_channels, conv.kernel_size, conv.stride, conv.padding) == (
        1,
        (kernel, kernel),
        (stride, stride),
        (padding, padding),
    )


@pytest.mark.parametrize("name", ["base-mlp", "resnet50", *LEAST])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_network_gives_plain_logits_in_training_and_evaluation(name, channels):
    size = LEAST.get(name, 16)
    sizes = {} if name == "resnet50" else {"input_size": size}
    model = on_meta(name, 7, in_channels=channels, **sizes)
    for training in (True, False):
        logits = model.train(training)(torch.zeros(2, channels, size, size, device="meta"))
        assert isinstance(logits, torch.Tensor)
        assert logits.shape == (2, 7)


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_smaller_images_do_not_fit_and_are_refused(name, least):
    model = on_meta(name, input_size=least)
    with pytest.raises(RuntimeError):
        model(torch.zeros(2, 1, least - 1, least - 1, device="meta"))
    with pytest.raises(InputError, match=f"{name}: input_size is {least - 1}; give a whole number of at least {least}"):
        build(name, 10, input_size=least - 1)


def test_auxiliary_heads_run_but_never_learn():
    model = build("googlenet", 4, seed=1, auxiliary=True).train()
    torch.nn.functional.cross_entropy(model(torch.randn(4, 1, 32, 32)), torch.arange(4)).backward()
    learning = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert learning == {name for name, _ in model.named_parameters() if not name.startswith("aux")}
    assert model.aux1.conv.bn.num_batches_tracked == model.aux2.conv.bn.num_batches_tracked == 1


@pytest.mark.parametrize("name", ["base-mlp", "googlenet", "squeezenet", "mit-b0"])
def test_the_seed_alone_decides_the_weights(name):
    if name == "mit-b0":
        pytest.importorskip("transformers")
    first, second, other = (build(name, 10, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    weights = [key for key in first if first[key].ndim > 1]
    assert not any(torch.equal(first[key], other[key]) for key in weights)


def test_base_mlp_drops_out_in_training_only():
    model = build("base-mlp", 10, seed=1, input_size=8)
    x = torch.randn(4, 1, 8, 8)
    assert torch.equal(model.eval()(x), model(x))
    assert not torch.equal(model.train()(x), model(x))


def test_a_missing_transformers_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)  # an import of it then fails
    with pytest.raises(InputError, match=r"^mit-b0 needs the package transformers: pip install transformers$"):
        build("mit-b0", 10)
