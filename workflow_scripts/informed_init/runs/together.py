"""Several trainings at once on one GPU: their epochs are queued on streams of their own, and the GPU runs them side by side.

How many is chosen so that what they will need fits the memory that is free. If it does not after all, the trainings in
flight start again, half as many at a time. On the CPU it is always one: there, one process per core is faster.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext

import torch
from torch import nn

from ..training.recipe import Recipe

MOST = 8  # trainings at once: beyond that the launches of one process are what takes the time
SAFE = 0.8  # of the free memory: libraries need workspaces, and other jobs may share the GPU

Start = Callable[[], Iterator[None]]  # begins a training; see loop.training


def run_together(starts: Sequence[Start], device: torch.device, at_once: int) -> list:
    """Run trainings, at most ``at_once`` at a time; what each returns, in their order.

    Every training computes what it would alone. When the device is out of memory, the trainings in flight are begun again
    with half as many at a time.

    Raises:
        torch.OutOfMemoryError: one training alone does not fit.
    """
    results, at_once = [], max(1, at_once)
    while len(results) < len(starts):
        group = starts[len(results) : len(results) + at_once]
        try:
            results += _run_group(group, device)
        except torch.OutOfMemoryError:
            if len(group) == 1:
                raise
            at_once = len(group) // 2
            if device.type == "cuda":
                torch.cuda.empty_cache()
    return results


def _run_group(starts: Sequence[Start], device: torch.device) -> list:
    """Advance all trainings of a group epoch by epoch."""
    streams = [torch.cuda.Stream(device) if device.type == "cuda" and len(starts) > 1 else None for _ in starts]
    running: dict[int, Iterator[None]] = {}
    results: list = [None] * len(starts)
    try:
        for number, (start, stream) in enumerate(zip(starts, streams, strict=True)):
            with torch.cuda.stream(stream) if stream else nullcontext():
                running[number] = start()
        while running:
            for number in list(running):
                with torch.cuda.stream(streams[number]) if streams[number] else nullcontext():
                    try:
                        next(running[number])
                    except StopIteration as done:
                        results[number] = done.value
                        del running[number]
    finally:
        for epochs in running.values():  # after an error: each puts its network back
            epochs.close()
    return results


def trainings_that_fit(
    model: nn.Module, image_shape: tuple[int, int, int], recipe: Recipe, device: torch.device
) -> int:
    """How many trainings of ``model`` the free memory of ``device`` holds, from 1 to :data:`MOST`; 1 where it has none of
    its own."""
    if device.type != "cuda":
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(MOST, int(SAFE * free / memory_needed(model, image_shape, recipe))))


def memory_needed(model: nn.Module, image_shape: tuple[int, int, int], recipe: Recipe) -> int:
    """Bytes that one training holds at its peak: weights, gradients, what the optimizer keeps, and what a step saves for its
    backward pass (counted on a copy without data, so it costs nothing)."""
    empty = copy.deepcopy(model).to("meta").train()
    batch = torch.empty(recipe.batch_size, *image_shape, device="meta")
    saved: dict[int, int] = {}
    own = {parameter.untyped_storage()._cdata for parameter in empty.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            saved[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = empty(batch)
    state = 4 if recipe.optimizer == "adam" else 3
    weights = sum(parameter.numel() * parameter.element_size() for parameter in empty.parameters())
    return state * weights + sum(saved.values()) + 2 * (batch.nbytes + logits.nbytes)
