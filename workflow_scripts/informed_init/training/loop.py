"""Training one network on one task: the engine.

Data lie on the device; an epoch makes no synchronization with the host; the order of images and the augmentation
draws of an epoch come from named seeds, so every arm of a replica sees the same batches. ``training.plain`` is the
loop anyone would write, kept as the yardstick; tests compare the two.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from ..seeds import derive_seed, generator
from . import augmentation
from .devices import set_precision
from .epochs import begin_epoch, own_random_state
from .form import Formed, choose
from .groups import parameter_factors
from .recipe import Recipe
from .steps import StaticStep, Step, counts, make_step

EVALUATION_BATCH = 250


@dataclass
class Split:
    """Images of one split on the device: uint8 ``(n, h, w, c)`` (channels last, so that a batch is), labels int64."""

    images: Tensor
    labels: Tensor

    @classmethod
    def on(cls, device: torch.device | str, images: Tensor, labels: Tensor) -> "Split":
        """From uint8 ``(n, c, h, w)`` images."""
        return cls(images.permute(0, 2, 3, 1).contiguous().to(device), labels.to(device))

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, index: Tensor) -> "Split":
        """The images at ``index`` (CPU or device int64)."""
        index = index.to(self.labels.device)
        return Split(self.images[index], self.labels[index])


@dataclass
class Problem:
    """A task as a training sees it: three splits and how to normalize. ``test`` is evaluated once, after the last
    epoch."""

    name: str
    train: Split
    validation: Split
    test: Split | None
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class NormalizedImages:
    """Normalized batches from a split, in channels-last memory format or in torch's default."""

    def __init__(
        self, split: Split, mean, std, pixels: str, dtype: torch.dtype, keep_raw: bool, channels_last: bool = True
    ):
        self.channels_last = channels_last
        self.labels = split.labels
        self.mean = torch.tensor(mean, device=split.images.device, dtype=dtype) * 255
        self.std = torch.tensor(std, device=split.images.device, dtype=dtype) * 255
        self.pixels = pixels
        self.dtype = dtype
        # without augmentation the pixels never change: normalize once, and a batch is one gather
        self.ready = None if keep_raw else self._normalize(split.images.to(dtype))
        self.raw = split.images if keep_raw else None

    def _normalize(self, pixels: Tensor) -> Tensor:
        if self.pixels == "raw":
            return pixels
        return pixels / 255 if self.pixels == "unit" else (pixels - self.mean) / self.std

    def batch(self, index: Tensor, draws: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Images ``(b, c, h, w)`` and labels at ``index``, augmented by the draws of those images."""
        if self.ready is not None:
            pixels = self.ready[index]
        else:
            pixels = augmentation.apply(self.raw[index].to(self.dtype).permute(0, 3, 1, 2), draws)
            pixels = self._normalize(pixels.permute(0, 2, 3, 1))
        pixels = pixels.permute(0, 3, 1, 2)
        return pixels if self.channels_last else pixels.contiguous(), self.labels[index]


def _metrics(prefix: str, counts: Tensor, n: int) -> dict[str, float]:
    loss, top1, top5 = counts.tolist()
    if not math.isfinite(loss):
        top1 = top5 = loss = math.nan
    return {f"{prefix}_loss": loss / n, f"{prefix}_accuracy": 100 * top1 / n, f"{prefix}_accuracy_top5": 100 * top5 / n}


def evaluate(model: nn.Module, images: NormalizedImages, autocast: Callable) -> Tensor:
    """Loss sum and hit counts over a whole split, in eval mode."""
    model.eval()
    total = torch.zeros(3, device=images.labels.device, dtype=images.dtype)
    with torch.no_grad(), autocast():  # not inference mode: a forward may take gradients of its own
        for index in torch.arange(len(images.labels), device=images.labels.device).split(EVALUATION_BATCH):
            batch, labels = images.batch(index, {})
            logits = model(batch).to(images.dtype)
            total += counts(logits, labels, F.cross_entropy(logits, labels))
    return total


def train(
    model: nn.Module,
    problem: Problem,
    recipe: Recipe,
    seed_names: tuple[str | int, ...],
    *,
    live: bool = True,
    graph: bool = True,
    progress: Callable[[int, dict], None] = lambda epoch, row: None,
) -> list[dict[str, float]]:
    """Train ``model`` in place and return one row of metrics an epoch (accuracies in percent, losses as means).

    ``seed_names`` (task and replica) fix the order of the images and the augmentation draws. ``live`` trains only the
    weights that can meet a real pixel, exactly as the whole network would. ``graph`` lets a GPU replay the step as one
    recorded graph (:mod:`.steps`). A loss that becomes NaN ends the training: its remaining rows are NaN and ``diverged``
    is 1.
    """
    epochs = training(model, problem, recipe, seed_names, live=live, graph=graph, progress=progress)
    while True:
        try:
            next(epochs)
        except StopIteration as done:
            return done.value


def training(
    model: nn.Module,
    problem: Problem,
    recipe: Recipe,
    seed_names: tuple[str | int, ...],
    *,
    live: bool = True,
    graph: bool = True,
    progress: Callable[[int, dict], None] = lambda epoch, row: None,
) -> Iterator[None]:
    """:func:`train` in pieces: yields when an epoch is on its way to the device and before anything waits for it, so that
    several trainings can share a GPU; returns the rows."""
    device = problem.train.images.device
    if recipe.batch_size > len(problem.train):
        raise InputError(
            f"{problem.name}: batch_size {recipe.batch_size} is larger than its {len(problem.train)} images"
        )
    set_precision(device, recipe.precision)
    dtype = torch.float64 if recipe.precision == "float64" else torch.float32
    autocast = nullcontext
    if recipe.precision == "bfloat16":
        autocast = lambda: torch.autocast(device.type, dtype=torch.bfloat16)  # noqa: E731
    model.to(device=device, dtype=dtype)
    height, width, channels = problem.train.images.shape[1:]
    # Adam's update of a dead weight has no closed form, unless there is no decay: then it stays as it is
    live = live and (recipe.optimizer == "sgd" or recipe.weight_decay == 0)
    factors = parameter_factors(model, recipe, (channels, height, width))
    form = choose(model, (channels, height, width), live)
    formed = Formed(model, form)
    try:
        run = _Training(
            formed,
            problem,
            recipe,
            seed_names,
            autocast,
            dtype,
            make_step(model, recipe, autocast, dtype, graph and form.recordable, factors),
        )
        rows = yield from run.rows(progress)
    finally:
        formed.restore(recipe, factors)
    return _fill_diverged(rows, recipe)


@dataclass
class _Training:
    """A network in the engine's form, what it is trained on and how."""

    formed: Formed
    problem: Problem
    recipe: Recipe
    seed_names: tuple[str | int, ...]
    autocast: Callable
    dtype: torch.dtype
    step: Step | StaticStep

    def __post_init__(self):
        self.model = self.formed.model
        self.steps = self.recipe.steps(len(self.problem.train))  # of an epoch
        self.images = self._images(self.problem.train, self.recipe.augmentation != "none")
        self.validation = self._images(self.problem.validation, False)

    def _images(self, split: Split, keep_raw: bool) -> NormalizedImages:
        mean, std, pixels = self.problem.mean, self.problem.std, self.recipe.pixels
        return NormalizedImages(split, mean, std, pixels, self.dtype, keep_raw, self.formed.form.channels_last)

    def rows(self, progress: Callable[[int, dict], None]) -> Iterator[None]:
        """Train; yields as :func:`training` does, returns the rows up to the last or to a divergence."""
        rows, recipe, problem = [], self.recipe, self.problem
        if recipe.evaluate_start:
            with own_random_state():
                torch.manual_seed(derive_seed("noise", *self.seed_names, 0))
                hits = evaluate(self.model, self.validation, self.autocast)
            yield
            row = {"epoch": 0, "lr": recipe.rate(1, 0, self.steps), **_metrics("val", hits, len(problem.validation))}
            rows.append(row | {"diverged": int(math.isnan(row["val_loss"]))})
            progress(0, rows[0])
        for epoch in range(1, recipe.epochs + 1):
            with own_random_state():
                total = self._epoch(epoch)
                hits, test_hits = evaluate(self.model, self.validation, self.autocast), None
                if epoch == recipe.epochs and problem.test is not None:
                    test_hits = evaluate(self.model, self._images(problem.test, False), self.autocast)
            yield
            row = {"epoch": epoch, "lr": recipe.rate(epoch, 0, self.steps)}
            row |= _metrics("train", total, len(problem.train)) | _metrics("val", hits, len(problem.validation))
            row["diverged"] = int(math.isnan(row["train_loss"]))
            if test_hits is not None:
                row |= _metrics("test", test_hits, len(problem.test))
            rows.append(row)
            progress(epoch, row)
            if row["diverged"]:
                break
        return rows

    def _epoch(self, epoch: int) -> Tensor:
        """The steps of one epoch; the sums of :func:`counts` over its batches."""
        recipe, device, n = self.recipe, self.problem.train.images.device, len(self.problem.train)
        order = torch.randperm(n, generator=generator("order", *self.seed_names, epoch)).to(device)
        draws = augmentation.draw(recipe.augmentation, n, generator("augmentation", *self.seed_names, epoch))
        draws = {name: values.to(device) for name, values in draws.items()}
        begin_epoch(self.model, (epoch - 1) / max(recipe.epochs - 1, 1), self.seed_names, epoch)
        total = torch.zeros(3, device=device, dtype=self.dtype)
        for number, index in enumerate(order.split(recipe.batch_size)):
            if len(index) == 1:
                continue  # batch norm cannot normalize a single image of a 1x1 map
            rate = recipe.rate(epoch, number, self.steps)
            batch, labels = self.images.batch(index, {name: values[index] for name, values in draws.items()})
            total += self.step(batch, labels, rate)
            self.formed.took_step(rate, self.step.updated)
        return total


def _fill_diverged(rows: list[dict], recipe: Recipe) -> list[dict]:
    """A training that diverged still has a row for every epoch, so that tables of all trainings have one shape."""
    for epoch in range(rows[-1]["epoch"] + 1, recipe.epochs + 1):
        rows.append({**rows[-1], "epoch": epoch, "lr": recipe.rate(epoch)})
    return rows


def head_(model: nn.Module, *seed_names: str | int) -> None:
    """Draw the classifier head (the last ``nn.Linear``) by torch's default rule from its own named seed."""
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not linear:  # SqueezeNet classifies by a convolution: it keeps the draw of its network's seed
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("head", *seed_names))
        linear[-1].reset_parameters()
