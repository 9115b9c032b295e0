"""What is measured on images: the statistics of inserted batch norms."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from ...errors import InputError

_BATCH = 256


@contextmanager
def mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Put ``model`` in training or evaluation mode, and every module back into its own mode afterwards."""
    before = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, was_training in before:
            module.training = was_training


def as_batches(data: Tensor | Iterable) -> Iterator[Tensor]:
    """A tensor of images as batches of at most 256; batches as they are, without the labels a loader adds."""
    for batch in data.split(_BATCH) if isinstance(data, Tensor) else data:
        yield batch[0] if isinstance(batch, list | tuple) else batch


def check_data(data: Tensor | Iterable[Tensor] | None, layer: str) -> None:
    if data is None:
        raise InputError(f"deepening at {layer!r} adds batch norm, to be measured: pass training images as data=")


def measure_identity_(model: nn.Module, norms: Sequence[nn.Module], batches: Iterable[Tensor]) -> None:
    """Give each of ``norms``, in place, the mean and variance of its inputs as statistics, and to undo them.

    In evaluation mode each then returns its input; in training mode it does so up to the difference between
    the statistics of the batch and of ``batches``. One pass measures all: until it ends, each norm is the
    identity.
    """
    sums = {norm: [0.0, 0.0, 0] for norm in norms}

    def add(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].detach().double()
        dims = [d for d in range(x.ndim) if d != 1]
        total = sums[norm]
        total[0] = total[0] + x.sum(dims)
        total[1] = total[1] + x.square().sum(dims)
        total[2] += x.numel() // x.shape[1]

    with ExitStack() as stack, torch.no_grad():
        for norm in norms:
            norm.running_mean.zero_()
            norm.running_var.fill_(1)
            norm.bias.zero_()
            norm.weight.fill_((1 + norm.eps) ** 0.5)
            stack.callback(norm.register_forward_pre_hook(add).remove)
        stack.enter_context(mode(model, training=False))
        for batch in batches:
            model(batch.to(norms[0].weight))
        for norm, (total, squares, count) in sums.items():
            if count == 0:
                raise InputError("data holds no images; inserted batch norms are measured on them")
            mean = total / count
            variance = (squares / count - mean.square()).clamp_min(0)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.bias.copy_(norm.running_mean)
            norm.weight.copy_((norm.running_var.double() + norm.eps).sqrt())
