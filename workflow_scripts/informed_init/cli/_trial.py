"""What a comparison tries before it is planned: pictures, the network, every initializer on it, and how long a step takes."""

import argparse
import warnings
from collections.abc import Mapping
from statistics import median

import torch
from PIL import Image
from torch import nn

from ..declarations import initializers
from ..errors import InputError
from ..initializers.registry import InitializationWarning, initialize_
from ..plan.checks.networks import check_network
from ..runs.speed import seconds_per_image
from ..tasks.pictures import FORMATS, Listing, decode
from ..training.devices import resolve_device
from ._pictures import as_seen
from .apply import network

GAIN = 1.3  # bfloat16 is taken where it makes a step this much faster
MOST_PICTURES = 1000  # all of a small folder; the job that reads the others names one that is broken
LOOKED_AT, BATCH = 8, 128  # pixels a side, pictures


def shorter_side(listing: Listing) -> int:
    """The median shorter side of pictures spread over all classes and both splits; each is decoded.

    Raises:
        InputError: one of them is not a whole picture.
    """
    every = [path for split in ("train", "test") for path, _ in listing.pictures[split]]
    chosen = every[:: max(1, -(-len(every) // MOST_PICTURES))]
    sides = []
    for path in chosen:
        decode(path, LOOKED_AT, 3)
        with Image.open(path, formats=FORMATS) as picture:
            sides.append(min(picture.size))
    return int(median(sides))


def on_cpu(options: argparse.Namespace) -> bool:
    """Whether trainings will run on a CPU. Raises :class:`.InputError` for a device that is not there."""
    return resolve_device(options.device).type == "cpu"


def made(options: argparse.Namespace, size: int, classes: int) -> nn.Module:
    """The network that is compared."""
    check_network(options.model, "--model")
    return network(options.model, classes, 3, size)


def try_arms(arms: Mapping[str, Mapping], model: nn.Module, listing: Listing, size: int) -> None:
    """Refuse, before anything is written, an arm that does not fit the network; those that train take their time and are left
    to their jobs."""
    data = as_seen(listing.pictures["train"], BATCH, size, 3)
    for arm, section in arms.items():
        settings = {key: value for key, value in section.items() if key != "initializer"}
        takes = initializers()[section["initializer"]].parameters
        if "steps" in takes:
            continue
        settings |= {"data": data} if "data" in takes else {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InitializationWarning)  # its job says it, and its curve shows it
                initialize_(model, section["initializer"], generator=0, **settings)
        except InputError as error:
            raise InputError(f"--initializers: {arm}: {error}") from error


def speed(options: argparse.Namespace, size: int, classes: int) -> tuple[float, str]:
    """Seconds of an image in a training step, and the number format that is worth it here."""
    shape, measured = (3, size, size), {}
    if on_cpu(options):
        torch.set_num_threads(1)  # as each training will run
    for precision in ("float32", "bfloat16"):
        model = made(options, size, classes)
        measured[precision] = seconds_per_image(model, shape, classes, options.device, precision)
    short = measured["float32"] > GAIN * measured["bfloat16"]
    return (measured["bfloat16"], "bfloat16") if short else (measured["float32"], "float32")
