"""Networks of other packages and of the user's own file, named where the config names an architecture."""

import pytest
import torch
from informed_init import architectures
from informed_init.errors import InputError
from informed_init.reference_names import check, own_file

MINE = """
import torch

def make(num_classes, in_channels=3):
    return torch.nn.Sequential(torch.nn.Conv2d(in_channels, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 36, num_classes))

def number(num_classes):
    return 3
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_a_function_of_ones_own_file_is_a_network_with_seeded_weights(mine):
    reference = f"{mine}:make"
    check(reference)
    assert own_file(reference) == str(mine)
    first, again, other = (architectures.build_for(reference, 5, (1, 8, 8), seed=seed) for seed in (1, 1, 2))
    assert first(torch.zeros(2, 1, 8, 8)).shape == (2, 5)
    assert torch.equal(first[0].weight, again[0].weight) and not torch.equal(first[0].weight, other[0].weight)


def test_a_network_of_torchvision_is_torchvisions():
    pytest.importorskip("torchvision")
    model = architectures.build_for("torchvision:squeezenet1_1", 7, (3, 64, 64), seed=0)
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("hub:resnet18", "write torchvision:NAME, timm:NAME or FILE.py:FUNCTION"),
        ("nowhere.py:make", "nowhere.py cannot be read"),
        ("{mine}:made", "no function 'made'; it has: make, number"),
        ("{mine}:", "no name of a network"),
    ],
)
def test_a_reference_that_cannot_work_is_refused_in_the_plan(mine, reference, words):
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        check(reference.format(mine=mine))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("reference", "words"),
    [("torchvision:resnet19", "no such classifier"), ("{mine}:number", "must return a torch.nn.Module")],
)
def test_a_network_that_cannot_be_built_is_refused_in_one_line(mine, reference, words):
    with pytest.raises(InputError, match=words):
        architectures.build_for(reference.format(mine=mine), 5, (3, 8, 8))
