"""A job that is killed again and again at random moments ends with the table of an undisturbed one."""

import random
import subprocess
import sys

import pytest
import torch
from informed_init.banks.sources import load
from informed_init.runs.arms import train_arm
from informed_init.runs.data import Data
from informed_init.runs.partial import Partial
from informed_init.runs.sources import train_sources, untrained_sources
from informed_init.tasks import images as splits
from informed_init.tasks import procedural, readers
from repository import ROOT

JOB = """
import json, sys
sys.path.insert(0, {package!r})
import torch
torch.set_num_threads(1)
from informed_init.columns import write_rows
from informed_init.runs.arms import train_arm
from informed_init.runs.data import Data
from informed_init.runs.partial import Partial, digest_of

folder, output = sys.argv[1:]
tasks = [dict(name=f"procedural-{{a}}-{{b}}", superclasses=[a, b]) for a, b in ((10, 11), (12, 13), (15, 18), (16, 19))]
spec = dict(
    run="kill", protocol={protocol!r}, recipe="r", arm="random", initializer="default", parameters={{}},
    settings=dict(epochs=1, learning_rate=[[1, 0.01]], batch_size=20, validation_fraction=0.25),
    architecture="resnet18", tasks=tasks, replicas=[0, 1, 2, 3], device="cpu",
)
data = Data.load(f"{{folder}}/train", f"{{folder}}/test")
partials = {{r: Partial(output + ".partial", digest_of(spec | dict(replica=r), [f"{{folder}}/train"])) for r in spec["replicas"]}}
print("ready", flush=True)
resources = {{r: {{}} for r in spec["replicas"]}}
done = train_arm(spec, data, resources, partials, lambda line: print(line, flush=True))
write_rows(done[0], output)
for partial in partials.values():
    partial.remove()
"""
KILLS = 10


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    procedural.write(folder, "procedural", 1, 6, 2)
    for split in ("train", "test"):
        splits.save_split(folder / split, readers.read("procedural", folder, split))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["controlled", "published"])
def test_ten_random_kills_change_nothing(images, tmp_path, protocol):
    script = tmp_path / "job.py"
    script.write_text(JOB.format(package=str(ROOT / "workflow_scripts"), protocol=protocol))

    def start(name):
        command = [sys.executable, str(script), str(images), str(tmp_path / name)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    undisturbed = start("undisturbed")
    output, _ = undisturbed.communicate(timeout=600)
    assert undisturbed.returncode == 0, output
    rng = random.Random(protocol)
    taken_over = 0
    for _ in range(KILLS):
        job = start("killed")
        # let it finish none or one more of its 16 trainings, then strike somewhere inside the next one
        left = rng.choice([0, 1, 1])
        for line in job.stdout:
            taken_over += "taken over" in line
            left -= "left" in line
            if left <= 0 and "taken over" not in line:
                break
        with pytest.raises(subprocess.TimeoutExpired):
            job.wait(timeout=rng.uniform(0, 0.4))
        job.kill()
        job.communicate()
    last = start("killed")
    output, _ = last.communicate(timeout=600)
    assert last.returncode == 0, output
    assert taken_over >= KILLS
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "undisturbed").read_bytes()
    assert not any((tmp_path / "killed.partial").iterdir())


# ---------------------------------------------------------------- interrupted in this process, at every place


SETTINGS = {"epochs": 1, "learning_rate": [[1, 0.01]], "batch_size": 20, "validation_fraction": 0.25}
TASKS = [{"name": f"procedural-{a}-{b}", "superclasses": [a, b]} for a, b in ((10, 11), (12, 13), (15, 18))]
REPLICAS = [0, 1]


class Interrupted(Exception):
    pass


@pytest.fixture(scope="module")
def data(images):
    return Data.load(images / "train", images / "test")


def train(data, protocol, keep, folder, stop_after=None):
    """One arm's rows and networks; interrupted after a number of trainings if asked to."""
    spec = {"run": "resume", "protocol": protocol, "recipe": "r", "arm": "random", "initializer": "default"}
    spec |= {"parameters": {}, "settings": SETTINGS, "architecture": "lenet-bn", "tasks": TASKS, "device": "cpu"}
    lines = []

    def log(line):
        lines.append(line)
        if "left" in line and sum("left" in line for line in lines) == stop_after:
            raise Interrupted

    partials = {replica: Partial(folder, str(replica)) for replica in REPLICAS}
    rows, _, networks = train_arm(
        spec | {"replicas": REPLICAS}, data, {r: {} for r in REPLICAS}, partials, log, keep=keep
    )
    numbers = [[value for key, value in row.items() if key != "cost"] for row in rows]
    weights = {name: {key: t.tolist() for key, t in state.items()} for name, state in networks.items()}
    return str(numbers), weights, lines


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    return {
        (protocol, keep): train(data, protocol, keep, tmp_path_factory.mktemp("whole"))
        for protocol in ("controlled", "published")
        for keep in (False, True)
    }


@pytest.mark.parametrize("stop_after", range(1, len(TASKS) * len(REPLICAS)))
@pytest.mark.parametrize("keep", [False, True], ids=["arm", "teacher"])
@pytest.mark.parametrize("protocol", ["controlled", "published"])
def test_an_interrupted_arm_or_teacher_ends_as_an_undisturbed_one(
    data, undisturbed, tmp_path, protocol, keep, stop_after
):
    with pytest.raises(Interrupted):
        train(data, protocol, keep, tmp_path, stop_after)
    rows, networks, lines = train(data, protocol, keep, tmp_path)
    assert (rows, networks) == undisturbed[protocol, keep][:2]
    assert sum("taken over" in line for line in lines) == stop_after


@pytest.mark.parametrize("left", [0, 0.5, None], ids=["empty", "half", "gone"])
@pytest.mark.parametrize("keep", [False, True], ids=["arm", "teacher"])
@pytest.mark.parametrize("protocol", ["controlled", "published"])
def test_a_kept_network_that_is_cut_or_gone_is_trained_again(data, undisturbed, tmp_path, protocol, keep, left):
    with pytest.raises(Interrupted):
        train(data, protocol, keep, tmp_path, stop_after=2)
    for file in tmp_path.glob("*/*.safetensors"):
        content = file.read_bytes()
        file.unlink()
        if left is not None:
            file.write_bytes(content[: int(left * len(content))])
    rows, networks, _ = train(data, protocol, keep, tmp_path)
    assert (rows, networks) == undisturbed[protocol, keep][:2]


SOURCES = {"settings": SETTINGS, "architecture": "resnet18-small", "device": "cpu"}


def train_two_sources(images, folder, tasks=TASKS[:2], log=lambda line: None, **more):
    names = [task["name"] for task in tasks]
    given = {"train": images / "train", "test": images / "test", "code": []}
    outputs = {"networks": [folder / f"{name}.safetensors" for name in names]}
    outputs["curves"] = [folder / f"{name}.csv" for name in names]
    train_sources(SOURCES | {"tasks": tasks} | more, given, outputs, folder / "partial", log)
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.*"))}


@pytest.mark.parametrize("left", [0, 0.5, None], ids=["empty", "half", "gone"])
def test_a_kept_source_that_is_cut_or_gone_is_trained_again(images, tmp_path, left):
    def stop_after_the_first(line):
        raise Interrupted

    with pytest.raises(Interrupted):
        train_two_sources(images, tmp_path, log=stop_after_the_first)
    (kept,) = (tmp_path / "partial").glob("*/*.safetensors")
    content = kept.read_bytes()
    kept.unlink()
    if left is not None:
        kept.write_bytes(content[: int(left * len(content))])
    (tmp_path / "undisturbed").mkdir()
    assert train_two_sources(images, tmp_path) == train_two_sources(images, tmp_path / "undisturbed")


def test_sources_that_are_there_already_are_not_trained_again(images, tmp_path):
    before = train_two_sources(images, tmp_path)
    said = []
    assert train_two_sources(images, tmp_path, TASKS[1:], said.append).items() >= before.items()
    assert ["taken over" in line for line in said] == [True, False]
    damaged = tmp_path / f"{TASKS[0]['name']}.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    assert train_two_sources(images, tmp_path).items() >= before.items()


def test_sources_are_made_for_the_images_they_see(images, tmp_path):
    """Architectures that take images of any channels and size were built for one channel, and failed on color images."""
    train_two_sources(images, tmp_path, TASKS[:1], architecture="lenet-bn")
    name = TASKS[0]["name"]
    trained = load([tmp_path / f"{name}.safetensors"])[name].state_dict()
    start = untrained_sources("lenet-bn", TASKS[:1], 10, (3, 32, 32))[name]
    assert {key: t.shape for key, t in trained.items()} == {key: t.shape for key, t in start.items()}
    assert not torch.equal(trained["layer1.0.weight"], start["layer1.0.weight"])
