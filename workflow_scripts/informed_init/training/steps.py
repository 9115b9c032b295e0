"""One training step: forward, backward, update; and on a GPU the whole of it as one recorded graph.

A small network's step is a few hundred kernels of microseconds, and starting each from Python takes longer than running
it. A CUDA graph starts them all at once. Its inputs lie at fixed addresses; :class:`StaticStep` is the same step with such
inputs and nothing recorded, which every device can run, and with which the graph is compared.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from .groups import of_parameters
from .recipe import Factor, Recipe

_ONE = Factor()
WARM_UP = 3  # steps before a graph is recorded: libraries choose their algorithms and allocate in them


def counts(logits: Tensor, labels: Tensor, loss: Tensor) -> Tensor:
    """Sums over a batch, on the device: loss, top-1 and top-5 hits. Top-5 is over at most as many classes as there
    are."""
    top = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
    return torch.stack((loss * len(labels), top[:, 0].sum().to(loss.dtype), top.any(1).sum().to(loss.dtype)))


class Optimizer(ABC):
    """An update as ``torch.optim`` does it: a parameter without a gradient is left alone, with all that is kept for it.

    Constructing a ``torch.optim.Optimizer`` imports torch's compiler, which costs every job about two seconds; its functional
    forms do not. ``updated`` are the parameters that the last step changed. ``factors`` multiply the learning rate and the
    weight decay of some of them.
    """

    def __init__(
        self, parameters: list[nn.Parameter], recipe: Recipe, factors: Mapping[nn.Parameter, Factor] | None = None
    ):
        self.parameters, self.recipe, self.factors = parameters, recipe, factors or {}
        self.fused = all(p.device.type in ("cpu", "cuda") for p in parameters)  # elsewhere torch has no fused kernel
        self.updated: list[nn.Parameter] = []
        # now, not at the first gradient: what is created while a CUDA graph is recorded is created again in every replay
        self.kept = {parameter: self._fresh(parameter) for parameter in parameters if parameter.requires_grad}

    @abstractmethod
    def _fresh(self, parameter: nn.Parameter) -> tuple[Tensor, ...]:
        """What is kept for a parameter before its first step."""

    @abstractmethod
    def _update(
        self, parameters: list[nn.Parameter], kept: list[tuple[Tensor, ...]], rate: float | Tensor, decay: float
    ) -> None:
        """The update of parameters that all have a gradient, at learning rate ``rate`` and weight decay ``decay``."""

    def step(self, rate: float | Tensor) -> None:
        """Update every parameter that has a gradient at learning rate ``rate``, and drop the gradients."""
        self.updated = [parameter for parameter in self.parameters if parameter.grad is not None]
        for parameter in self.updated:
            if parameter not in self.kept:  # it was frozen when the training began
                self.kept[parameter] = self._fresh(parameter)
        for factor, own in self._groups().items():
            of_group = rate if factor.learning_rate == 1 else rate * factor.learning_rate
            decay = self.recipe.weight_decay * factor.weight_decay
            self._update(own, [self.kept[parameter] for parameter in own], of_group, decay)
        for parameter in self.updated:
            parameter.grad = None

    def _groups(self) -> dict[Factor, list[nn.Parameter]]:
        """The parameters to update by their factor, each in one call; without factors all are one group."""
        groups: dict[Factor, list[nn.Parameter]] = {}
        for parameter in self.updated:
            groups.setdefault(self.factors.get(parameter, _ONE), []).append(parameter)
        return groups


class Sgd(Optimizer):
    """torch's SGD update with momentum and L2 weight decay."""

    def _fresh(self, parameter: nn.Parameter) -> tuple[Tensor]:
        return (torch.zeros_like(parameter),)

    def _update(
        self, parameters: list[nn.Parameter], kept: list[tuple[Tensor]], rate: float | Tensor, decay: float
    ) -> None:
        sgd(
            parameters,
            [parameter.grad for parameter in parameters],
            [buffer for (buffer,) in kept],
            fused=self.fused,
            lr=rate,
            momentum=self.recipe.momentum,
            weight_decay=decay,
            dampening=0.0,
            nesterov=self.recipe.nesterov,
            maximize=False,
        )


class Adam(Optimizer):
    """torch's Adam update (betas 0.9 and 0.999) with L2 weight decay."""

    def _fresh(self, parameter: nn.Parameter) -> tuple[Tensor, Tensor, Tensor]:
        return torch.zeros_like(parameter), torch.zeros_like(parameter), torch.zeros((), device=parameter.device)

    def _update(self, parameters: list[nn.Parameter], kept: list[tuple], rate: float | Tensor, decay: float) -> None:
        first, second, steps = (list(tensors) for tensors in zip(*kept, strict=True))
        adam(
            parameters,
            [parameter.grad for parameter in parameters],
            first,
            second,
            [],
            steps,
            fused=self.fused,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=decay,
            eps=1e-8,
            maximize=False,
        )


class Step:
    """Forward, backward and update on one batch, as the loop anyone would write has it."""

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        autocast: Callable,
        dtype: torch.dtype,
        factors: Mapping[str, Factor] | None = None,
    ):
        model.zero_grad(set_to_none=True)  # what an earlier backward pass left is no part of the first step
        self.model, self.recipe, self.autocast, self.dtype = model, recipe, autocast, dtype
        self.optimizer = (Adam if recipe.optimizer == "adam" else Sgd)(
            list(model.parameters()), recipe, of_parameters(model, factors or {})
        )

    @property
    def updated(self) -> list[nn.Parameter]:
        """The parameters that the last step changed."""
        return self.optimizer.updated

    def __call__(self, batch: Tensor, labels: Tensor, rate: float | Tensor) -> Tensor:
        """Update the network at learning rate ``rate``; returns :func:`counts` before the update."""
        with self.autocast():
            logits = self.model(batch)
        logits = logits.to(self.dtype)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        loss.backward()
        with torch.no_grad():
            self.optimizer.step(rate)
        return counts(logits.detach(), labels, loss.detach())


class StaticStep:
    """A :class:`Step` whose batch, labels and learning rate lie at fixed addresses; shorter batches go around them."""

    def __init__(self, step: Step):
        self.step = step
        self.inputs: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def updated(self) -> list[nn.Parameter]:
        """As :attr:`Step.updated`; a replay updates what the recorded step did."""
        return self.step.updated

    def __call__(self, batch: Tensor, labels: Tensor, rate: float) -> Tensor:
        """As :meth:`Step.__call__`."""
        if self.inputs is None:
            self.inputs = batch.clone(), labels.clone(), torch.tensor(rate, device=batch.device, dtype=self.step.dtype)
        if batch.shape != self.inputs[0].shape:
            return self.step(batch, labels, rate)
        for static, value in zip(self.inputs, (batch, labels, rate), strict=True):
            static.copy_(value) if isinstance(value, Tensor) else static.fill_(value)
        return self.run()

    def run(self) -> Tensor:
        """The step on what lies in the inputs."""
        return self.step(*self.inputs)


class GraphedStep(StaticStep):
    """A :class:`StaticStep` that is recorded as a CUDA graph after :data:`WARM_UP` steps and replayed from then on."""

    def __init__(self, step: Step):
        super().__init__(step)
        self.done = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.result: Tensor | None = None

    def run(self) -> Tensor:
        """The step on what lies in the inputs; all but the first few are one launch."""
        self.done += 1
        if self.done <= WARM_UP:
            stream = torch.cuda.Stream()  # what warms up outside the current stream leaves no trace in its pool
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                result = self.step(*self.inputs)
            torch.cuda.current_stream().wait_stream(stream)
            return result
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):  # records, and does not run
                self.result = self.step(*self.inputs)
        self.graph.replay()
        return self.result


def make_step(
    model: nn.Module,
    recipe: Recipe,
    autocast: Callable,
    dtype: torch.dtype,
    graph: bool,
    factors: Mapping[str, Factor] | None = None,
) -> Step | GraphedStep:
    """The step for a network on its device; ``factors`` as from :func:`.groups.parameter_factors`.

    A graph cannot hold what changes from step to step in Python: networks with dropout, or with layers that follow the
    training's progress, get none.
    """
    step = Step(model, recipe, autocast, dtype, factors)
    random = any(
        hasattr(m, "progress") or (isinstance(m, nn.modules.dropout._DropoutNd) and m.p) for m in model.modules()
    )
    on_gpu = next(model.parameters()).device.type == "cuda"
    return GraphedStep(step) if graph and on_gpu and not random else step
