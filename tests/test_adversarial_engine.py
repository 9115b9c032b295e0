"""Networks that rewriting tools get wrong train in the engine as in the plain loop."""

import random
import warnings

import numpy as np
import pytest
import torch
from adversarial_nets import CLASSES, IMAGE, NETS, Trunk
from informed_init.errors import InputError
from informed_init.training import loop
from informed_init.training.form import Form, choose
from informed_init.training.plain import train_plain
from informed_init.training.recipe import Recipe
from problems import small_problem
from torch import nn

RECIPE = {
    "epochs": 2,
    "learning_rate": [[1, 0.02], [2, 0.01]],
    "batch_size": 8,
    "weight_decay": 0.01,
    "precision": "float64",
}


@pytest.mark.parametrize("name", NETS)
def test_the_networks_themselves_train_by_torchs_optimizer(name):
    model, again = NETS[name](), NETS[name]()
    for (key, first), second in zip(model.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(first, second), key
    optimizer = torch.optim.SGD(model.parameters(), 0.01, 0.9, weight_decay=1e-3)
    images, labels = torch.randn(6, *IMAGE), torch.arange(6) % CLASSES
    for _ in range(2):
        optimizer.zero_grad()
        logits = model.train()(images)
        assert logits.shape == (6, CLASSES)
        nn.functional.cross_entropy(logits, labels).backward()
        optimizer.step()
    with torch.no_grad():
        assert model.eval()(images).isfinite().all()


def trained(name, engine, **settings):
    model = NETS[name]()
    recipe = Recipe(**RECIPE | settings)
    rows = engine(model, small_problem(n=28, size=IMAGE[1]), recipe, ("adversary", 0))
    return model.state_dict(), rows


def assert_same(found, expected, tolerance=1e-9):
    for (name, a), (_, b) in zip(found[0].items(), expected[0].items(), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, msg=name)
    for row, other in zip(found[1], expected[1], strict=True):
        for key in other:
            assert row[key] == pytest.approx(other[key], rel=tolerance, abs=tolerance), key


@pytest.mark.filterwarnings("ignore:.*(trained whole|default order)", "ignore:.*weight_norm.*deprecated")
@pytest.mark.parametrize("settings", [{}, {"optimizer": "adam", "weight_decay": 0.0}], ids=["sgd", "adam"])
@pytest.mark.parametrize("name", NETS)
def test_it_trains_in_the_engine_as_in_the_plain_loop(name, settings):
    assert_same(trained(name, loop.train, **settings), trained(name, train_plain, **settings))


# What is left of ``inner`` and ``last`` to be trained by live taps alone, and why the rest is not.
FORMS = {
    "plain": ({"inner", "last"}, {}),
    "forward-hook": ({"inner"}, {"last": "it has a hook"}),
    "gradient-hook": ({"inner"}, {"last": "the gradient of its weight has a hook"}),
    "spectral-norm-old": ({"inner"}, {"last": "it has a hook"}),
    "spectral-norm-new": ({"inner"}, {"last": "it is a ParametrizedConv2d"}),
    "pruned": ({"inner"}, {"last": "it has a hook"}),
    "subclass": (set(), dict.fromkeys(("inner", "last"), "it is a StandardizedConv2d")),
    "patched-forward": ({"inner"}, {"last": "its forward is overridden"}),
    "two-names": ({"inner"}, {"first_name": "it is registered under several names"}),
    "shared-weight": (set(), dict.fromkeys(("inner", "last"), "it shares its weight with another layer")),
    "mode-dependent-size": ({"inner"}, {"last": "its maps differ between training and evaluation"}),
    "mode-dependent-calls": ({"inner"}, {"last": "it is called several times"}),
    "looks-for-convolutions": (
        set(),
        dict.fromkeys(("inner", "last"), "otherwise the network would compute something else"),
    ),
    "unused": ({"inner", "last"}, {}),
    "map-dropout": ({"inner", "last"}, {}),
    "views": ({"inner", "last"}, {"maps": "lie in torch's default order"}),
    "functional-dropout": ({"inner", "last"}, {"maps": "lie in torch's default order"}),
    **{
        name: ({"inner"}, {"last": "otherwise the network would compute something else"})
        for name in ("reads-weight", "reads-hidden-weight", "hidden-list", "clamped", "hook-that-reads-another-layer")
    },
}


@pytest.mark.parametrize("name", FORMS)
def test_what_cannot_be_replaced_is_left_and_named(name):
    replaced, left = FORMS[name]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        form = choose(NETS[name](), IMAGE)
    assert form.sizes.keys() == replaced
    assert form.channels_last == ("maps" not in left)
    said = [str(warning.message) for warning in said]
    assert len(said) == len(left)
    for line, (layer, why) in zip(said, sorted(left.items()), strict=True):
        assert line.startswith(f"{layer} ")
        assert why in line


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["skipped", "spectral-norm-old", "clamped", "map-dropout", "hook-that-reads-another-layer"]
)
def test_the_trial_leaves_no_trace(name):
    model, other = NETS[name](), NETS[name]()
    for module in model.modules():
        module.eval()
    model.fc.weight.grad = torch.ones_like(model.fc.weight)
    torch.manual_seed(3), random.seed(3), np.random.seed(3)
    expected = torch.rand(2), random.random(), np.random.rand()
    torch.manual_seed(3), random.seed(3), np.random.seed(3)
    choose(model, IMAGE)
    found = torch.rand(2), random.random(), np.random.rand()
    assert torch.equal(found[0], expected[0])
    assert found[1:] == expected[1:]
    for (key, value), start in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(value, start), key
        assert value.is_contiguous()
    assert [p.grad is not None for _, p in model.named_parameters()] == [
        n == "fc.weight" for n, _ in model.named_parameters()
    ]
    assert not any(module.training for module in model.modules())
    assert getattr(model, "steps", 0) == 0


def test_what_changes_from_step_to_step_in_python_is_not_recorded():
    assert choose(NETS["plain"](), IMAGE).recordable
    assert not choose(NETS["skipped"](), IMAGE).recordable
    assert not choose(NETS["unfreezing"](), IMAGE).recordable


class OnlyFloat32(Trunk):
    """The forward insists on float32, so that no trial in float64 is possible."""

    def forward(self, x):
        assert x.dtype == torch.float32
        return super().forward(x)


def test_a_network_that_cannot_be_tried_is_trained_as_it_is():
    with pytest.warns(UserWarning, match=r"trained as it is.*cannot be tried in another form \(AssertionError"):
        assert choose(OnlyFloat32(), IMAGE) == Form()


class Shrinking(Trunk):
    """After some steps the maps become smaller, which no trial can know."""

    steps = 0

    def head(self, x):
        self.steps += 1
        return self.fc(self.last(x[..., :1] if self.steps > 8 else x).relu().mean((2, 3)))


def test_maps_that_change_their_size_later_end_the_training_with_one_line():
    with pytest.raises(
        InputError, match="last: its maps were 2x2 when training began and are 2x1 now; pass live=False"
    ):
        loop.train(Shrinking(), small_problem(n=28, size=IMAGE[1]), Recipe(**RECIPE), ("adversary", 0))


def test_a_gradient_left_from_before_is_no_part_of_the_first_step():
    results = []
    for engine in (loop.train, train_plain):
        model = NETS["plain"]()
        model.fc.weight.grad = torch.ones_like(model.fc.weight)
        results.append((engine(model, small_problem(n=28, size=8), Recipe(**RECIPE), ("adversary", 0)), model))
    assert_same(*((model.state_dict(), rows) for rows, model in results))


class AlwaysDropout(Trunk):
    """Draws random numbers in evaluation, too."""

    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.3, training=True))


def test_random_numbers_of_an_evaluation_belong_to_the_training():
    def curve():
        torch.manual_seed(1)
        model = AlwaysDropout()
        torch.rand(len(results))  # the caller's random numbers
        state = torch.get_rng_state()
        rows = loop.train(model, small_problem(n=28, size=8), Recipe(**RECIPE, evaluate_start=True), ("adversary", 0))
        assert torch.equal(torch.get_rng_state(), state)
        return rows

    results = []
    for _ in range(2):
        results.append(curve())
    assert results[0] == results[1]


@pytest.mark.parametrize("settings", [{}, {"optimizer": "adam", "weight_decay": 0.0}], ids=["sgd", "adam"])
def test_a_network_whose_evaluation_depends_on_the_batch_is_evaluated_in_the_same_ones(settings):
    ends = []
    for engine in (loop.train, train_plain):
        torch.manual_seed(0)
        model = Trunk()
        model.norm = nn.BatchNorm2d(model.norm.num_features, track_running_stats=False)
        rows = engine(model, small_problem(n=28, size=IMAGE[1]), Recipe(**RECIPE | settings), ("adversary", 0))
        ends.append((model.state_dict(), rows))
    assert_same(*ends)
