"""What engine and plain loop do alike when an epoch begins, and random numbers of their own."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from ..seeds import derive_seed


@contextmanager
def own_random_state() -> Iterator[None]:
    """torch's global CPU random numbers inside the block leave those outside as they were."""
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)


def begin_epoch(model: nn.Module, progress: float, seed_names: tuple[str | int, ...], epoch: int) -> None:
    """Training mode; dropout's random numbers from a named seed; and layers that change while training (an attribute
    ``progress``, from 0 to 1) are told how far it is."""
    model.train()
    torch.manual_seed(derive_seed("noise", *seed_names, epoch))
    for module in model.modules():
        if hasattr(module, "progress"):
            module.progress = progress
