"""Every architecture of the registry trains in the engine as in the plain loop, as exactly as rounding lets one say."""

import pytest
import torch
from informed_init import architectures
from informed_init.seeds import generator
from informed_init.training import loop
from informed_init.training.plain import train_plain
from informed_init.training.recipe import Recipe
from problems import small_problem
from torch import nn

# small, but large enough that dropout in SqueezeNet meets maps of several pixels
SIZES = {"alexnet": 57, "googlenet": 48, "inception": 33, "mit-b0": 32, "resnet50": 48, "squeezenet": 48, "compact": 16}
# fmt: off
SLOW = {
    "alexnet", "compact", "compact-legacy", "googlenet", "inception", "inception-both", "inception-deeper", "mit-b0",
    "resnet18", "resnet18-custom", "resnet50", "vgg19",
}
# fmt: on

# At a high rate a few steps through batch norm over six images multiply any rounding a million times, and nothing could be said.
# At this one a change of the start by one unit in the last place stays below 1e-10 everywhere.
RECIPE = {"epochs": 1, "learning_rate": [[1, 0.001]], "batch_size": 6, "weight_decay": 0.01, "precision": "float64"}
EXACT = 2.0**-52  # what rounding alone does to a number of about one
ALLOWED = 10  # times the effect of one unit in the last place of every weight; 3 was the most measured


def built(name: str, size: int) -> nn.Module:
    """A network in float64; the wide hidden layers of AlexNet's and VGG's classifiers get 32 units, to be quick."""
    model = architectures.build_for(name, 4, (3, size, size), seed=1)
    wide = [i for i, m in enumerate(getattr(model, "classifier", ())) if isinstance(m, nn.Linear)]
    if len(wide) == 3:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            for i, (into, out) in zip(
                wide, ((model.classifier[wide[0]].in_features, 32), (32, 32), (32, 4)), strict=True
            ):
                model.classifier[i] = nn.Linear(into, out)
    return model.double()


def perturbed(model: nn.Module) -> nn.Module:
    """Every weight moved by one unit in its last place, up or down."""
    draws = generator("units in the last place")
    with torch.no_grad():
        for weight in model.parameters():
            up = torch.rand(weight.shape, generator=draws) < 0.5
            weight.copy_(torch.nextafter(weight, torch.where(up, torch.inf, -torch.inf).double()))
    return model


def trained(model: nn.Module, engine, size: int) -> tuple[dict, list[dict]]:
    rows = engine(model, small_problem(n=16, size=size), Recipe(**RECIPE), ("every architecture", 0))
    return model.state_dict(), rows


def difference(found: tuple[dict, list[dict]], expected: tuple[dict, list[dict]]) -> float:
    """The largest, of weights, batch statistics and curves: absolute below one, relative above."""
    numbers = zip(found[0].values(), expected[0].values(), strict=True)
    most = max(float(((a - b).abs() / (1 + b.abs())).max()) for a, b in numbers)
    pairs = [
        (row[key], value) for row, other in zip(found[1], expected[1], strict=True) for key, value in other.items()
    ]
    return max(most, *(abs(a - b) / (1 + abs(b)) for a, b in pairs))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in architectures.names()]
)
def test_it_trains_in_the_engine_as_in_the_plain_loop(name, recwarn):
    if name == "mit-b0":
        pytest.importorskip("transformers")
    size = next((size for start, size in SIZES.items() if name.startswith(start)), 32)
    plain = trained(built(name, size), train_plain, size)
    yardstick = difference(trained(perturbed(built(name, size)), train_plain, size), plain)
    assert yardstick < 1e-10
    assert difference(trained(built(name, size), loop.train, size), plain) <= ALLOWED * max(yardstick, EXACT)
    assert not [w for w in recwarn if "which takes longer" in str(w.message) or "trained whole" in str(w.message)]
