"""The ResNet under five million parameters: sizes to the integer, DropBlock as asked for, fit for every initializer."""

import random

import pytest
import torch
import torch.nn.functional as F
from informed_init import architectures
from informed_init.architectures.compact import CompactResNet
from informed_init.architectures.dropblock import DropBlock
from informed_init.banks import bank as banks
from informed_init.declarations import initializers
from informed_init.errors import InputError
from informed_init.initializers import initialize_
from informed_init.runs.cost import multiply_adds, parameters
from informed_init.search.shapes import PUBLISHED, Shape
from informed_init.seeds import generator
from informed_init.training.form import choose
from informed_init.training.live_taps import live_taps
from informed_init.training.loop import train
from informed_init.training.recipe import Recipe
from problems import small_problem

BEST = Shape.of(PUBLISHED)
GIVEN = {"bank", "source", "teacher", "data"}  # what an initializer may need besides its settings


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 4_435_082),
        ({"skip_kernels": 1}, 4_172_938),
        ({"skip_kernels": [5, 5]}, 4_959_370),
        ({"pool": 2}, 4_435_082 + 7_680),
        ({"blocks": 2}, 2_958_986),
        ({"stages": 4, "width": 64, "blocks": 2, "skip_kernels": 1}, 11_173_962),
    ],
)
def test_sizes_are_the_published_ones(settings, expected):
    with torch.device("meta"):
        assert parameters(architectures.build("compact", 10, **settings)) == expected
    assert Shape.of(PUBLISHED, **settings).parameters() == expected


def test_the_best_model_has_the_published_layers():
    with torch.device("meta"):
        model = architectures.build("compact", 10)
        legacy = architectures.build("compact-legacy", 10)
    sizes = [parameters(part) for part in (model.conv1, model.bn1, model.layer1, model.layer2[0], model.fc)]
    assert sizes == [3_456, 256, 886_272, 1_181_184, 2_570]
    assert parameters(legacy) == 4_435_082
    assert multiply_adds(legacy, (3, 32, 32)) == pytest.approx(0.454e9, rel=0.01)
    assert multiply_adds(model, (3, 32, 32)) == pytest.approx(1.815e9, rel=0.01)


def test_closed_form_is_the_instantiated_size_for_200_random_shapes():
    rng = random.Random(0)
    for number in range(200):
        stages = rng.randint(1, 5)
        lists = {key: [rng.choice(values) for _ in range(stages)] for key, values in KERNELS.items()}
        shape = Shape.of(
            {"stages": stages, "width": rng.choice((4, 6, 16, 33)), "pool": rng.choice((1, 2, 3)), **lists},
            stem_stride=rng.choice((1, 2)),
            shifted=rng.random() < 0.3,
        )
        channels, classes, size = rng.choice((1, 3)), rng.choice((2, 10, 100)), rng.choice((16, 28, 33))
        with torch.device("meta"):
            model = CompactResNet(shape, classes, channels, size)
        assert parameters(model) == shape.parameters(channels, classes), shape.name
        if number % 8 == 0:
            assert multiply_adds(model, (channels, size, size)) == shape.macs(channels, classes, size), shape.name
        assert Shape.parse(shape.name) == shape


KERNELS = {"blocks": (1, 2, 3), "kernels": (1, 3, 5, 7), "skip_kernels": (1, 3, 5)}


def test_lists_belong_to_stages_one_to_one_unless_shifted_as_published():
    shape = {"stages": 3, "width": 4, "blocks": [1, 2, 3], "kernels": [5, 3, 3], "skip_kernels": 1, "pool": 1}
    model, legacy = (CompactResNet(Shape.of(shape, shifted=shifted)) for shifted in (False, True))
    assert [len(model.get_submodule(f"layer{i}")) for i in (1, 2, 3)] == [1, 2, 3]
    assert [len(legacy.get_submodule(f"layer{i}")) for i in (1, 2, 3)] == [1, 1, 2]
    assert [model.get_submodule(f"layer{i}")[0].conv1.kernel_size[0] for i in (1, 2, 3)] == [5, 3, 3]
    assert [legacy.get_submodule(f"layer{i}")[0].conv1.kernel_size[0] for i in (1, 2, 3)] == [5, 5, 3]
    assert model(torch.zeros(2, 3, 9, 9)).shape == (2, 10)


def test_misfits_are_named():
    with pytest.raises(InputError, match=r"blocks has 3 entries for 2 stages; give one for each stage"):
        architectures.build("compact", 10, blocks=[1, 2, 3])
    with pytest.raises(InputError, match="kernels holds the even size 4"):
        architectures.build("compact", 10, kernels=4)
    with pytest.raises(InputError, match=r"size 9 is larger than the 8x8 maps of stage 2; use a smaller block_size"):
        architectures.build("compact-legacy", 10, dropblock=0.1, block_size=9)
    with pytest.raises(InputError, match="size 5 is larger than the 3x3 map"):
        DropBlock(0.1, 5)(torch.zeros(1, 1, 3, 3))
    with pytest.raises(InputError, match="does not name a compact ResNet"):
        Shape.parse("n2-c128")


# ---------------------------------------------------------------- DropBlock


@pytest.mark.parametrize("side", [8, 16])
@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_dropblock_drops_the_share_it_is_asked_for(rate, size, side):
    torch.manual_seed(1)
    x = torch.ones(64, 64, side, side)
    y = DropBlock(rate, size)(x)
    assert (y == 0).float().mean().item() == pytest.approx(rate, rel=0.1)
    assert y.mean().item() == pytest.approx(1, abs=1e-4)  # what stays is scaled up


def test_dropped_values_are_whole_blocks():
    torch.manual_seed(0)
    dropped = DropBlock(0.02, 3)(torch.ones(200, 4, 9, 9)) == 0
    assert dropped.any()
    whole = (F.avg_pool2d(dropped.float(), 3, 1) > 0.999).float()
    covered = F.max_pool2d(F.pad(whole, (2, 2, 2, 2)), 3, 1) > 0
    assert torch.equal(covered, dropped)  # every dropped value lies in a 3x3 square of dropped ones, on the map


def test_dropblock_is_the_identity_in_eval_and_at_the_start_of_the_ramp():
    x = torch.randn(2, 3, 8, 8)
    block = DropBlock(0.5, 3)
    assert torch.equal(block.eval()(x), x)
    block.train()
    block.progress = 0.0
    assert torch.equal(block(x), x)
    torch.manual_seed(0)
    block.progress = 0.4
    assert (block(torch.ones(64, 32, 8, 8)) == 0).float().mean().item() == pytest.approx(0.2, rel=0.1)


def test_dropblock_draws_by_channel_or_for_all_channels_and_is_never_nan():
    torch.manual_seed(0)
    x = torch.ones(8, 16, 8, 8)
    shared, own = DropBlock(0.3, 3, shared=True)(x) == 0, DropBlock(0.3, 3)(x) == 0
    assert torch.equal(shared, shared[:, :1].expand_as(shared)) and not torch.equal(own, own[:, :1].expand_as(own))
    for legacy in (False, True):
        for _ in range(20):  # one block covers the whole map: often everything is dropped
            y = DropBlock(0.9, 3, legacy=legacy)(torch.ones(1, 1, 3, 3))
            assert y.isfinite().all()


def test_legacy_dropblock_drops_less_than_asked_for():
    torch.manual_seed(0)
    x = torch.ones(4000, 1, 16, 16)
    # what the published formula gives for 0.1 and blocks of 3: the mean of 1 - (1 - 0.1 / 9)^n over the map
    share = (DropBlock(0.1, 3, legacy=True)(x) == 0).float().mean().item()
    assert share == pytest.approx(0.0876, abs=0.003)
    ramped = DropBlock(0.1, 3, legacy=True)
    ramped.progress = 0.0
    assert (ramped(x) == 0).any()  # the published code has no ramp


# ---------------------------------------------------------------- as every other network


def test_training_ramps_the_dropblocks_and_repeats_itself():
    def run():
        model = architectures.build(
            "compact", 4, seed=3, width=8, blocks=1, dropblock=0.2, block_size=3, feature_dropout=0.2
        )
        recipe = Recipe(epochs=3, learning_rate=((1, 0.05),), batch_size=16, optimizer="adam", weight_decay=0.0)
        rows = train(model, small_problem(48, size=12), recipe, ("t", 0))
        blocks = [module for module in model.modules() if isinstance(module, DropBlock)]
        return rows, [block.progress for block in blocks]

    first, progress = run()
    assert progress == [1.0, 1.0]
    assert first == run()[0]
    assert first[-1]["train_loss"] < first[0]["train_loss"]


def test_live_taps_train_the_same_network():
    settings = {"stages": 4, "width": 4, "blocks": 1, "skip_kernels": 3, "stem_stride": 2}
    trained = []
    for live in (True, False):
        model = architectures.build("compact", 4, seed=1, **settings)
        recipe = Recipe(epochs=2, learning_rate=((1, 0.05),), batch_size=16, precision="float64")
        train(model, small_problem(32, size=16), recipe, ("t", 0), live=live)
        trained.append(model)
    assert choose(architectures.build("compact", 4, seed=1, **settings), (3, 16, 16)).sizes
    taps = live_taps(trained[0], (3, 16, 16))
    assert taps["layer4.0.conv2"].sum() == 1  # the maps of the last stage are 1x1
    for key, value in trained[0].state_dict().items():
        torch.testing.assert_close(value, trained[1].state_dict()[key], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(n for n, d in initializers().items() if not GIVEN & set(d.parameters)))
def test_every_initializer_without_resources_runs_on_it(name):
    model = architectures.build("compact-small", 10, seed=1)
    initialize_(model, name, generator=generator("t"))
    with torch.no_grad():
        assert model.eval()(torch.randn(2, 3, 16, 16)).isfinite().all()


def test_banks_and_gabor_filters_fill_its_layers():
    layers = [name for name, _ in banks.bankable_layers(architectures.build("compact-small", 10))]
    convs = [f"layer{stage}.0.conv{number}" for stage in (1, 2) for number in (1, 2)]
    assert layers == ["conv1", *convs, "layer2.0.downsample.0"]  # a skip of 3x3 has filters, too
    sources = {"a": architectures.build("compact-small", 10, seed=5).state_dict()}
    bank = banks.build("euclid", sources, layers, (0,), k=2)
    model = architectures.build("compact-small", 10, seed=1)
    initialize_(model, "clustered", generator=generator("t"), bank=bank)
    for name in layers:
        filters = model.get_submodule(name).weight.detach().reshape(-1, 3, 3)
        assert len(filters.unique(dim=0)) == 2
    initialize_(model, "gabor", generator=generator("t"), layers=1)
    assert torch.equal(model.conv1.weight, model.conv1.weight[:, :1].expand_as(model.conv1.weight))
