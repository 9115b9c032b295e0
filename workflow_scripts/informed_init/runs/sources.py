"""Source networks: training them, and choosing those that a replica's bank is made from."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from .. import architectures
from ..banks.sources import Source, choose_sources
from ..banks.sources import load as load_sources
from ..seeds import derive_seed, generator
from ..tasks import subsets
from ..training.devices import resolve_device
from ..training.loop import Problem, Split, train
from ..training.recipe import Recipe
from .data import Data
from .partial import Partial
from .progress import Progress


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
        found, network = partial.load(name), partial.network(name)
        if found is None or network is None:
            started = time.perf_counter()
            cut = data.task(task, recipe)
            shape = tuple(cut.train_images.shape[1:])
            model = architectures.build_for(spec["architecture"], cut.num_classes, shape, derive_seed("source", name))
            whole = Split.on(device, cut.train_images, cut.train_labels)
            _, held_out = subsets.hold_out(cut.train_labels, 0.1, generator("validation", name, "source"))
            seen = Problem(name, whole, whole.select(held_out), None, cut.num_classes, cut.mean, cut.std)
            found = train(model, seen, recipe, ("source", name))
            network = {key: tensor.cpu() for key, tensor in model.state_dict().items()}
            partial.store(name, found, network)
            progress.finished(name, found[-1], time.perf_counter() - started)
        else:
            progress.resumed(name)
        networks[name] = network
        rows += [{"task": name} | row for row in found]
    return networks, rows


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
