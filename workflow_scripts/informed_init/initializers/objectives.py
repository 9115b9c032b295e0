"""A network's loss as a function of its parameters, for the initializers that learn the scale of each tensor.

Scales are learned from where the network is: what another initializer set is the start. Batch norm normalizes by the batch,
its running statistics stay as they were, and dropout is off.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import InputError
from .forward import batch_statistics, running
from .report import was_set
from .sup_walsh.steps import moved, seeded

Values = dict[str, Tensor]
SMALLEST = 0.01  # of a learned scale, the lower bound of GradInit's authors


class Objective:
    """A network with one learned factor for each of its parameters, and random batches of training images."""

    def __init__(self, model: nn.Module, data: tuple[Tensor, Tensor], generator: torch.Generator, name: str):
        self.model, self.name, self.generator = model, name, generator
        self.images, self.labels = data[0], data[1].long()
        self.given = {key: _widened(p.detach().clone()) for key, p in model.named_parameters() if p.is_floating_point()}
        self.buffers = {key: _widened(b) for key, b in model.named_buffers()}
        self.places = _places(model)
        self.names = [key for key, value in self.given.items() if value.any()]  # no factor changes zeros
        device = next(iter(self.given.values())).device
        self.scales = torch.ones(len(self.names), device=device, dtype=torch.float32, requires_grad=True)

    def values(self) -> Values:
        """The parameters times their factors."""
        factors = dict(zip(self.names, self.scales, strict=True))
        return {key: value * factors[key].to(value) if key in factors else value for key, value in self.given.items()}

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """At most ``size`` random training images and their labels."""
        chosen = torch.randperm(len(self.images), generator=self.generator)[:size].to(self.images.device)
        return self.images[chosen], self.labels[chosen]

    def losses(self, values: Values, images: Tensor, labels: Tensor) -> Tensor:
        """The cross-entropy of each image ``(n,)``.

        Raises:
            InputError: the network returns something else than logits for the labels.
        """
        logits = self.logits(values, images)
        first, last = int(self.labels.min()), int(self.labels.max())
        if first < 0 or last >= logits.shape[1]:
            raise InputError(
                f"{self.name}: labels {first} to {last}, but the network tells {logits.shape[1]} classes apart"
            )
        return F.cross_entropy(logits, labels, reduction="none")

    def logits(self, values: Values, images: Tensor) -> Tensor:
        """What the network makes of images with other parameters, ``(n, classes)``."""
        kind = next(iter(values.values())).dtype
        placed = {place: values[key] for place, key in self.places.items() if key in values}
        with running(self.name, images):
            # weights are tied here: a module with two names would be left with the tensors of this call
            logits = functional_call(self.model, (placed, self.buffers), (images.to(kind),), tie_weights=False)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[0] != len(images) or logits.shape[1] < 2:
            found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise InputError(
                f"{self.name}: not applicable: the network returns {found}, not logits (n, classes) of 2 or more classes; "
                "use another initializer"
            )
        return logits

    def gradients(self, loss: Tensor, values: Values, twice: bool = True) -> Values:
        """The gradient of a loss with respect to the scaled parameters that it depends on; ``twice`` for one that is
        differentiated itself."""
        keys = [key for key, value in values.items() if value.requires_grad]
        found = torch.autograd.grad(
            loss, [values[key] for key in keys], create_graph=twice, retain_graph=True, allow_unused=True
        )
        return {key: gradient for key, gradient in zip(keys, found, strict=True) if gradient is not None}

    def check(self, number: Tensor, step: int) -> None:
        """Refuse an objective that is not finite."""
        if not bool(number.isfinite().all()):
            raise InputError(
                f"{self.name}: not applicable: its objective is not finite in step {step + 1}; start from another initializer, "
                "or give a smaller rate"
            )

    def descend(self, optimizer: torch.optim.Optimizer, objective: Tensor, step: int) -> None:
        """One step of an optimizer of the factors, its gradient cut to length 1; no factor becomes smaller than
        :data:`SMALLEST`."""
        self.check(objective, step)
        (self.scales.grad,) = torch.autograd.grad(objective, [self.scales])
        self.check(self.scales.grad, step)
        torch.nn.utils.clip_grad_norm_([self.scales], 1.0)
        optimizer.step()
        self.scales.data.clamp_(min=SMALLEST)

    def write(self) -> None:
        """Multiply the network's parameters by their factors."""
        self.check(self.scales, 0)
        factors = dict(zip(self.names, self.scales.detach().tolist(), strict=True))
        for key, parameter in self.model.named_parameters():
            if key in factors:
                parameter.detach().mul_(factors[key])
                was_set(parameter, f"{self.name}: what it was, times a learned factor", f"times {factors[key]:.3g}")


def _places(model: nn.Module) -> dict[str, str]:
    """Where each parameter stands, every module once -> the name that :meth:`~nn.Module.named_parameters` calls it by."""
    names = {id(parameter): key for key, parameter in model.named_parameters()}
    return {
        f"{path}.{attribute}" if path else attribute: names[id(parameter)]
        for path, module in model.named_modules()
        for attribute, parameter in module._parameters.items()
        if parameter is not None
    }


def _widened(tensor: Tensor) -> Tensor:
    """A tensor in at least 32 bits: second derivatives in 16 are noise."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


@contextmanager
def objective(
    model: nn.Module, data: tuple[Tensor, Tensor], generator: torch.Generator, name: str
) -> Iterator[Objective]:
    """An :class:`Objective` on the device of the images; inside, gradients are recorded.

    Raises:
        InputError: the network has no parameters to scale.
    """
    device = data[0].device
    if not any(p.is_floating_point() and p.numel() and bool(p.any()) for p in model.parameters()):
        raise InputError(
            f"{name}: not applicable: all parameters are zero or there are none; use another initializer first"
        )
    with (
        moved(model, device),
        seeded(generator, device),
        batch_statistics(model),
        sdpa_kernel(SDPBackend.MATH),  # the fast kernels of attention have no second derivative
        torch.enable_grad(),
    ):
        yield Objective(model, data, generator, name)
