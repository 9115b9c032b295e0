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
        InputError: the network cannot be run on such images.
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
            short = precision == "bfloat16"
            with torch.autocast(place.type, dtype=torch.bfloat16) if short else nullcontext():
                loss = F.cross_entropy(model(images), labels)
        except (RuntimeError, TypeError, ValueError, AssertionError) as error:
            line = str(error).strip().split("\n")[0]
            raise InputError(
                f"--model: the network cannot be run on {shape} images ({line}); try another --size"
            ) from error
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the device
        times.append(clock() - started)
    return median(times[WARM:]) / BATCH
