"""How long one training step takes here: measured, before a comparison is planned to fit a time."""

import time
from contextlib import nullcontext
from statistics import median

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import InputError
from ..training.devices import resolve_device

WARM, TIMED = 2, 5  # steps
BATCH = 64


def seconds_per_image(
    model: nn.Module, shape: tuple[int, int, int], classes: int, device: str, precision: str
) -> float:
    """Median seconds of a step of SGD on a batch of 64 made-up images ``shape``, divided by 64. The model is trained by it;
    on a CPU the caller sets the threads.

    Raises:
        InputError: the network cannot be trained on such images, or returns something else than scores of the classes.
    """
    place = resolve_device(device)
    model = model.to(place).train()
    images = torch.randn(BATCH, *shape, device=place)
    labels = torch.randint(classes, (BATCH,), device=place)
    # on a CPU the time of this process alone, so that other work of the moment does not count
    clock = time.process_time if place.type == "cpu" else time.perf_counter
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
    times = []
    for _ in range(WARM + TIMED):
        started = clock()
        try:
            with torch.autocast(place.type, dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext():
                logits = model(images)
                _check(logits, classes)
                loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
        except InputError:
            raise
        except Exception as error:  # whatever a network of others raises
            line = f"{type(error).__name__}: {error}".strip().split("\n")[0]
            raise InputError(
                f"--model: the network cannot be trained on {shape} images ({line}); try another --size or network"
            ) from error
        optimizer.step()
        loss.item()  # waits for the device
        times.append(clock() - started)
    return median(times[WARM:]) / BATCH


def _check(logits: object, classes: int) -> None:
    """Refuse what cannot be the scores of a batch."""
    if not isinstance(logits, torch.Tensor):
        raise InputError(
            f"--model: the network returns a {type(logits).__name__}; it must return scores ({BATCH}, {classes})"
        )
    if logits.shape != (BATCH, classes):
        found = tuple(logits.shape)
        raise InputError(
            f"--model: of {BATCH} pictures in {classes} classes the network returns {found}; it must return ({BATCH}, {classes})"
        )
