"""Many trainings in one process: what the jobs that train sources and arms share, and the training of sources.

Data are loaded once; every finished training is kept at once in a folder beside the results, so a killed job loses at
most the training in flight and its table is the same as an uninterrupted one's. The folder's name is a digest of
everything that decides the results, so leftovers of another configuration are never used.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .. import architectures
from ..banks.sources import Source, choose_sources
from ..banks.sources import load as load_sources
from ..errors import InputError
from ..files import load_tensors, save_tensors, write_text
from ..seeds import derive_seed, generator
from ..tasks import subsets
from ..tasks.readers import Images, load_split
from ..training.devices import resolve_device
from ..training.loop import Problem, Split, train
from ..training.recipe import Recipe

PROTOCOLS = ("published", "controlled")


class Partial:
    """Finished pieces of an unfinished job, in ``<folder>/<digest>``; removed when the job is done."""

    def __init__(self, folder: str | Path, digest: str):
        self.folder = Path(folder) / digest
        self.folder.mkdir(parents=True, exist_ok=True)

    def load(self, name: str) -> list[dict] | None:
        """The rows of a finished training, or None; a file that a crash of the machine left half-written counts as none."""
        path = self.folder / f"{name}.json"
        try:
            return json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def store(self, name: str, rows: list[dict]) -> None:
        """Keep the rows of a finished training (NaN is written as such; only this class reads it back)."""
        write_text(self.folder / f"{name}.json", json.dumps(rows))

    def network(self, name: str) -> Path:
        """Where a network that a later training of the job continues from is kept."""
        return self.folder / f"{name}.safetensors"

    def remove(self) -> None:
        """Delete the folder; the job's table holds all it held."""
        shutil.rmtree(self.folder, ignore_errors=True)


def digest_of(settings: Mapping, files: Iterable[str | Path]) -> str:
    """A digest of settings and of the contents of files: what decides a job's results."""
    total = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for path in sorted(map(str, files)):
        with open(path, "rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:20]


class Progress:
    """One line a training, with the time left estimated from the trainings done so far."""

    def __init__(self, total: int, log: Callable[[str], None]):
        self.total, self.log = total, log
        self.done = self.trained = 0
        self.seconds = 0.0

    def resumed(self, name: str) -> None:
        """A training that an earlier, interrupted job finished."""
        self.done += 1
        self.log(f"[{self.done}/{self.total}] {name}: taken over from an interrupted job")

    def finished(self, name: str, row: Mapping, seconds: float) -> None:
        """A training that this job finished."""
        self.done += 1
        self.trained += 1
        self.seconds += seconds
        left = self.seconds / self.trained * (self.total - self.done)
        result = "diverged" if row["diverged"] else f"val {row['val_accuracy']:.2f} %"
        self.log(f"[{self.done}/{self.total}] {name}: {result}, {seconds:.0f} s, {_duration(left)} left")


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{minutes} min"
        if minutes < 90
        else f"{minutes // 60} h {minutes % 60} min"
    )


@dataclass
class Data:
    """A data set's two splits."""

    train: Images
    test: Images

    @classmethod
    def load(cls, train: str | Path, test: str | Path) -> "Data":
        """Read the two split files of a data set."""
        return cls(load_split(train), load_split(test))

    def task(self, task: Mapping, recipe: Recipe) -> subsets.Task:
        """The task named in the config, two superclasses or the whole data set, with the images as the recipe wants
        them."""
        if task.get("superclasses"):
            cut = subsets.pair_task(self.train, self.test, tuple(task["superclasses"]), task["name"])
        else:
            cut = subsets.whole_task(self.train, self.test, task["name"])
        return subsets.changed(
            cut,
            image_size=recipe.image_size,
            grayscale=recipe.grayscale,
            train_per_class=recipe.train_per_class,
            test_per_class=recipe.test_per_class,
        )


def problem(task: subsets.Task, protocol: str, recipe: Recipe, replica: int, device: torch.device) -> Problem:
    """The splits a protocol lets a training see.

    ``published``: all training images; the test split is looked at every epoch, as the published code does, and the
    recipe's
    ``validation_fraction`` is not used. ``controlled``: a part of the training images is held out (drawn by task and
    replica) for the curve; the test split is evaluated once, after the last epoch.
    """
    train_split = Split.on(device, task.train_images, task.train_labels)
    test_split = Split.on(device, task.test_images, task.test_labels)
    if protocol == "published":
        parts = (train_split, test_split, None)
    elif protocol == "controlled":
        rng = generator("validation", task.name, replica)
        kept, held_out = subsets.hold_out(task.train_labels, recipe.validation_fraction, rng)
        parts = (train_split.select(kept), train_split.select(held_out), test_split)
    else:
        raise InputError(f"protocol {protocol!r} is not one of {', '.join(PROTOCOLS)}")
    return Problem(task.name, *parts, task.num_classes, task.mean, task.std)


def train_sources(
    spec: Mapping, data: Data, partial: Partial, log: Callable[[str], None]
) -> tuple[dict[str, dict[str, Tensor]], list[dict]]:
    """Train a block of source networks, one a task: ``(name -> state dict, rows of the curves)``.

    All training images are used, and no test image: sources are judged by what they give to others. The curve's
    ``val`` columns are measured on a held-out part of the training images, which the source also trains on, and so
    say only that it learned.
    """
    device, recipe = resolve_device(spec["device"]), Recipe.from_config(spec["settings"])
    progress = Progress(len(spec["tasks"]), log)
    networks, rows = {}, []
    for task in spec["tasks"]:
        name = task["name"]
        found = partial.load(name)
        if found is None:
            started = time.perf_counter()
            cut = data.task(task, recipe)
            model = architectures.build(spec["architecture"], cut.num_classes, seed=derive_seed("source", name))
            whole = Split.on(device, cut.train_images, cut.train_labels)
            _, held_out = subsets.hold_out(cut.train_labels, 0.1, generator("validation", name, "source"))
            seen = Problem(name, whole, whole.select(held_out), None, cut.num_classes, cut.mean, cut.std)
            found = train(model, seen, recipe, ("source", name))
            save_tensors(partial.network(name), model.state_dict())
            partial.store(name, found)
            progress.finished(name, found[-1], time.perf_counter() - started)
        else:
            progress.resumed(name)
        networks[name] = load_tensors(partial.network(name))[0]
        rows += [{"task": name} | row for row in found]
    return networks, rows


def untrained_sources(architecture: str, tasks: Iterable[Mapping], num_classes: int) -> dict[str, dict[str, Tensor]]:
    """The same sources before their first step: the control that asks whether training them mattered."""
    return {
        task["name"]: architectures.build(
            architecture, num_classes, seed=derive_seed("source", task["name"])
        ).state_dict()
        for task in tasks
    }


def replica_sources(
    spec: Mapping, replica: int, tasks: list[Mapping], num_classes: int, files: Iterable[str | Path]
) -> dict[str, Source | dict[str, Tensor]]:
    """The sources of a replica's bank, by name: from ``files``, or made anew where ``spec`` asks for untrained ones."""
    names = choose_sources([task["name"] for task in tasks], spec["models"], replica, spec["disjoint"])
    if spec["trained"]:
        available = load_sources(files)
    else:
        needed = [task for task in tasks if task["name"] in names]
        available = untrained_sources(spec["architecture"], needed, num_classes)
    return {name: available[name] for name in names}
