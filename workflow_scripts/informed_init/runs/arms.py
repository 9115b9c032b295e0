"""The body of the jobs that train arms: fresh networks, initialized as the arm says, trained under a protocol."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from .. import architectures
from ..declarations import initializers
from ..initializers import initialize_
from ..seeds import derive_seed, generator
from ..tasks.subsets import Task
from ..training.devices import resolve_device, set_precision
from ..training.loop import NormalizedImages, Problem, head_, training
from ..training.recipe import Recipe
from .cost import images_used, multiply_adds, parameters
from .data import Data, problem
from .partial import Partial
from .progress import Progress
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
    initialize_(model, initializer, generator=rng, **settings, **resources)
    return model


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
    if "schedule" in wanted:
        steps = recipe.epochs * recipe.steps(len(cut.train))
        given["schedule"] = recipe.learning_rate[0][1], steps, recipe.momentum
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
    partials: Mapping[int, Partial],
    log: Callable[[str], None],
    keep: bool = False,
) -> tuple[list[dict], list[dict], dict[str, dict[str, Tensor]]]:
    """Train one arm on its tasks x a block of replicas: ``(rows of the curves table, cost of each training, networks)``.

    ``spec`` has run, protocol, recipe (name), settings (of the recipe), arm, initializer, parameters, architecture,
    tasks, replicas, device, and teacher for an arm that has one; ``tested`` false leaves the test images alone.
    ``resources`` gives each replica's bank, source or ``teachers`` (:func:`teacher_name` -> network), ``partials`` where what
    is finished of it is kept. Under ``published`` one network is carried through the tasks of a replica, as the published code
    does; under ``controlled`` every training starts fresh. ``keep`` returns the trained
    networks, by :func:`teacher_name`, for arms that others grow from.
    """
    device, recipe = resolve_device(spec["device"]), Recipe.from_config(spec["settings"])
    progress = Progress(len(spec["tasks"]) * len(spec["replicas"]), log)
    tasks = [data.task(task, recipe) for task in spec["tasks"]]
    job = _Trainings(spec, tasks, recipe, device, resources, partials, keep, progress)
    if spec["protocol"] == "published":
        starts = [functools.partial(job.chain, replica) for replica in spec["replicas"]]
    else:
        starts = [functools.partial(job.one, r, number) for r in spec["replicas"] for number in range(len(tasks))]
    run_together(starts, device, _at_once(spec, tasks[0], recipe, device))

    rows, trainings, networks = [], [], {}
    for replica in spec["replicas"]:
        for number, task in enumerate(tasks):
            found = job.done[replica, number]
            if keep:
                networks[teacher_name(task.name, replica)] = partials[replica].network(_key(replica, number))
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


@dataclass
class _Trainings:
    """The trainings of an arm. What is finished goes into ``done``, by replica and number of the task, and at once into
    the replica's one of ``partials``; what is found there is not trained again."""

    spec: Mapping
    tasks: Sequence[Task]
    recipe: Recipe
    device: torch.device
    resources: Mapping[int, Resources]
    partials: Mapping[int, Partial]
    keep: bool
    progress: Progress
    done: dict[tuple[int, int], list[dict]] = field(default_factory=dict)

    def one(self, replica: int, number: int) -> Iterator[None]:
        """Train one task of a replica, from a fresh network."""
        if self._found(replica, number):
            self._resumed(replica, number)
        else:
            yield from self._train(replica, number)

    def chain(self, replica: int) -> Iterator[None]:
        """Train all tasks of a replica, each from where the last one ended."""
        finished, state = self._chain_found(replica)
        for number in range(finished):
            self._resumed(replica, number)
        model = None
        for number in range(finished, len(self.tasks)):
            model = yield from self._train(replica, number, model, state)
            if number and not self.keep:
                self.partials[replica].drop_network(_key(replica, number - 1))

    def _found(self, replica: int, number: int) -> bool:
        """Whether an interrupted job finished a training, and kept its network where that is asked for."""
        key = _key(replica, number)
        return self.partials[replica].load(key) is not None and not (
            self.keep and self.partials[replica].network(key) is None
        )

    def _chain_found(self, replica: int) -> tuple[int, dict[str, Tensor] | None]:
        """How many of a chain's trainings an interrupted job finished, and the network that the next one starts from."""
        places = range(len(self.tasks))
        count = next((number for number in places if not self._found(replica, number)), len(places))
        if count == len(places):
            return count, None
        # without the network that one ended with, the chain goes on from an earlier one
        while count and (state := self.partials[replica].network(_key(replica, count - 1))) is None:
            count -= 1
        return count, state if count else None

    def _resumed(self, replica: int, number: int) -> None:
        self.done[replica, number] = self.partials[replica].load(_key(replica, number))
        self.progress.resumed(self._name(replica, number))

    def _name(self, replica: int, number: int) -> str:
        return f"{self.tasks[number].name}, replica {replica}"

    def _train(
        self, replica: int, number: int, model: nn.Module | None = None, state: Mapping[str, Tensor] | None = None
    ) -> Iterator[None]:
        """Train ``model``, or a fresh network if there is none, or one with the weights ``state``; returns the network."""
        started, task = time.perf_counter(), self.tasks[number]
        cut = problem(task, self.spec["protocol"], self.recipe, replica, self.device)
        if not self.spec.get("tested", True):
            cut = replace(cut, test=None)
        cost = {}
        if model is None:
            model, cost = _initialized(self.spec, task, cut, self.recipe, replica, self.resources[replica])
            if state is not None:  # an interrupted chain goes on; what it began with was paid for by its first training
                model.load_state_dict(state)
                cost = {}
        prepared = time.perf_counter() - started
        rows = yield from training(model, cut, self.recipe, (task.name, replica))
        elapsed = time.perf_counter() - started
        cost |= {"seconds": elapsed, "seconds_initializing": prepared}
        found = self.done[replica, number] = [{**row, "cost": cost} for row in rows]
        last_of_chain = number + 1 == len(self.tasks)
        wanted = self.keep or (self.spec["protocol"] == "published" and not last_of_chain)
        self.partials[replica].store(_key(replica, number), found, model.state_dict() if wanted else None)
        self.progress.finished(self._name(replica, number), rows[-1], elapsed)
        return model
