"""Training one network on one task: the engine.

Data lie on the device; an epoch makes no synchronization with the host; the order of images and the augmentation
draws of an epoch come from named seeds, so every arm of a replica sees the same batches. ``training.plain`` is the
loop anyone would write, kept as the yardstick; tests compare the two.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from ..seeds import derive_seed, generator
from . import augmentation
from .devices import set_precision
from .live_taps import LiveNetwork, sgd_decay_factor
from .recipe import Recipe
from .steps import counts, make_step

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
    """Normalized batches from a split, in channels-last memory format."""

    def __init__(self, split: Split, mean, std, pixels: str, dtype: torch.dtype, keep_raw: bool):
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
            return self.ready[index].permute(0, 3, 1, 2), self.labels[index]
        pixels = augmentation.apply(self.raw[index].to(self.dtype).permute(0, 3, 1, 2), draws)
        return self._normalize(pixels.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), self.labels[index]


def _metrics(prefix: str, counts: Tensor, n: int) -> dict[str, float]:
    loss, top1, top5 = counts.tolist()
    if not math.isfinite(loss):
        top1 = top5 = loss = math.nan
    return {f"{prefix}_loss": loss / n, f"{prefix}_accuracy": 100 * top1 / n, f"{prefix}_accuracy_top5": 100 * top5 / n}


def evaluate(model: nn.Module, images: NormalizedImages, autocast: Callable) -> Tensor:
    """Loss sum and hit counts over a whole split, in eval mode and inference mode."""
    model.eval()
    total = torch.zeros(3, device=images.labels.device, dtype=images.dtype)
    with torch.inference_mode(), autocast():
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
    network = None
    # Adam's update of a dead weight has no closed form, unless there is no decay: then it stays as it is
    if live and (recipe.optimizer == "sgd" or recipe.weight_decay == 0):
        height, width, channels = problem.train.images.shape[1:]
        network = LiveNetwork(model, (channels, height, width))
    model.to(memory_format=torch.channels_last)
    step = make_step(model, recipe, autocast, dtype, graph)

    augmented = recipe.augmentation != "none"
    load = lambda split, raw: NormalizedImages(split, problem.mean, problem.std, recipe.pixels, dtype, raw)  # noqa: E731
    images, validation = load(problem.train, augmented), load(problem.validation, False)
    n = len(problem.train)
    steps = math.ceil(n / recipe.batch_size)
    rows, rates = [], []
    try:
        if recipe.evaluate_start:
            hits = evaluate(model, validation, autocast)
            yield
            row = {"epoch": 0, "lr": recipe.rate(1, 0, steps), **_metrics("val", hits, len(problem.validation))}
            rows.append(row | {"diverged": int(math.isnan(row["val_loss"]))})
            progress(0, rows[0])
        for epoch in range(1, recipe.epochs + 1):
            order = torch.randperm(n, generator=generator("order", *seed_names, epoch)).to(device)
            draws = augmentation.draw(recipe.augmentation, n, generator("augmentation", *seed_names, epoch))
            draws = {name: values.to(device) for name, values in draws.items()}
            with own_random_state():
                begin_epoch(model, (epoch - 1) / max(recipe.epochs - 1, 1), seed_names, epoch)
                total = torch.zeros(3, device=device, dtype=dtype)
                for number, index in enumerate(order.split(recipe.batch_size)):
                    if len(index) == 1:
                        continue  # batch norm cannot normalize a single image of a 1x1 map
                    rates.append(recipe.rate(epoch, number, steps))
                    batch, labels = images.batch(index, {name: values[index] for name, values in draws.items()})
                    total += step(batch, labels, rates[-1])
            hits, test_hits = evaluate(model, validation, autocast), None
            if epoch == recipe.epochs and problem.test is not None:
                test_hits = evaluate(model, load(problem.test, False), autocast)
            yield
            row = {"epoch": epoch, "lr": recipe.rate(epoch, 0, steps), **_metrics("train", total, n)}
            row |= _metrics("val", hits, len(problem.validation))
            row["diverged"] = int(math.isnan(row["train_loss"]))
            if test_hits is not None:
                row |= _metrics("test", test_hits, len(problem.test))
            rows.append(row)
            progress(epoch, row)
            if row["diverged"]:
                break
    finally:
        if network is not None:
            decayed = recipe.optimizer == "sgd"
            decay = rates, recipe.momentum, recipe.weight_decay, recipe.nesterov
            network.restore(sgd_decay_factor(*decay) if decayed else 1.0)
        model.to(memory_format=torch.contiguous_format)
    return _fill_diverged(rows, recipe)


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
