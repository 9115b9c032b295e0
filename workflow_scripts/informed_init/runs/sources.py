"""Source networks: training them, and choosing those that a replica's bank is made from."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from .. import architectures
from ..banks.sources import Source, save
from ..banks.sources import load as load_sources
from ..columns import METRICS, write_rows
from ..draws import choose_sources
from ..errors import InputError
from ..files import open_tensors, write_checksum
from ..seeds import derive_seed, generator
from ..tasks import subsets
from ..training.devices import resolve_device
from ..training.loop import Problem, Split, train
from ..training.recipe import Recipe
from .data import Data
from .partial import Partial, digest_of
from .progress import Progress

COLUMNS = ("task", "epoch", "lr", *METRICS[:6], "diverged")


def train_sources(
    spec: Mapping, given: Mapping, outputs: Mapping, partial: str | Path, log: Callable[[str], None]
) -> None:
    """Train a block of source networks, one a task, and write each one's files.

    ``spec`` has settings (of the recipe), architecture, tasks and device; ``given`` are train, test and code, ``outputs`` the
    networks, their checksums and their curves, one a task each. A source whose file says that it was made from the same is
    not trained again, nor is one that an interrupted job finished.
    """
    data, unfinished = None, []
    progress = Progress(len(spec["tasks"]), log)
    files = [given["train"], given["test"], *given["code"]]
    for task, network, curves in zip(spec["tasks"], outputs["networks"], outputs["curves"], strict=True):
        digest = digest_of({**spec, "tasks": [task]}, files)
        if _made_from(network) == digest and Path(curves).is_file():
            progress.resumed(task["name"])
            continue
        piece = Partial(partial, digest)
        unfinished.append(piece)
        rows, state = piece.load("source"), piece.network("source")
        if rows is None or state is None:
            data = data or Data.load(given["train"], given["test"])
            started = time.perf_counter()
            rows, state = _train_source(spec, task, data)
            piece.store("source", rows, state)
            progress.finished(task["name"], rows[-1], time.perf_counter() - started)
        else:
            progress.resumed(task["name"])
        write_rows(({"task": task["name"], **row} for row in rows), curves, COLUMNS)
        made = json.dumps({"architecture": spec["architecture"], "digest": digest}, sort_keys=True)
        save(network, {task["name"]: state}, {"made_from": made})
        write_checksum(network)
    for piece in unfinished:
        piece.remove()


def _made_from(network: str | Path) -> str | None:
    """What decided a source, as its file says; None of one that is damaged or not there."""
    try:
        with open_tensors(network) as file:
            return json.loads((file.metadata() or {}).get("made_from", "{}")).get("digest")
    except (InputError, ValueError):
        return None


def _train_source(spec: Mapping, task: Mapping, data: Data) -> tuple[list[dict], dict[str, Tensor]]:
    """Train one source: the rows of its curve, and its weights.

    All training images are used, and no test image: sources are judged by what they give to others. The curve's
    ``val`` columns are measured on a held-out part of the training images, which the source also trains on, and so
    say only that it learned.
    """
    device, recipe, name = resolve_device(spec["device"]), Recipe.from_config(spec["settings"]), task["name"]
    cut = data.task(task, recipe)
    shape = tuple(cut.train_images.shape[1:])
    model = architectures.build_for(spec["architecture"], cut.num_classes, shape, derive_seed("source", name))
    whole = Split.on(device, cut.train_images, cut.train_labels)
    _, held_out = subsets.hold_out(cut.train_labels, 0.1, generator("validation", name, "source"))
    seen = Problem(name, whole, whole.select(held_out), None, cut.num_classes, cut.mean, cut.std)
    rows = train(model, seen, recipe, ("source", name))
    return rows, {key: tensor.cpu() for key, tensor in model.state_dict().items()}


def untrained_sources(
    architecture: str, tasks: Iterable[Mapping], num_classes: int, image_shape: Sequence[int]
) -> dict[str, dict[str, Tensor]]:
    """The same sources, for images ``(channels, height, width)``, before their first step: the control that asks whether
    training them mattered."""
    return {
        task["name"]: architectures.build_for(
            architecture, num_classes, tuple(image_shape), derive_seed("source", task["name"])
        ).state_dict()
        for task in tasks
    }


def replica_sources(
    spec: Mapping,
    replica: int,
    tasks: list[Mapping],
    num_classes: int,
    image_shape: Sequence[int],
    files: Iterable[str | Path],
) -> dict[str, Source | dict[str, Tensor]]:
    """The sources of a replica's bank, by name: from ``files``, or made anew where ``spec`` asks for untrained ones."""
    names = choose_sources([task["name"] for task in tasks], spec["models"], replica, spec["disjoint"])
    if spec["trained"]:
        available = load_sources(files)
    else:
        needed = [task for task in tasks if task["name"] in names]
        available = untrained_sources(spec["architecture"], needed, num_classes, image_shape)
    return {name: available[name] for name in names}
