"""The images that a job trains on: a data set's splits, cut to a task, and what a protocol lets a training see of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import InputError
from ..seeds import generator
from ..tasks import subsets
from ..tasks.images import Images, load_split
from ..training.loop import Problem, Split
from ..training.recipe import Recipe

PROTOCOLS = ("published", "controlled")


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
