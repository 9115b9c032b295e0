"""The body of the jobs that train arms: fresh networks, initialized as the arm says, trained under a protocol."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import nn

from .. import architectures
from ..banks import Bank
from ..files import load_tensors, save_tensors
from ..initializers import initialize_
from ..seeds import derive_seed, generator
from ..sources import Source
from .devices import resolve_device
from .loop import head_, train
from .recipe import Recipe
from .runner import Data, Partial, Progress, problem


def fresh_network(
    architecture: str,
    num_classes: int,
    initializer: str,
    settings: Mapping,
    task: str,
    replica: int,
    resources: Mapping[str, Bank | Source],
) -> nn.Module:
    """A network as an arm starts it: default weights and head from seeds of task and replica, then the arm's
    initializer.

    All arms of a task and replica share the default weights, the head, and the initializer's random numbers.
    """
    model = architectures.build(architecture, num_classes, seed=derive_seed("network", task, replica))
    head_(model, task, replica)
    rng = generator("initializer", task, replica)
    return initialize_(model, initializer, generator=rng, **settings, **resources)


def train_arm(
    spec: Mapping,
    data: Data,
    resources: Mapping[int, Mapping[str, Bank | Source]],
    partial: Partial,
    log: Callable[[str], None],
) -> tuple[list[dict], list[dict]]:
    """Train one arm on its tasks x a block of replicas: ``(rows of the curves table, seconds of each training)``.

    ``spec`` has run, protocol, recipe (name), settings (of the recipe), arm, initializer, parameters, architecture,
    tasks, replicas and device. ``resources`` gives each replica's bank or source. Under ``published`` one network is
    carried through the tasks of a replica, as the published code does; under ``controlled`` every training starts
    fresh.
    """
    device, recipe = resolve_device(spec["device"]), Recipe.from_config(spec["settings"])
    progress = Progress(len(spec["tasks"]) * len(spec["replicas"]), log)
    tasks = {task["name"]: data.task(task) for task in spec["tasks"]}
    rows, seconds = [], []
    for replica in spec["replicas"]:
        carried: nn.Module | None = None
        previous: Path | None = None
        for position, (name, task) in enumerate(tasks.items()):
            key = f"{replica:03d}-{position:02d}"
            found = partial.load(key)
            if found is None:
                started = time.perf_counter()
                model = carried
                if model is None:
                    model = fresh_network(
                        spec["architecture"],
                        task.num_classes,
                        spec["initializer"],
                        spec["parameters"],
                        name,
                        replica,
                        resources[replica],
                    )
                    if previous is not None:  # an interrupted chain of the published protocol goes on
                        model.load_state_dict(load_tensors(previous)[0])
                trained = train(
                    model, problem(task, spec["protocol"], recipe, replica, device), recipe, (name, replica)
                )
                elapsed = time.perf_counter() - started
                if spec["protocol"] == "published":
                    carried = model
                    save_tensors(partial.network(key), model.state_dict())
                partial.store(key, found := [{**row, "seconds": elapsed} for row in trained])
                progress.finished(f"{name}, replica {replica}", found[-1], elapsed)
            else:
                progress.resumed(f"{name}, replica {replica}")
            if spec["protocol"] == "published":
                if previous is not None:
                    previous.unlink(missing_ok=True)
                previous = partial.network(key)
            seconds.append({"task": name, "replica": replica, "seconds": found[0]["seconds"]})
            identity = {key: spec[key] for key in ("run", "protocol", "recipe", "arm")} | {
                "task": name,
                "replica": replica,
                "seed": derive_seed("network", name, replica),
            }
            rows += [identity | row for row in found]
    return rows, seconds
