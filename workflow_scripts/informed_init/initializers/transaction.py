"""All or nothing: a model, and every random state, as it was when something fails in the middle."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Held:
    """A tensor of a model with a copy of its values, its flag ``requires_grad`` and its gradient."""

    tensor: Tensor
    values: Tensor
    requires_grad: bool
    grad: Tensor | None
    grad_values: Tensor | None

    @classmethod
    def of(cls, tensor: Tensor) -> "Held":
        grad = tensor.grad if tensor.is_leaf else None
        values = tensor.detach().clone()
        return cls(tensor, values, tensor.requires_grad, grad, None if grad is None else grad.detach().clone())

    def changed(self) -> bool:
        """Whether the tensor holds other bits than it did (two NaN count as equal)."""
        now = self.tensor.detach()
        if now.shape != self.values.shape or now.dtype != self.values.dtype:
            return True
        both_nan = (now != now) & (self.values != self.values)
        return not torch.equal(now, self.values) and not bool(((now == self.values) | both_nan).all())

    def restore(self) -> None:
        if self.tensor.shape != self.values.shape or self.tensor.device != self.values.device:
            self.tensor.data = self.values
        elif self.changed():
            self.tensor.detach().copy_(self.values)
        if self.tensor.is_leaf:
            self.tensor.requires_grad_(self.requires_grad)
            self.tensor.grad = self.grad
        if self.grad is not None:
            self.grad.detach().copy_(self.grad_values)


class Snapshot:
    """A model as it is now: tensors, flags, modes, hooks and plain attributes of all its modules.

    Costs one copy of the model's tensors, on their device. Values of tensors that are no parameter and no buffer are not
    held.
    """

    def __init__(self, model: nn.Module):
        tensors = [*model.parameters(), *model.buffers()]
        self.held = {id(tensor): Held.of(tensor) for tensor in tensors}
        # hooks and parameters lie in dictionaries of the module, which are restored in place: handles point to them
        self.modules = [
            (m, m.__class__, dict(m.__dict__), {key: v.copy() for key, v in m.__dict__.items() if _is_container(v)})
            for m in model.modules()
        ]

    def restore(self) -> None:
        """Put everything back."""
        for module, kind, attributes, containers in self.modules:
            object.__setattr__(module, "__class__", kind)
            module.__dict__.clear()
            module.__dict__.update(attributes)
            for key, content in containers.items():
                container = module.__dict__[key]
                container.clear()
                container.update(content)
        with torch.no_grad():
            for held in self.held.values():
                held.restore()


def _is_container(value: object) -> bool:
    return isinstance(value, dict | set)


class RandomState:
    """The state of every global generator (torch on the CPU and on GPUs, NumPy, Python) and of one more."""

    def __init__(self, generator: torch.Generator | None = None):
        self.generator, self.own = generator, None if generator is None else generator.get_state()
        self.cpu, self.numpy, self.python = torch.get_rng_state(), np.random.get_state(), random.getstate()
        self.cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None

    def restore(self) -> None:
        """Put every state back."""
        if self.generator is not None:
            self.generator.set_state(self.own)
        torch.set_rng_state(self.cpu)
        np.random.set_state(self.numpy)
        random.setstate(self.python)
        if self.cuda is not None:
            torch.cuda.set_rng_state_all(self.cuda)


@contextmanager
def all_or_nothing(model: nn.Module, generator: torch.Generator) -> Iterator[Snapshot]:
    """Yield a :class:`Snapshot`; on any exception in the block the model and all random states are put back."""
    states, snapshot = RandomState(generator), Snapshot(model)
    try:
        yield snapshot
    except BaseException:  # also an interrupt by the keyboard
        snapshot.restore()
        states.restore()
        raise
