"""The body of the jobs that train arms: fresh networks, initialized as the arm says, trained under a protocol."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import architectures
from ..declarations import initializers
from ..files import load_tensors, save_tensors
from ..initializers import initialize_
from ..seeds import derive_seed, generator
from ..tasks.subsets import Task
from ..training.devices import resolve_device, set_precision
from ..training.loop import NormalizedImages, Problem, head_, training
from ..training.recipe import Recipe
from .cost import images_used, multiply_adds, parameters
from .runner import Data, Partial, Progress, problem
from .together import run_together, trainings_that_fit

Resources = Mapping[str, object]  # what an initializer gets besides its settings: a bank, a source, a teacher, data


def fresh_network(
    architecture: str, num_classes: int, task: str, replica: int, image_shape: tuple[int, int, int]
) -> nn.Module:
    """The network that all arms of a task and replica start from: default weights and head from named seeds."""
    model = architectures.build_for(architecture, num_classes, image_shape, seed=derive_seed("network", task, replica))
    head_(model, task, replica)
    return model


def initialized_(
    model: nn.Module, initializer: str, settings: Mapping, task: str, replica: int, resources: Resources
) -> nn.Module:
    """Apply an arm's initializer in place; all arms of a task and replica share its random numbers."""
    rng = generator("initializer", task, replica)
    return initialize_(model, initializer, generator=rng, **settings, **resources)


def training_images(task: Problem, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """What a data-dependent initializer may see: the training images as the network will, ``(n, c, h, w)`` float32 on the
    device of the training, and their labels; nothing that is held out."""
    images = NormalizedImages(task.train, task.mean, task.std, recipe.pixels, torch.float32, False)
    return images.ready.permute(0, 3, 1, 2), images.labels


def teacher_name(task: str, replica: int) -> str:
    """The name of the network of a task and replica in a teacher's file."""
    return f"{task}@{replica}"


def _initialized(
    spec: Mapping, task: Task, cut: Problem, recipe: Recipe, replica: int, resources: Resources
) -> tuple[nn.Module, dict]:
    """The network of a training, and what making it cost."""
    shape = tuple(task.train_images.shape[1:])
    wanted = initializers()[spec["initializer"]].parameters if spec["initializer"] in initializers() else ()
    given = dict(resources)
    if "data" in wanted:
        given["data"] = training_images(cut, recipe)
        set_precision(given["data"][0].device, recipe.precision)
    if "teacher" in wanted:
        teacher = architectures.build_for(spec["teacher"]["architecture"], task.num_classes, shape)
        teacher.load_state_dict(given["teachers"][teacher_name(task.name, replica)].state_dict())
        given["teacher"] = teacher
    given.pop("teachers", None)
    model = fresh_network(spec["architecture"], task.num_classes, task.name, replica, shape)
    cost = {"parameters": parameters(model), "multiply_adds": multiply_adds(model, shape)}
    with images_used(model) as used:
        initialized_(model, spec["initializer"], spec["parameters"], task.name, replica, given)
    cost |= {"images_trained": used.trained, "images_looked_at": used.looked_at, "train_images": len(cut.train)}
    return model, cost


def train_arm(
    spec: Mapping,
    data: Data,
    resources: Mapping[int, Resources],
    partial: Partial,
    log: Callable[[str], None],
    keep: bool = False,
) -> tuple[list[dict], list[dict], dict[str, dict[str, Tensor]]]:
    """Train one arm on its tasks x a block of replicas: ``(rows of the curves table, cost of each training, networks)``.

    ``spec`` has run, protocol, recipe (name), settings (of the recipe), arm, initializer, parameters, architecture,
    tasks, replicas, device, and teacher for an arm that has one. ``resources`` gives each replica's bank, source or
    ``teachers`` (:func:`teacher_name` -> network). Under ``published`` one network is carried through the tasks of a
    replica, as the published code does; under ``controlled`` every training starts fresh. ``keep`` returns the trained
    networks, by :func:`teacher_name`, for arms that others grow from.
    """
    device, recipe = resolve_device(spec["device"]), Recipe.from_config(spec["settings"])
    progress = Progress(len(spec["tasks"]) * len(spec["replicas"]), log)
    tasks = [data.task(task, recipe) for task in spec["tasks"]]
    done: dict[str, list[dict]] = {}
    chain = _chain_of(spec, tasks, recipe, device, resources, partial, progress, keep, done)
    whole = spec["protocol"] == "published"
    places = [(replica, None if whole else number) for replica in spec["replicas"] for number in range(len(tasks))]
    starts = [functools.partial(chain, *place) for place in dict.fromkeys(places)]
    run_together(starts, device, _at_once(spec, tasks[0], recipe, device))

    rows, trainings, networks = [], [], {}
    for replica in spec["replicas"]:
        for number, task in enumerate(tasks):
            key = _key(replica, number)
            found = done[key]
            if keep:
                networks[teacher_name(task.name, replica)] = load_tensors(partial.network(key))[0]
            trainings.append({"task": task.name, "replica": replica, **found[0]["cost"]})
            identity = {name: spec[name] for name in ("run", "protocol", "recipe", "arm")} | {
                "task": task.name,
                "replica": replica,
                "seed": derive_seed("network", task.name, replica),
            }
            rows += [identity | row for row in found]
    return rows, trainings, networks


def _key(replica: int, number: int) -> str:
    return f"{replica:03d}-{number:02d}"


def _at_once(spec: Mapping, task: Task, recipe: Recipe, device: torch.device) -> int:
    """How many trainings of the arm run side by side."""
    if device.type != "cuda":
        return 1
    shape = tuple(task.train_images.shape[1:])
    return trainings_that_fit(
        fresh_network(spec["architecture"], task.num_classes, task.name, 0, shape), shape, recipe, device
    )


def _chain_of(
    spec: Mapping,
    tasks: Sequence[Task],
    recipe: Recipe,
    device: torch.device,
    resources: Mapping[int, Resources],
    partial: Partial,
    progress: Progress,
    keep: bool,
    done: dict[str, list[dict]],
) -> Callable[[int, int | None], Iterator[None]]:
    """``chain(replica, number)`` trains one task of a replica, or all, each from where the last one ended, if ``number`` is
    None. What is finished goes into ``done``, and at once into ``partial``; what is found there is not trained again."""

    def chain(replica: int, number: int | None) -> Iterator[None]:
        carried: nn.Module | None = None
        previous: Path | None = None
        for position, task in enumerate(tasks):
            if number is not None and position != number:
                continue
            key, name = _key(replica, position), f"{task.name}, replica {replica}"
            if (found := partial.load(key)) is not None:
                done[key] = found
                progress.resumed(name)
            else:
                started = time.perf_counter()
                cut = problem(task, spec["protocol"], recipe, replica, device)
                model, cost = carried, {}
                if model is None:
                    model, cost = _initialized(spec, task, cut, recipe, replica, resources[replica])
                    if previous is not None:  # an interrupted chain goes on
                        model.load_state_dict(load_tensors(previous)[0])
                prepared = time.perf_counter() - started
                rows = yield from training(model, cut, recipe, (task.name, replica))
                elapsed = time.perf_counter() - started
                if number is None:
                    carried = model
                if number is None or keep:
                    save_tensors(partial.network(key), model.state_dict())
                cost |= {"seconds": elapsed, "seconds_initializing": prepared}
                done[key] = [{**row, "cost": cost} for row in rows]
                partial.store(key, done[key])
                progress.finished(name, rows[-1], elapsed)
            if number is None and not keep:
                if previous is not None:
                    previous.unlink(missing_ok=True)
                previous = partial.network(key)

    return chain
