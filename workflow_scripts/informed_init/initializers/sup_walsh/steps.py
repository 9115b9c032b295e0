"""Optimizer steps before the training proper: what Sup-Walsh and its control on real images share."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...errors import InputError
from ...training.recipe import Recipe
from ...training.steps import Adam
from ..data import checked_data

STREAMS = ("support", "draws", "reducer", "codes", "labels", "noise", "calibration")
CALIBRATION_IMAGES, CALIBRATION_BATCH = 2000, 200

Batch = Callable[[int], tuple[Tensor, Tensor]]


def streams(generator: torch.Generator) -> dict[str, torch.Generator]:
    """A generator of its own for each purpose, so that arms that differ in one of them share the draws of all others."""
    seeds = torch.randint(2**63 - 1, (len(STREAMS),), generator=generator)
    return {name: torch.Generator().manual_seed(int(seed)) for name, seed in zip(STREAMS, seeds, strict=True)}


@contextmanager
def seeded(generator: torch.Generator, device: torch.device) -> Iterator[None]:
    """Draws from torch's global generator (dropout, default weights) come from ``generator``; its state returns
    after."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(torch.randint(2**63 - 1, (), generator=generator)))
        yield


@contextmanager
def kept_modes(model: nn.Module) -> Iterator[None]:
    """Every module is in its earlier train or eval mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def moved(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Inside the block the network is on ``device``; afterwards where it was."""
    home = next(model.parameters()).device
    try:
        yield model.to(device)
    finally:
        model.to(home)


def count_classes(model: nn.Module, data: tuple[Tensor, Tensor], initializer: str) -> int:
    """The number of classes that the network tells apart, found by showing it two images in eval mode.

    Raises:
        InputError: the data are not images ``(n, c, h, w)`` with labels, some hold NaN, the network does not take them,
            does not return logits, or tells fewer than two classes apart.
    """
    images, labels = checked_data(initializer, data)
    if images.ndim != 4 or labels.shape != images.shape[:1]:
        raise InputError(
            f"{initializer}: data must be images (n, c, h, w) and labels (n,), got shapes {tuple(images.shape)} and "
            f"{tuple(labels.shape)}"
        )
    size = " x ".join(map(str, images.shape[1:]))
    try:
        with kept_modes(model), torch.no_grad():
            logits = model.eval()(images[:2])
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{initializer}: the network does not take images of {size}: {reason}") from error
    if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[1] < 2:
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise InputError(
            f"{initializer}: the network must return logits (n, classes) of 2 or more classes, got {found}"
        )
    return logits.shape[1]


class OnePerClass:
    """Draws one training image of every class, uniformly within the class.

    The published code draws them from a batch of 200 shuffled images, where a class may be missing; from all images
    they have the same distribution, for any number of classes.
    """

    def __init__(self, labels: Tensor, classes: int, generator: torch.Generator, initializer: str):
        labels = labels.cpu()
        self.members = [(labels == label).nonzero().flatten() for label in range(classes)]
        self.generator = generator
        for label, members in enumerate(self.members):
            if len(members) == 0:
                raise InputError(
                    f"{initializer}: no training image of class {label} of the network's {classes} classes; "
                    "give images of every class"
                )
        if labels.min() < 0 or labels.max() >= classes:
            raise InputError(
                f"{initializer}: labels {int(labels.min())} to {int(labels.max())}, but the network tells "
                f"{classes} classes apart"
            )
        self.counts = torch.tensor([len(members) for members in self.members], dtype=torch.float64)

    def draw(self) -> Tensor:
        """The position of an image of each class, int64 ``(classes,)``, in the order of the classes."""
        places = torch.rand(len(self.counts), generator=self.generator, dtype=torch.float64) * self.counts
        return torch.stack([members[place] for members, place in zip(self.members, places.long(), strict=True)])


def optimize_(
    model: nn.Module,
    batch: Batch,
    steps: int,
    rate: float,
    generator: torch.Generator,
    *,
    also: Iterable[nn.Parameter] = (),
    best: bool = False,
) -> list[float]:
    """Adam steps on the cross-entropy of ``batch(step)``, in train mode; returns the loss of every step.

    ``also`` are parameters that are trained along. With ``best`` the model ends as it was when it made the least loss,
    that is before the update that followed it (but with that step's batch statistics), as the published code saves it.
    """
    device = next(model.parameters()).device
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()} if best else {}
    parameters = [parameter for parameter in (*also, *model.parameters()) if parameter.requires_grad]
    recipe = Recipe(epochs=1, learning_rate=((1, rate),), optimizer="adam", weight_decay=0.0)
    optimizer, losses, least = None, [], float("inf")
    model.zero_grad(set_to_none=True)
    with kept_modes(model), seeded(generator, device):
        model.train()
        for step in range(steps):
            with torch.enable_grad():
                images, labels = batch(step)
                loss = F.cross_entropy(model(images), labels)
                loss.backward()
            losses.append(loss.item())
            if losses[-1] < least:
                least, state = losses[-1], model.state_dict()
                for name in kept:
                    kept[name].copy_(state[name])
            if optimizer is None:  # parameters without a gradient have no part in the loss
                optimizer = Adam([parameter for parameter in parameters if parameter.grad is not None], recipe)
            with torch.no_grad():
                optimizer.step(rate)
    if best:
        model.load_state_dict(kept)
    return losses


def batch_norms(model: nn.Module) -> list[_BatchNorm]:
    """The layers that keep running statistics."""
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


def recalibrate_(model: nn.Module, images: Tensor, generator: torch.Generator) -> None:
    """Replace the running statistics of batch norms by those of (at most 2,000) images, with dropout off.

    They become means over equal batches of at most 200 images, each normalized by its own statistics.
    """
    norms = batch_norms(model)
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    chosen = torch.randperm(len(images), generator=generator)[:CALIBRATION_IMAGES].to(images.device)
    with kept_modes(model), torch.no_grad():
        model.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches, not a moving one
            norm.train()
        for part in chosen.tensor_split(-(-len(chosen) // CALIBRATION_BATCH)):
            model(images[part])
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
