"""Alignment undoes planted permutations, keeps functions and sources, and names what does not fit."""

import hashlib
from functools import cache

import numpy as np
import pytest
import torch
from informed_init import architectures
from informed_init.banks.alignment import align, aligned_bank, filter_pair, matching, permutation_groups, permute_source
from informed_init.banks.bank import Bank, bankable_layers
from informed_init.banks.sources import load, save
from informed_init.errors import InputError
from informed_init.initializers import initialize_
from informed_init.initializers.layers import he_std
from informed_init.seeds import generator
from torch import nn

RESNETS = ("resnet18", "resnet18-custom")
FIRST = ("conv1", "layer1.0.conv1", "layer1.0.conv2", "layer1.1.conv1")


@pytest.fixture(scope="module")
def groups():
    """Groups of an architecture, each network traced once."""
    return {name: permutation_groups(architectures.build(name, 10)) for name in RESNETS}


@cache
def network(architecture="resnet18-custom", seed=1):
    """A state dict with batch norm statistics and parameters that differ from channel to channel."""
    model, rng = architectures.build(architecture, 10, seed=seed), generator("norms", seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                tensor.data.uniform_(0.5, 1.5, generator=rng)
    return model.state_dict()


def shuffles(groups, seed=0):
    rng = generator("shuffles", seed)
    return {name: torch.randperm(axis.size, generator=rng) for name, axis in groups.axes.items()}


def copies(state, groups, count):
    """A network and permuted copies of it."""
    return {"s0": state} | {f"s{i}": permute_source(state, shuffles(groups, i), groups) for i in range(1, count)}


def digest(state):
    return hashlib.sha256(b"".join(key.encode() + t.numpy().tobytes() for key, t in state.items())).hexdigest()


def random_sources(*seeds):
    return {f"s{seed}": network(seed=seed) for seed in seeds}


# ---------------------------------------------------------------- groups and permutations


def test_residual_streams_are_one_group_and_the_custom_layer1_has_none(groups):
    later = [
        group
        for stage in (2, 3, 4)
        for group in (
            (f"layer{stage}.0.conv1",),
            (f"layer{stage}.0.conv2", f"layer{stage}.0.downsample.0", f"layer{stage}.1.conv2"),
            (f"layer{stage}.1.conv1",),
        )
    ]
    stem = [("conv1", "layer1.0.conv2", "layer1.1.conv2"), ("layer1.0.conv1",), ("layer1.1.conv1",)]
    assert sorted(groups["resnet18"].makers().values()) == sorted(stem + later)
    alone = [(name,) for name in (*FIRST, "layer1.1.conv2")]
    assert sorted(groups["resnet18-custom"].makers().values()) == sorted(alone + later)


@pytest.mark.parametrize("architecture", RESNETS)
def test_a_permuted_network_computes_the_same_function(architecture, groups):
    model, images = (
        architectures.build(architecture, 10).eval(),
        torch.randn(2, 3, 32, 32, generator=generator("images")),
    )
    state = network(architecture)
    with torch.no_grad():
        model.load_state_dict(state)
        expected = model(images)
        moved = permute_source(state, shuffles(groups[architecture]), groups[architecture])
        for name in ("conv1.weight", "bn1.running_mean", "layer2.0.downsample.1.bias", "fc.weight"):
            assert not torch.equal(moved[name], state[name])
        model.load_state_dict(moved)
        torch.testing.assert_close(model(images), expected, rtol=1e-5, atol=1e-5)


def test_flattened_images_and_concatenated_branches_are_permuted_too():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.left, self.right = (
                nn.Conv2d(1, 6, 3),
                nn.Conv2d(6, 4, 3, 1, 1),
                nn.Conv2d(6, 5, 1),
            )
            self.depthwise, self.fc = nn.Conv2d(9, 9, 3, groups=9), nn.Linear(9 * 4 * 4, 3)

        def forward(self, x):
            x = self.stem(x).relu()
            x = self.depthwise(torch.cat([self.left(x), self.right(x)], 1)).relu()
            return self.fc(x.flatten(1))

    model, images = Branches(), torch.randn(4, 1, 8, 8, generator=generator("images"))
    groups = permutation_groups(model, (1, 8, 8))
    assert {name: axis.size for name, axis in groups.axes.items()} == {"stem": 6, "left": 4, "right": 5}
    with torch.no_grad():
        expected = model(images)
        model.load_state_dict(permute_source(model.state_dict(), shuffles(groups), groups))
        torch.testing.assert_close(model(images), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("architecture", RESNETS)
def test_sources_are_never_changed(architecture, groups):
    sources = copies(network(architecture), groups[architecture], 3)
    before = {name: digest(state) for name, state in sources.items()}
    for method in ("greedy", "hungarian"):
        aligned = align(sources, groups[architecture], 4, method)
        moved = permute_source(sources["s1"], aligned.permutations["s1"], groups[architecture])
        for tensor in moved.values():  # the result shares no memory with the source either
            tensor.zero_()
        aligned.averages["conv1"].zero_()
    assert {name: digest(state) for name, state in sources.items()} == before


# ---------------------------------------------------------------- matching


@pytest.mark.parametrize("architecture", RESNETS)
@pytest.mark.parametrize("method", ["greedy", "hungarian"])
def test_a_planted_permutation_is_recovered(architecture, method, groups):
    state, planted = network(architecture), shuffles(groups[architecture])
    sources = {"a": state, "b": permute_source(state, planted, groups[architecture])}
    found = align(sources, groups[architecture], 6, method)
    expected = {"conv1", "layer1.0.conv1", "layer1.1.conv1", "layer2.0.conv1"}
    if architecture == "resnet18-custom":
        expected |= {"layer1.0.conv2", "layer1.1.conv2"}
    assert set(found.permutations["b"]) == expected
    for group, order in found.permutations["b"].items():
        assert torch.equal(planted[group][order], torch.arange(len(order)))
    assert all(cost.before > 0.1 and cost.after == 0 for cost in found.costs.values())


def test_a_planted_permutation_of_all_17_layers_is_recovered_from_noisy_copies(groups):
    ordinary = groups["resnet18"]
    state, planted = network("resnet18"), shuffles(ordinary)
    noisy = permute_source(state, planted, ordinary)
    noise = network("resnet18", seed=2)
    noisy = {key: 0.3 * t + 0.95 * noise[key] if t.ndim == 4 else t for key, t in noisy.items()}
    found = align({"a": state, "b": noisy}, ordinary, 17)
    assert set(found.permutations["b"]) == set(ordinary.axes)
    for group, order in found.permutations["b"].items():
        assert torch.equal(planted[group][order], torch.arange(len(order)))


def test_greedy_serves_the_first_filter_first_and_hungarian_all():
    distances = np.array([[1.0, 2.0], [0.1, 5.0]])
    assert matching.first_come(distances).tolist() == [0, 1]
    assert matching.best_assignment(distances).tolist() == [1, 0]


def test_the_published_distance_sees_neither_length_nor_odd_part():
    filters = torch.randn(5, 147, generator=generator("filters"), dtype=torch.float64)
    mirrored = filters.flip(1).roll(1, 1)  # index n becomes -n: the same real part of the spectrum
    for other in (7 * filters, mirrored):
        distances = matching.fourier_distances([filters], other)
        assert distances.diagonal().max() < 1e-6
        assert distances.fill_diagonal_(np.inf).min() > 1


def test_hungarian_costs_no_more_than_greedy_on_random_sources(groups):
    custom = groups["resnet18-custom"]
    for seed in (1, 3, 5):  # exact for the first layer of a pair: nothing was matched before it
        pair = random_sources(seed, seed + 1)
        greedy, hungarian = (align(pair, custom, 1, m).costs["conv1"] for m in ("greedy", "hungarian"))
        assert hungarian.after <= greedy.after < greedy.before == hungarian.before
    six = random_sources(*range(1, 7))
    greedy, hungarian = (align(six, custom, 4, m).costs for m in ("greedy", "hungarian"))
    assert list(greedy) == list(FIRST)
    for layer in FIRST:
        assert hungarian[layer].after < greedy[layer].after < greedy[layer].before


def test_further_passes_bring_residual_streams_closer(groups, monkeypatch):
    pair = random_sources(1, 2)
    total = sum(cost.after for cost in align(pair, groups["resnet18"], 5).costs.values())
    monkeypatch.setattr(matching, "MAX_SWEEPS", 0)
    once = align(pair, groups["resnet18"], 5).costs
    assert total < 0.99 * sum(cost.after for cost in once.values())
    assert once["conv1"].after < once["conv1"].before


def test_costs_are_mean_squared_distances_over_pairs(groups):
    state = network()
    steps = {"a": 0.0, "b": 1e-3, "c": 3e-3}  # small enough that every filter stays nearest to itself
    sources = {
        name: {key: t + step if key == "conv1.weight" else t for key, t in state.items()}
        for name, step in steps.items()
    }
    cost = align(sources, groups["resnet18-custom"], 2, "hungarian").costs
    expected = 147 * (1e-6 + 4e-6 + 9e-6) / 3
    assert cost["conv1"].before == pytest.approx(expected, rel=1e-3)
    assert cost["conv1"].after == pytest.approx(expected, rel=1e-3)
    assert cost["layer1.0.conv1"].after == 0


# ---------------------------------------------------------------- averages


@pytest.mark.parametrize("architecture", RESNETS)
@pytest.mark.parametrize("method", ["greedy", "hungarian"])
def test_averaging_permuted_copies_gives_the_network_back(architecture, method, groups):
    state = network(architecture)
    sources = copies(state, groups[architecture], 4)
    plain = align(sources, groups[architecture], 4, method, average="plain").averages
    unit = align(sources, groups[architecture], 4, method, average="unit").averages
    assert list(plain) == list(unit) == list(FIRST)
    for layer in FIRST:
        weight = state[f"{layer}.weight"]
        torch.testing.assert_close(plain[layer], weight)
        lengths = weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        torch.testing.assert_close(unit[layer], weight / lengths)


def test_without_alignment_the_average_of_copies_would_lose_the_filters(groups):
    sources = copies(network(), groups["resnet18-custom"], 4)
    naive = torch.stack([state["conv1.weight"] for state in sources.values()]).mean(0)
    aligned = align(sources, groups["resnet18-custom"], 1, average="plain").averages["conv1"]
    assert naive.norm() < 0.6 * aligned.norm()


def test_an_aligned_bank_survives_its_file_and_sources_may_stay_in_theirs(tmp_path, groups):
    networks = random_sources(1, 2, 3)
    save(tmp_path / "sources", networks, {})
    model = architectures.build("resnet18-custom", 10)
    bank = aligned_bank("aligned-greedy", load([tmp_path / "sources"]), model, 2)
    bank.save(tmp_path / "bank")
    again = Bank.load(tmp_path / "bank")
    expected = align(networks, groups["resnet18-custom"], 2, "greedy")
    assert (again.method, again.sources, list(again.layers)) == (
        "aligned-greedy",
        ["s1", "s2", "s3"],
        list(FIRST[:2]),
    )
    for name, layer in again.layers.items():
        assert torch.equal(layer.filters, expected.averages[name])
        assert (layer.std, layer.inertia) == (expected.stds[name], expected.inertias[name])
        cost = expected.costs[name]
        assert again.facts["squared_distances"][name] == {"before": cost.before, "after": cost.after}
    assert (tmp_path / "bank").stat().st_size < 200_000


def test_a_drawn_pair_is_the_filters_before_and_after(groups):
    state, planted = network(), shuffles(groups["resnet18-custom"])
    sources = {"a": state, "b": permute_source(state, planted, groups["resnet18-custom"])}
    pair = filter_pair(sources, groups["resnet18-custom"])
    assert pair["before"].shape == (64, 3, 7, 7)
    np.testing.assert_array_equal(pair["reference"], state["conv1.weight"])
    np.testing.assert_array_equal(pair["before"], sources["b"]["conv1.weight"])
    np.testing.assert_array_equal(pair["after"], pair["reference"])
    np.testing.assert_array_equal(pair["before"][pair["permutation"]], pair["after"])
    second = filter_pair(sources, groups["resnet18-custom"], "greedy", layer=2)
    np.testing.assert_array_equal(second["after"], state["layer1.0.conv1.weight"])


# ---------------------------------------------------------------- the initializer


@pytest.fixture(scope="module")
def bank(groups):
    return align(random_sources(1, 2), groups["resnet18-custom"], 4).to_bank()


@pytest.mark.parametrize("layers", [1, 2, 4, None])
def test_aligned_fills_the_first_layers_and_nothing_else(layers, bank):
    model = architectures.build("resnet18-custom", 10, seed=3)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    initialize_(model, "aligned", bank=bank, layers=layers)
    after = model.state_dict()
    changed = [key for key in after if not torch.equal(after[key], before[key])]
    assert changed == [f"{layer}.weight" for layer in FIRST[: layers or 4]]
    for layer in FIRST[: layers or 4]:
        assert torch.equal(after[f"{layer}.weight"], bank.layers[layer].filters)
        assert 0 < after[f"{layer}.weight"].flatten(1).norm(dim=1).max() <= 1 + 1e-6  # a mean of unit vectors


def test_rescaled_layers_have_the_scale_they_promise(bank):
    he, like_sources = (architectures.build("resnet18-custom", 10, seed=3) for _ in range(2))
    initialize_(he, "aligned", bank=bank, rescale="he")
    initialize_(like_sources, "aligned", bank=bank, rescale="sources")
    weights = [state["conv1.weight"] for state in random_sources(1, 2).values()]
    source_std = torch.stack(weights).square().mean().sqrt().item()
    assert like_sources.conv1.weight.square().mean().sqrt().item() == pytest.approx(source_std, rel=1e-5)
    for name, conv in bankable_layers(he)[:4]:
        assert conv.weight.square().mean().sqrt().item() == pytest.approx(he_std(conv), rel=1e-5)
        ratio = conv.weight / bank.layers[name].filters
        torch.testing.assert_close(ratio, ratio.flatten()[0].expand_as(ratio), rtol=1e-4, atol=0)


# ---------------------------------------------------------------- what does not fit


@pytest.mark.parametrize("layers", [0, 18])
def test_wrong_numbers_of_layers_are_refused(layers, groups, bank):
    with pytest.raises(InputError, match=f"{layers} layers were asked for; the network has 1 to 17"):
        align(random_sources(1), groups["resnet18"], layers)
    said = f"{layers} layers were asked for, but the bank holds 4" if layers else "layers is 0; give a whole number"
    with pytest.raises(InputError, match=said):
        initialize_(architectures.build("resnet18-custom", 10), "aligned", bank=bank, layers=layers)


def test_sources_of_another_architecture_are_refused_by_layer_and_shapes(groups):
    one = network()
    narrow = one | {"layer1.0.conv1.weight": torch.zeros(32, 64, 3, 3)}
    said = r"layer 'layer1.0.conv1': weight is \(64, 64, 3, 3\) in the network, \(32, 64, 3, 3\) in source 'b'"
    with pytest.raises(InputError, match=said):
        align({"a": one, "b": narrow}, groups["resnet18-custom"], 2)
    align({"a": one, "b": narrow}, groups["resnet18-custom"], 1)  # a layer that is not aligned does not matter
    lenet = architectures.build("lenet", 10).state_dict()
    with pytest.raises(InputError, match=r"layer 'conv1': weight is .* in the network, .* in source 'b'"):
        align({"a": one, "b": lenet}, groups["resnet18-custom"], 1)
    without = {key: value for key, value in one.items() if key != "bn1.running_var"}
    with pytest.raises(InputError, match=r"layer 'bn1': running_var is \(64,\) in the network, nothing in the source"):
        permute_source(without, {}, groups["resnet18-custom"])


def test_banks_that_do_not_fit_are_refused_and_leave_the_model_alone(bank):
    model = architectures.build("resnet18-custom", 10, seed=1)
    model.layer1[0].conv2 = nn.Conv2d(64, 64, 5, bias=False)
    before = digest(model.state_dict())
    said = r"layer 'layer1.0.conv2' is \(64, 64, 5, 5\) in the model, \(64, 64, 3, 3\) in the bank"
    with pytest.raises(InputError, match=said):
        initialize_(model, "aligned", bank=bank)
    with pytest.raises(InputError, match=r"layer 'features.0' is \(8, 3, 3, 3\) in the model, nothing in the bank"):
        initialize_(nn.ModuleDict({"features": nn.Sequential(nn.Conv2d(3, 8, 3))}), "aligned", bank=bank, layers=1)
    clusters = Bank("euclid", bank.layers, [])
    with pytest.raises(InputError, match="needs a bank of method aligned-greedy or aligned-hungarian, not 'euclid'"):
        initialize_(model, "aligned", bank=clusters)
    with pytest.raises(InputError, match="aligned: rescale is 'xavier'; give one of none, he, sources"):
        initialize_(model, "aligned", bank=bank, rescale="xavier")
    assert digest(model.state_dict()) == before


def test_unknown_words_and_impossible_permutations_are_refused(groups):
    custom, one = groups["resnet18-custom"], random_sources(1)
    with pytest.raises(InputError, match="matching 'best' is not one of greedy, hungarian"):
        align(one, custom, 1, "best")
    with pytest.raises(InputError, match="average 'median' is not one of unit, plain"):
        align(one, custom, 1, average="median")
    with pytest.raises(InputError, match="no sources were given"):
        align({}, custom, 1)
    with pytest.raises(InputError, match="bank method 'greedy' is not one of aligned-greedy, aligned-hungarian"):
        aligned_bank("greedy", one, nn.Identity(), 1)
    with pytest.raises(InputError, match="a pair of sources is drawn, but 1 were given"):
        filter_pair(one, custom)
    with pytest.raises(InputError, match=r"no group of channels 'layer9'; groups: conv1, layer1.0.conv1"):
        permute_source(one["s1"], {"layer9": torch.arange(64)}, custom)
    for wrong in (torch.zeros(64, dtype=torch.long), torch.arange(63)):
        with pytest.raises(InputError, match="group 'conv1': the index is not a permutation of its 64 channels"):
            permute_source(one["s1"], {"conv1": wrong}, custom)
