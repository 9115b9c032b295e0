"""The Sup-Walsh pretrainings of some arms, made anew, and what they saw: losses, distances between classes, codes."""

from collections.abc import Callable, Mapping

import pandas as pd

from ..initializers.sup_walsh import Settings, pretrain, walsh_codes
from ..initializers.sup_walsh.pretraining import History
from ..report.pretraining import code_table, distance_table, loss_table
from ..seeds import generator
from ..training.devices import resolve_device, set_precision
from ..training.recipe import Recipe
from .arms import fresh_network, training_images
from .data import Data, problem

REPLICA = 0


def pretraining(spec: Mapping, data: Data) -> tuple[History, int]:
    """What the pretraining of an arm's replica 0 saw, and the number of classes.

    ``spec`` is that of the arm's training job (:func:`.arms.train_arm`): the network, the images and the random numbers are
    the same, on the same device.
    """
    device, recipe = resolve_device(spec["device"]), Recipe.from_config(spec["settings"])
    task = data.task(spec["tasks"][0], recipe)
    images = training_images(problem(task, spec["protocol"], recipe, REPLICA, device), recipe)
    set_precision(device, recipe.precision)
    shape = tuple(task.train_images.shape[1:])
    model = fresh_network(spec["architecture"], task.num_classes, task.name, REPLICA, shape)
    rng = generator("initializer", task.name, REPLICA)  # the numbers that the arm's own initializer drew
    return pretrain(model, images, Settings(**spec["parameters"]), rng), task.num_classes


def measure(specs: Mapping[str, Mapping], data: Data, log: Callable[[str], None]) -> dict[str, pd.DataFrame]:
    """``losses``, ``distances`` and ``codes`` (:mod:`.report.pretraining`) of the pretrainings of label -> arm's spec, which
    share a data set and an architecture."""
    seen, classes = {}, 0
    for label, spec in specs.items():
        seen[label], classes = pretraining(spec, data)
        log(f"{label}: least loss {min(seen[label].losses):.3g} in {len(seen[label].losses)} steps")
    distances = {
        label: {"z": history.z_distances.numpy(), "codes": history.code_distances.numpy()}
        for label, history in seen.items()
    }
    images = next(iter(seen.values())).image_distances.numpy()
    return {
        "losses": loss_table({label: history.losses for label, history in seen.items()}),
        "distances": distance_table(images, distances),
        "codes": code_table(walsh_codes(classes).numpy()),
    }
