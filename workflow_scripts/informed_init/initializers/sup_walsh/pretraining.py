"""The pretraining of Sup-Walsh: support network, synthetic batches, joint training.

Facts from the published code. It declares five batch norms in the support network and never uses them; they are not
built here. It draws the ten images from a batch of 200, here from all training images (:class:`.steps.OnePerClass`).
The class is an *input* of the support network, through its code, so the loss can vanish without any image being looked
at: that is what the controls ask about.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from ...settings import Count, Positive, check_fields
from .codes import CodeLength, Codes, class_codes
from .reducers import Reducer, ReducerName, reducer
from .steps import OnePerClass, batch_norms, count_classes, moved, optimize_, recalibrate_, seeded, streams

Labels = Literal["true", "permuted"]
Snapshot = Literal["best", "last"]
BatchNorms = Literal["recalibrate", "reset", "keep"]


@dataclass(frozen=True)
class Settings:
    """How one pretraining goes; the defaults are the published ones, but for ``batch_norm`` (published: ``keep``).

    Args:
        steps: Adam steps, each on one synthetic image per class.
        rate: Adam's learning rate.
        reducer: what the two numbers of a class are made from (:func:`.reducers.reducer`).
        codes: ``walsh``, ``random`` signs, or ``none`` (no gate).
        labels: ``permuted`` trains every class's images to be called by another class, the same one at all steps.
        snapshot: the network that is kept, of the ``best`` batch loss (:func:`.steps.optimize_`) or the ``last``.
        batch_norm: running statistics are afterwards those of real images, ``reset``, or those of synthetic batches.
        refit: images are drawn and reduced anew every this many steps.
        code_length: a power of two above the number of classes; the next one if None.
    """

    steps: Count = 600
    rate: Positive = 3e-5
    reducer: ReducerName = "tsne"
    codes: Codes = "walsh"
    labels: Labels = "true"
    snapshot: Snapshot = "best"
    batch_norm: BatchNorms = "recalibrate"
    refit: Count = 1
    code_length: CodeLength | None = None

    def __post_init__(self):
        check_fields(self, "sup-walsh")


class SupportNetwork(nn.Module):
    """Two numbers and a code -> an image: linear layers 2 -> 4 -> 8 -> ... -> code length, the gate, one linear layer.

    No activation, so an image is affine in the two numbers for each class. 69,828 parameters for codes of 16 and
    images of 1 x 64 x 64.
    """

    def __init__(self, length: int, image_shape: tuple[int, int, int]):
        super().__init__()
        widths = [2 << doubling for doubling in range(length.bit_length() - 1)]
        self.encoder = nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(widths)))
        self.decoder = nn.Sequential(nn.Linear(length, torch.Size(image_shape).numel()), nn.Unflatten(1, image_shape))

    def encode(self, z: Tensor, codes: Tensor) -> Tensor:
        """Gated codes ``(classes, length)`` of numbers ``(classes, 2)``."""
        return self.encoder(z) * codes

    def forward(self, z: Tensor, codes: Tensor) -> Tensor:
        """Images ``(classes, c, h, w)`` of numbers ``(classes, 2)`` and codes ``(classes, length)``."""
        return self.decoder(self.encode(z, codes))


@dataclass
class History:
    """What a pretraining saw.

    ``losses`` of all steps; ``z`` ``(classes, 2)`` and ``codes`` (gated, ``(classes, length)``) of the last one; and
    distances between classes ``(classes, classes)`` in pixels, in ``z`` and in gated codes: each step's scaled to a mean of
    1 (t-SNE's coordinates have no scale of their own), then averaged over the draws.
    """

    losses: list[float]
    z: Tensor
    codes: Tensor
    image_distances: Tensor
    z_distances: Tensor
    code_distances: Tensor


def scaled_distances(points: Tensor) -> Tensor:
    """Euclidean distances ``(n, n)`` between points, with a mean of 1 over all pairs (0 where all points are one)."""
    # not by the expansion of the square, which makes small distances of large numbers inexact
    distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    mean = distances.sum() / (len(points) * (len(points) - 1))
    return distances / mean if mean > 0 else distances


class SyntheticBatches:
    """``batches(step)`` -> the support network's images, one a class, and what they are to be called."""

    def __init__(
        self,
        images: Tensor,
        draws: OnePerClass,
        reduce: Reducer,
        support: SupportNetwork,
        codes: Tensor,
        targets: Tensor,
        refit: int,
    ):
        self.images, self.draws, self.reduce = images, draws, reduce
        self.support, self.codes, self.targets, self.refit = support, codes, targets, refit
        self.z = self.gated = torch.empty(0)
        self.fits = 0
        self.distances = torch.zeros(3, len(codes), len(codes))

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        fresh = step % self.refit == 0
        if fresh:
            pixels = self.images[self.draws.draw().to(self.images.device)].flatten(1).cpu()
            self.z = self.reduce(pixels).to(self.codes)
        gated = self.support.encode(self.z, self.codes)
        self.gated = gated.detach()
        if fresh:
            seen = (pixels, self.z.cpu(), self.gated.cpu())
            self.distances += torch.stack([scaled_distances(points) for points in seen])
            self.fits += 1
        return self.support.decoder(gated), self.targets

    def history(self, losses: list[float]) -> History:
        """What was seen so far."""
        return History(losses, self.z.cpu(), self.gated.cpu(), *(self.distances / self.fits))


def pretrain(model: nn.Module, data: tuple[Tensor, Tensor], settings: Settings, generator: torch.Generator) -> History:
    """Pretrain ``model`` in place and drop the support network.

    ``data`` are training images ``(n, c, h, w)`` as the network will see them, and their labels ``(n,)``; the work is done
    on their device. ``generator`` (CPU) decides everything; settings that differ in one part (reducer, codes, labels) share
    the draws of all others. Modes and the network's device are kept, gradients are not.

    Raises:
        InputError: a class has no image, the network does not take the images, or the code is too short.
    """
    with moved(model, data[0].device):
        return _pretrain(model, data, settings, generator)


def _pretrain(model: nn.Module, data: tuple[Tensor, Tensor], settings: Settings, generator: torch.Generator) -> History:
    images, labels = data
    classes = count_classes(model, data, "sup-walsh")
    rng = streams(generator)
    draws = OnePerClass(labels, classes, rng["draws"], "sup-walsh")
    codes = class_codes(settings.codes, classes, settings.code_length, rng["codes"]).to(images)
    with seeded(rng["support"], torch.device("cpu")):
        support = SupportNetwork(codes.shape[1], tuple(images.shape[1:])).to(images)
    targets = torch.arange(classes)
    if settings.labels == "permuted":
        order = torch.randperm(classes, generator=rng["labels"])
        targets[order] = order.roll(1)  # one cycle: no class keeps its name
    reduce = reducer(settings.reducer, classes, images[0].numel(), rng["reducer"])
    batches = SyntheticBatches(images, draws, reduce, support, codes, targets.to(images.device), settings.refit)
    best = settings.snapshot == "best"
    losses = optimize_(
        model, batches, settings.steps, settings.rate, rng["noise"], also=support.parameters(), best=best
    )
    if settings.batch_norm == "recalibrate":
        recalibrate_(model, images, rng["calibration"])
    elif settings.batch_norm == "reset":
        for norm in batch_norms(model):
            norm.reset_running_stats()
    return batches.history(losses)
