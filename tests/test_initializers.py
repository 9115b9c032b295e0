"""Initializers do what they say to the layers they name, and leave every other tensor as it was."""

import warnings

import numpy as np
import pytest
import torch
import torchvision
from informed_init import architectures
from informed_init.banks import bank as banks
from informed_init.errors import InputError
from informed_init.initializers import initialize_, names
from informed_init.initializers.gabor import gabor_filters
from informed_init.initializers.layers import he_std
from informed_init.initializers.registry import InitializationWarning
from informed_init.seeds import generator
from torch import nn

LAYERS = [name for name, _ in banks.bankable_layers(architectures.build("resnet18", 10))]


@pytest.fixture(scope="module")
def bank():
    sources = {"a": architectures.build("resnet18", 10, seed=5).state_dict()}
    return banks.build("euclid", sources, LAYERS, (0,), k=2)


def initialized(model, name, **settings):
    initialize_(model, name, **settings)
    return model


def settings_of(name, bank):
    resources = {"clustered": {"bank": bank}, "he-scaled": {"bank": bank}, "shuffled": {"bank": bank}}
    return resources.get(name, {})


def test_resnet18_has_the_papers_17_layers():
    stages = [f"layer{s}.{b}.conv{c}" for s in (1, 2, 3, 4) for b in (0, 1) for c in (1, 2)]
    assert ["conv1", *stages] == LAYERS


@pytest.mark.parametrize("name", ["gabor", "clustered", "he-scaled", "shuffled"])
@pytest.mark.parametrize("layers", [1, 6])
def test_only_the_first_layers_change(name, layers, bank):
    model = architectures.build("resnet18", 10, seed=1)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    initialize_(model, name, generator=generator("t"), layers=layers, **settings_of(name, bank))
    changed = [key for key, value in model.state_dict().items() if not torch.equal(value, before[key])]
    assert changed == [f"{layer}.weight" for layer in LAYERS[:layers]]


def test_default_changes_nothing():
    model = architectures.build("resnet18", 10, seed=1)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    initialize_(model, "default")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", ["gabor", "clustered", "he-scaled", "shuffled"])
def test_one_generator_state_gives_one_network(name, bank):
    first, second = (
        initialized(
            architectures.build("resnet18", 10, seed=1), name, generator=generator("t"), **settings_of(name, bank)
        )
        for _ in range(2)
    )
    third = initialized(
        architectures.build("resnet18", 10, seed=1), name, generator=generator("u"), **settings_of(name, bank)
    )
    assert torch.equal(first.conv1.weight, second.conv1.weight)
    assert not torch.equal(first.conv1.weight, third.conv1.weight)


def test_clustered_filters_are_centers_in_their_shares(bank):
    model = initialized(architectures.build("resnet18", 10, seed=1), "clustered", generator=generator("t"), bank=bank)
    for name in ("layer2.0.conv2", "layer4.1.conv1"):
        filters = model.get_submodule(name).weight.detach().reshape(-1, 3, 3)
        layer = bank.layers[name]
        match = (filters[:, None] == layer.filters[None]).all(3).all(2)
        assert match.any(1).all()
        np.testing.assert_allclose(match.double().mean(0), layer.shares, atol=4 / len(filters) ** 0.5)


def test_rescaled_and_he_scaled_have_the_scale_they_promise(bank):
    rescaled = initialized(
        architectures.build("resnet18", 10, seed=1), "clustered", generator=generator("t"), bank=bank, rescale="he"
    )
    scaled = initialized(architectures.build("resnet18", 10, seed=1), "he-scaled", generator=generator("t"), bank=bank)
    for name in LAYERS[1:]:
        conv = rescaled.get_submodule(name)
        assert conv.weight.square().mean().sqrt().item() == pytest.approx(he_std(conv), rel=0.03)
        std = bank.layers[name].drawn_std()
        assert scaled.get_submodule(name).weight.square().mean().sqrt().item() == pytest.approx(std, rel=0.03)
        assert std < 0.5 * he_std(
            conv
        )  # the confound these controls exist for: two centers are far smaller than He's noise


def spread(weight):
    """How far the filters of a layer lie from their mean, relative to them."""
    return ((weight - weight.mean(0)).norm() / weight.norm()).item()


def test_filters_that_start_alike_stay_alike_and_a_jitter_tells_them_apart():
    sources = {"a": architectures.build("resnet18", 10, seed=5).state_dict()}
    one = banks.build("euclid", sources, ["layer1.0.conv1", "layer1.0.conv2"], (0,), k=1)
    images, labels = torch.randn(32, 3, 8, 8, generator=generator("i")).double(), torch.arange(32) % 4
    ends = {}
    for jitter in (0.0, 1e-6):
        torch.manual_seed(0)
        block = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()]
        model = nn.Sequential(*block, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)).double()
        if jitter:
            report = initialize_(model, "clustered", bank=one, generator=0, jitter=jitter)
            assert report.cautions == () and spread(model[0].weight) == pytest.approx(jitter, rel=0.4)
        else:
            with pytest.warns(InitializationWarning, match="all filters of a layer are the same in 0, 3: channels"):
                initialize_(model, "clustered", bank=one, generator=0)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        for _ in range(20):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        ends[jitter] = spread(model[0].weight)
    assert ends[0.0] < 1e-12 and ends[1e-6] > 1e-6, ends


def test_a_jitter_that_half_precision_rounds_away_is_said():
    sources = {"a": architectures.build("resnet18", 10, seed=5).state_dict()}
    one = banks.build("euclid", sources, ["layer1.0.conv1"], (0,), k=1)
    for jitter, lost in ((1e-6, True), (1e-2, False)):
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).half()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InitializationWarning)
            report = initialize_(model, "clustered", bank=one, generator=0, jitter=jitter)
        filters = model[0].weight.detach().flatten(0, 1)
        assert bool((filters == filters[0]).all()) is lost
        assert [("a larger jitter tells them apart" in text) for text in report.cautions] == [True] * lost


def test_shuffled_keeps_each_filters_values(bank):
    planted = banks.Bank(
        "reservoir", {n: banks.LayerBank(torch.arange(9.0).view(1, 3, 3), torch.ones(1), 1.0) for n in LAYERS[1:2]}, []
    )
    model = torch.nn.Sequential(torch.nn.Conv2d(20, 30, 3))
    planted.layers = {"0": planted.layers[LAYERS[1]]}
    initialize_(model, "shuffled", generator=generator("t"), bank=planted, rescale="none")
    filters = model[0].weight.detach().reshape(-1, 9)
    assert torch.equal(filters.sort(1).values, torch.arange(9.0).expand(600, 9))
    assert len(filters.unique(dim=0)) > 500
    np.testing.assert_allclose(filters.mean(0), 4.0, atol=0.5)  # every value visits every tap


def test_live_banks_leave_dead_taps_alone():
    mask = torch.zeros(3, 3, dtype=torch.bool)
    mask[1, 1] = True
    layer = banks.LayerBank(torch.full((1, 3, 3), 7.0) * mask, torch.ones(1), 1.0, live=mask)
    model = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3, bias=False))
    before = model[0].weight.detach().clone()
    planted = banks.Bank("euclid", {"0": layer}, [])
    initialize_(model, "clustered", generator=generator("t"), bank=planted, rescale="none")
    assert (model[0].weight[:, :, 1, 1] == 7).all()
    assert torch.equal(model[0].weight[:, :, ~mask], before[:, :, ~mask])


def test_gabor_grids_are_the_published_and_the_centered_one():
    def center_of_envelope(grid):
        # the mean absolute filter is the envelope times a constant, so its center of mass is the grid's origin
        filters = gabor_filters(4000, 7, generator("g"), grid).abs().mean(0)
        axis = torch.arange(7.0)
        return (filters.sum(1) @ axis / filters.sum()).item()

    assert center_of_envelope("centered") == pytest.approx(3.0, abs=0.02)
    # the published axis runs from -4 to 3 in seven steps of 7/6: its origin lies at index 24/7
    assert center_of_envelope("published") == pytest.approx(24 / 7, abs=0.12)


def test_gabor_is_one_filter_an_output_channel_and_can_repeat_the_published_seed():
    first, second = (
        initialized(architectures.build("resnet18", 10, seed=1), "gabor", generator=generator(g), filter_seed=0)
        for g in "ab"
    )
    weight = first.conv1.weight
    assert torch.equal(weight, weight[:, :1].expand_as(weight))
    assert torch.equal(weight, second.conv1.weight)
    assert weight.abs().max() <= 1


def test_pretrained_copies_all_but_the_head():
    source = architectures.build("resnet18", 10, seed=7)
    with torch.no_grad():
        source.bn1.running_mean.uniform_()
    model = architectures.build("resnet18", 200, seed=1)
    head = model.fc.weight.detach().clone()
    initialize_(model, "pretrained", source=source.state_dict())
    assert torch.equal(model.fc.weight, head)
    assert all(torch.equal(v, source.state_dict()[k]) for k, v in model.state_dict().items() if not k.startswith("fc."))


def test_any_network_takes_a_bank_by_depth(bank):
    model = torchvision.models.vgg11_bn(num_classes=7)
    with pytest.raises(InputError, match=r"the bank has no layer 'features.0' of kernel \(3, 3\)"):
        initialize_(model, "clustered", bank=bank, match="name")
    initialize_(model, "clustered", generator=generator("t"), bank=bank, match="depth")
    first, last = model.features[0].weight.reshape(-1, 3, 3), model.features[25].weight.reshape(-1, 3, 3)
    assert len(first.unique(dim=0)) == len(last.unique(dim=0)) == 2
    assert torch.equal(last.unique(dim=0), bank.layers["layer4.1.conv2"].filters.unique(dim=0))


def test_misfits_are_named(bank):
    model = architectures.build("resnet18", 10, seed=1)
    model.layer1[0].conv1 = torch.nn.Conv2d(64, 64, 5)
    with pytest.raises(
        InputError, match=r"layer 'layer1.0.conv1': the bank's kernel is \(3, 3\), the model's \(5, 5\)"
    ):
        initialize_(model, "clustered", bank=bank, match="name")
    with pytest.raises(InputError, match="no setting 'rescal'; it takes: bank, layers, rescale, match"):
        initialize_(model, "clustered", bank=bank, rescal="he")
    with pytest.raises(InputError, match="unknown initializer 'gabr'"):
        initialize_(model, "gabr")
    with pytest.raises(
        InputError, match=r"'conv1.weight' is \(64, 3, 7, 7\) in the model, \(64, 3, 3, 3\) in the source"
    ):
        initialize_(
            architectures.build("resnet18", 10), "pretrained", source={"conv1.weight": torch.zeros(64, 3, 3, 3)}
        )


def test_every_declared_initializer_can_be_named():
    assert {"default", "pretrained", "gabor", "clustered", "he-scaled", "shuffled"} <= set(names())
