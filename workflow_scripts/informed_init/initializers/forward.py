"""Forward passes of networks that are being initialized."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import InputError


@contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """Inside the block, batch norm normalizes by the batch as in training, but its running statistics stay untouched,
    and dropout is off. Attention runs step by step, so that each of its layers can be watched."""
    training = [(module, module.training) for module in model.modules()]
    tracking = [(module, module.track_running_stats) for module in model.modules() if isinstance(module, _BatchNorm)]
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        model.eval()
        for module, _ in tracking:
            module.training, module.track_running_stats = True, False
        torch.backends.mha.set_fastpath_enabled(False)
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, state in training:
            module.training = state
        for module, state in tracking:
            module.track_running_stats = state


@contextmanager
def running(name: str, images: Tensor) -> Iterator[None]:
    """A network runs on images inside the block; what it raises becomes an :class:`InputError` of one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # whatever the user's forward raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{name}: the network does not run on images of {tuple(images.shape[1:])} ({reason}); give images that it takes"
        ) from error
