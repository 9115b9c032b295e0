"""``informed``: every layer that a normalization follows turns by one angle, others have unit variance."""

import math
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from informed_init import architectures
from informed_init.errors import InputError
from informed_init.initializers import initialize_
from informed_init.initializers.registry import InitializationWarning
from informed_init.runs.arms import _initialized, fresh_network, training_images
from informed_init.runs.data import problem
from informed_init.seeds import generator
from informed_init.tasks.subsets import Task
from informed_init.training.recipe import Recipe
from repository import ROOT
from torch import nn
from torch.nn.utils import prune

LABELS = torch.arange(64) % 4
IMAGES = F.avg_pool2d(torch.randn(64, 3, 14, 14, generator=generator("informed")), 3, 1) * 3


def normalized_network():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.BatchNorm2d(8), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(8 * 8 * 8, 12), nn.LayerNorm(12), nn.ReLU(), nn.Linear(12, 4)),
    )


def plain_network():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(512, 12), nn.ReLU()),
        nn.Linear(12, 4),
    )


def informed(model, data=(IMAGES, LABELS), seed=3, **settings):
    return initialize_(model, "informed", generator=seed, data=data, **settings)


def angles_of_one_step(model, rate):
    """The angle in radians by which each weight but the head turns in one step of SGD on all images."""
    before = {name: p.detach().clone() for name, p in model.named_parameters() if p.ndim > 1}
    F.cross_entropy(model(IMAGES), LABELS).backward()
    torch.optim.SGD(model.parameters(), lr=rate).step()
    after = dict(model.named_parameters())
    return {
        n: math.acos(F.cosine_similarity(w.flatten().double(), after[n].detach().flatten().double(), 0))
        for n, w in before.items()
    }


@pytest.mark.parametrize(("rate", "steps"), [(0.01, 1000), (0.3, 50)])
def test_every_normalized_layer_turns_by_one_over_root_2t_in_its_first_step_at_any_rate(rate, steps):
    model = normalized_network()
    report = informed(model, schedule=(rate, steps, 0), batch_size=64)
    assert "its norm by its gradient" in report["3.weight"].why and f"rate {rate:g} in all" in report["3.weight"].detail
    found = angles_of_one_step(model, rate)
    for name in ("3.weight", "7.weight"):
        assert found[name] == pytest.approx(math.atan(1 / math.sqrt(2 * steps)), rel=0.01), name


def test_a_first_convolution_is_that_of_whitened():
    one, other = normalized_network(), normalized_network()
    informed(one)
    initialize_(other, "whitened", generator=3, data=(IMAGES, LABELS))
    assert torch.equal(one[0].weight, other[0].weight)
    assert torch.equal(one[10].weight, normalized_network()[10].weight)  # the head is left


def test_the_control_with_hes_noise_first_has_the_same_length_there_and_the_same_rule_behind_it():
    one, other = normalized_network(), normalized_network()
    informed(one)
    report = informed(other, first="he", schedule=(0.01, 1000, 0), batch_size=64)
    assert report["0.weight"].why.startswith("He's noise")
    assert other[0].weight.norm().item() == pytest.approx(one[0].weight.norm().item(), rel=1e-4)
    assert torch.equal(one[0].weight[:8], -one[0].weight[8:])  # eigenvectors have both signs, noise has not
    assert not torch.equal(other[0].weight[:8], -other[0].weight[8:])
    assert angles_of_one_step(other, 0.01)["3.weight"] == pytest.approx(1 / math.sqrt(2000), rel=0.01)


def test_without_normalization_every_layer_has_unit_variance_and_orthogonal_directions():
    model = plain_network()
    informed(model, batch_size=64)
    seen = []
    hooks = [
        layer.register_forward_hook(lambda m, i, out: seen.append(out.std().item()))
        for layer in (model[0], model[2], model[5])
    ]
    model(IMAGES)
    assert seen == pytest.approx([1.0] * len(hooks), abs=1e-3)
    gram = model[5].weight @ model[5].weight.T
    torch.testing.assert_close(gram / gram[0, 0], torch.eye(12), atol=1e-4, rtol=0)


def test_a_linear_layer_that_is_first_sees_no_patches_and_is_as_the_others():
    inputs = torch.randn(64, 20, generator=generator("linear"))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 4))
    report = informed(model, (inputs, LABELS), batch_size=64)
    assert report["0.weight"].why == "orthogonal, scaled to an output variance of one"
    assert model[0](inputs).std().item() == pytest.approx(1, abs=1e-3)


def test_a_branch_without_a_gradient_is_as_small_as_the_others():
    model = architectures.build("resnet18", 4, seed=0)
    he = architectures.build("resnet18", 4, seed=0)
    initialize_(he, "he-normal", generator=0, mode="fan_out")
    for block in (*model.layer1, *model.layer2, *model.layer3, *model.layer4):
        nn.init.zeros_(block.bn2.weight)
    report = informed(model, (F.interpolate(IMAGES, 32), LABELS))
    factor = {
        name: (p.norm() / dict(he.named_parameters())[name].norm()).item()
        for name, p in model.named_parameters()
        if p.ndim == 4
    }
    assert report["layer2.1.conv1.weight"].why == "He's noise, as small as others: no gradient to go by"
    known = [factor[f"layer{n}.0.downsample.0.weight"] for n in (2, 3, 4)]
    assert factor["layer2.1.conv1.weight"] == pytest.approx(math.prod(known) ** (1 / 3), rel=0.03)
    assert all(p.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    "schedule",
    [
        *((0, 10, 0), (-0.1, 10, 0), (math.nan, 10, 0), (math.inf, 10, 0), (0.1, 0, 0), (0.1, 2.5, 0), (0.1, True, 0)),
        *((0.1, 10, 1), (0.1, 10, -0.5), (0.1, 10, math.nan), 0.1, (0.1, 10), "abc", None),
        *((True, 10, 0), ("0.1", 10, 0), (0.1, 10, False), (0.1, 10**400, 0)),
    ],
)
def test_a_schedule_that_is_none_is_refused_in_a_line_and_nothing_is_changed(schedule):
    model = normalized_network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(
        InputError, match=r"^informed: schedule is .*; give \(learning rate, number of steps, momentum\)"
    ) as found:
        informed(model, schedule=schedule)
    assert "\n" not in str(found.value)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_workflow_tells_the_schedule_of_the_training():
    """8 of 64 images are held out: 56 in batches of 20 are three steps an epoch, six in two."""
    settings = {
        "epochs": 2,
        "learning_rate": [[1, 0.2]],
        "batch_size": 20,
        "validation_fraction": 0.125,
        "weight_decay": 0.0,
    }
    recipe = Recipe.from_config(settings)
    pixels = ((IMAGES - IMAGES.min()) / (IMAGES.max() - IMAGES.min()) * 255).byte()
    task = Task("t", pixels, LABELS, pixels, LABELS, 4, (0.5,) * 3, (0.2,) * 3)
    cut = problem(task, "controlled", recipe, 0, torch.device("cpu"))
    assert len(cut.train) == 56
    spec = {"initializer": "informed", "parameters": {}, "architecture": "compact-light"}
    made, _ = _initialized(spec, task, cut, recipe, 0, {})
    asked = fresh_network("compact-light", 4, "t", 0, tuple(pixels.shape[1:]))
    data = training_images(cut, recipe)
    initialize_(asked, "informed", generator=generator("initializer", "t", 0), data=data, schedule=(0.2, 6, 0.9))
    assert all(torch.equal(value, made.state_dict()[name]) for name, value in asked.state_dict().items())


def test_the_report_says_what_a_first_convolution_holds_where_nothing_normalizes_it():
    report = informed(plain_network())
    said = report["0.weight"]
    assert said.why.startswith("whitened eigenvectors of") and said.why.endswith("scaled to an output variance of one")
    assert "both signs" in said.detail
    assert report["2.weight"].why == "orthogonal, scaled to an output variance of one"


@pytest.mark.parametrize(
    "computed",
    [
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.spectral_norm,
        lambda layer: prune.random_unstructured(layer, "weight", 0.5),
    ],
)
def test_a_normalized_layer_whose_weight_is_computed_turns_as_others_do(computed):
    model = normalized_network()
    computed(model[3])
    report = informed(model, schedule=(0.01, 1000, 0), batch_size=64)
    assert "its norm by its gradient" in next(
        row.why for row in report.set if row.name.startswith("3.") and row.shape[1:]
    )
    before = model.eval()[3].weight.detach().clone()
    model.train()
    F.cross_entropy(model(IMAGES), LABELS).backward()
    torch.optim.SGD(model.parameters(), lr=0.01).step()
    model.eval()(IMAGES)  # pruning computes the weight in front of a pass
    turned = math.acos(F.cosine_similarity(before.flatten().double(), model[3].weight.detach().flatten().double(), 0))
    assert turned == pytest.approx(1 / math.sqrt(2000), rel=0.03)


def test_without_a_gradient_to_go_by_norms_stay_hes_and_the_report_says_so():
    model, he = normalized_network(), normalized_network()
    nn.init.zeros_(model[10].weight)
    with pytest.warns(InitializationWarning, match="2 of 2 normalized layers would start below 0.01 .* keep He's"):
        report = informed(model)
    assert report["3.weight"].why == "He's noise: no gradient to go by"
    with pytest.warns(InitializationWarning, match="2 of 2 normalized layers .* or the training is short"):
        informed(he, schedule=(1e-7, 10, 0))
    assert torch.equal(model[3].weight, he[3].weight)
    assert model[3].weight.std().item() == pytest.approx(math.sqrt(2 / (8 * 9)), rel=0.05)


def test_behind_a_small_layer_scale_a_layer_is_as_small_as_others():
    """A millionth of the gradient says nothing about how far the layer will turn."""
    model = normalized_network()
    nn.init.constant_(model[4].weight, 1e-6)
    nn.init.ones_(model[4].bias)
    with pytest.warns(InitializationWarning, match="1 of 2 normalized layers .* have the others' part of it"):
        report = informed(model, schedule=(0.01, 1000, 0.9))
    one, other = (float(report[name].detail.split()[0]) for name in ("3.weight", "7.weight"))
    assert one == other > 0.01


@pytest.mark.parametrize("schedule", [(1e308, 10, 0.9), (1e80, 10, 0), (0.1, 10**308, 0)])
def test_a_schedule_that_asks_for_no_number_is_refused_and_nothing_is_changed(schedule):
    model = normalized_network()
    with pytest.raises(InputError, match=r"^informed: .* in layer '3', .*; give the schedule of the training"):
        informed(model, schedule=schedule)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), normalized_network().parameters(), strict=True))


@pytest.mark.parametrize("kind", [torch.int32, torch.int8, torch.bool])
def test_labels_may_be_whole_numbers_of_any_kind(kind):
    one, other = normalized_network(), normalized_network()
    informed(one, (IMAGES, (LABELS % 2).to(kind)))
    informed(other, (IMAGES, LABELS % 2))
    assert torch.equal(one[3].weight, other[3].weight)


def test_weights_that_became_nan_before_the_refusal_are_put_back():
    model = plain_network()
    with pytest.raises(InputError, match="has variance nan on the batch; use another initializer"):
        informed(model, (IMAGES * 1e25, LABELS))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), plain_network().parameters(), strict=True))


def test_the_first_call_of_a_process_draws_nothing_from_the_global_generator():
    """Modules that are imported by it make layers, whose constructors draw."""
    code = (
        "import torch; from informed_init.initializers.registry import function; state = torch.get_rng_state(); "
        "function('informed'); assert torch.equal(state, torch.get_rng_state())"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT / "workflow_scripts")
