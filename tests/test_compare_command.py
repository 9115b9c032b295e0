"""``informed-init compare``: refuses in one line before it writes, plans for the time, trains, tells, and goes on."""

import numpy as np
import pytest
import yaml
from informed_init.cli import main
from PIL import Image

NAME = "resnet18-cifar100-euclid-k2"
MINE = """
import torch

def flat(num_classes):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(432, num_classes))

def make(num_classes):
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(32, num_classes))
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with 40 red and 40 blue noisy pictures, and a network."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(40):
            pixels = rng.integers(0, 90, (12, 12, 3), dtype=np.uint8)
            pixels[..., channel] += 120
            Image.fromarray(pixels).save(folder / f"{number}.png")
    for name in ("half/train/red", "empty"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def command(**changes) -> list[str]:
    words = {
        "images": "photos",
        "model": "mine.py:make",
        "initializers": "gabor",
        "budget": "10min",
        "cores": "1",
        "device": "cpu",
    }
    return ["compare", *(word for key, value in (words | changes).items() for word in (f"--{key}", value))]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": "nowhere"}, "--images: nowhere: no such folder; name one that holds CLASS/"),
        ({"images": "mine.py"}, "--images: mine.py: a file, not a folder"),
        ({"images": "half"}, "--images: half: holds train/ but no test/; add it, or name half/train"),
        ({"images": "empty"}, "no pictures in folders of classes; needs two or more folders"),
        ({"images": "photos/red"}, "a picture in no class"),
        ({"initializers": "gabr"}, "initializer or bank 'gabr' does not exist; did you mean 'gabor'?"),
        ({"initializers": ","}, "no name in it"),
        ({"initializers": "default"}, "default is what others are compared with; name another"),
        ({"initializers": "clustered"}, "clustered needs a bank; write clustered:resnet18-"),
        ({"initializers": f"{NAME}1"}, f"initializer or bank '{NAME}1' does not exist; did you mean '{NAME}'?"),
        ({"initializers": f"clustered:{NAME}1"}, f"bank '{NAME}1' does not exist; did you mean '{NAME}'?"),
        ({"initializers": f"gabor:{NAME}"}, "gabor takes no bank; write gabor alone"),
        ({"initializers": "gabor,none.safetensors"}, "none.safetensors: no such file"),
        ({"initializers": "grown"}, "grown needs a teacher; write it into the config"),
        ({"initializers": NAME, "model": "mine.py:flat"}, f"{NAME}: clustered: needs a convolution larger than 1x1"),
        ({"model": "mine.py:made"}, "the file has no function 'made'"),
        ({"model": "resnet81"}, "architecture 'resnet81' does not exist"),
        ({"budget": "0.01min"}, "are too few for 2 initializers"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(place, capsys, changes, words):
    assert main(command(**changes)) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and said.startswith("informed-init: ")
    assert not list(place.glob("compare-*"))


def test_a_time_that_is_none_is_refused_by_name(place, capsys):
    with pytest.raises(SystemExit) as ended:
        main(command(budget="soon"))
    assert ended.value.code == 2 and "'soon' is no time; write 30min or 2h" in capsys.readouterr().err


def test_the_plan_is_a_config_and_another_one_does_not_overwrite_it(place, capsys):
    assert main([*command(), "--plan"]) == 0
    config = yaml.safe_load((place / "compare-photos" / "config.yaml").read_text())
    assert list(config["arms"]) == ["default", "gabor"]
    assert config["datasets"]["pictures"]["test_fraction"] == 0.2
    assert main([*command(), "--plan"]) == 0  # the same goes on
    assert main([*command(initializers="lsuv"), "--plan"]) == 2
    assert "give another --out, or edit" in capsys.readouterr().err


@pytest.mark.slow
def test_a_comparison_is_trained_and_told_and_told_again_without_training(place, capfd):
    assert main([*command(initializers=f"gabor,{NAME}"), "--plan"]) == 0
    path = place / "compare-photos" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    for recipe in config["recipes"].values():  # the config is the user's to edit
        recipe |= {"epochs": 2, "batch_size": 16}
    config["replicas"] = {"count": 3, "per_job": 3}
    path.write_text(path.read_text().split("\n", 1)[0] + "\n" + yaml.safe_dump(config))
    assert main(["compare", "--out", "compare-photos", "--cores", "2"]) == 0
    said = capfd.readouterr().out
    assert (
        "On your images gabor" in said and NAME in said.split("On your images")[1] and "n = 3 paired trainings" in said
    )
    results = place / "compare-photos" / "results" / "compare-photos"
    assert (results / "figures" / "compare.png").is_file()
    before = {file: file.stat().st_mtime_ns for file in results.glob("curves/**/*.csv")}
    assert main(["compare", "--out", "compare-photos", "--cores", "2"]) == 0
    assert before == {file: file.stat().st_mtime_ns for file in results.glob("curves/**/*.csv")}
