"""The plain reference: the training loop anyone would write.

A DataLoader over a dataset of single images, torchvision-style per-sample transforms, default memory format, every
weight trained, ``.item()`` after every batch. It takes the engine's random draws, so that both see the same batches;
it is the yardstick of ``benchmarks/`` and the oracle of the equivalence tests, and nothing else uses it.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from ..seeds import generator
from . import augmentation
from .epochs import begin_epoch
from .groups import parameter_factors
from .loop import EVALUATION_BATCH, Problem, Split
from .recipe import Factor, Recipe


class Samples(Dataset):
    """One image at a time: augment, scale, normalize."""

    def __init__(self, split: Split, problem: Problem, recipe: Recipe, draws: dict[str, torch.Tensor]):
        self.split, self.recipe, self.draws = split, recipe, draws
        self.dtype = torch.float64 if recipe.precision == "float64" else torch.float32
        self.mean = torch.tensor(problem.mean, dtype=self.dtype)[:, None, None]
        self.std = torch.tensor(problem.std, dtype=self.dtype)[:, None, None]

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int):
        image = self.split.images[i].permute(2, 0, 1).to(self.dtype)
        if self.draws:
            image = augmentation.apply(image[None], {k: v[i : i + 1] for k, v in self.draws.items()})[0]
        if self.recipe.pixels != "raw":
            image = image / 255
        if self.recipe.pixels == "normalized":
            image = (image - self.mean) / self.std
        return image, int(self.split.labels[i])


def train_plain(
    model: nn.Module, problem: Problem, recipe: Recipe, seed_names: tuple[str | int, ...]
) -> list[dict[str, float]]:
    """As :func:`training.loop.train`, without any of its speed; returns the same rows (without top-5)."""
    device = problem.train.images.device
    model.to(device=device, dtype=torch.float64 if recipe.precision == "float64" else torch.float32)
    height, width, channels = problem.train.images.shape[1:]
    factors = parameter_factors(model, recipe, (channels, height, width))
    groups = []
    for name, parameter in model.named_parameters():
        factor = factors.get(name, Factor())
        decay = recipe.weight_decay * factor.weight_decay
        groups.append({"params": [parameter], "weight_decay": decay, "factor": factor.learning_rate})
    if recipe.optimizer == "adam":
        optimizer = torch.optim.Adam(groups, recipe.rate(1))
    else:
        optimizer = torch.optim.SGD(groups, recipe.rate(1), recipe.momentum, nesterov=recipe.nesterov)
    n = len(problem.train)
    rows = []
    for epoch in range(1, recipe.epochs + 1):
        order = torch.randperm(n, generator=generator("order", *seed_names, epoch)).tolist()
        draws = augmentation.draw(recipe.augmentation, n, generator("augmentation", *seed_names, epoch))
        samples = Samples(problem.train, problem, recipe, draws)
        begin_epoch(model, (epoch - 1) / max(recipe.epochs - 1, 1), seed_names, epoch)
        loss_sum = hits = 0.0
        # a generator of its own, or the loader would draw from the one that dropout draws from
        loader = DataLoader(samples, batch_size=recipe.batch_size, sampler=order, generator=torch.Generator())
        for step, (images, labels) in enumerate(loader):
            if len(labels) == 1:
                continue
            for group in optimizer.param_groups:
                group["lr"] = recipe.rate(epoch, step, len(loader)) * group["factor"]
            images, labels = images.to(device), labels.to(device)
            optimizer.zero_grad()
            logits = model(images)
            loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(labels)
            hits += (logits.argmax(1) == labels).sum().item()
        row = {
            "epoch": epoch,
            "lr": recipe.rate(epoch, 0, len(loader)),
            "train_loss": loss_sum / n,
            "train_accuracy": 100 * hits / n,
        }
        row |= _evaluate(model, problem.validation, problem, recipe, "val")
        if epoch == recipe.epochs and problem.test is not None:
            row |= _evaluate(model, problem.test, problem, recipe, "test")
        rows.append(row)
    return rows


def _evaluate(model: nn.Module, split: Split, problem: Problem, recipe: Recipe, prefix: str) -> dict[str, float]:
    model.eval()
    loss_sum = hits = 0.0
    with torch.no_grad():
        for images, labels in DataLoader(Samples(split, problem, recipe, {}), batch_size=EVALUATION_BATCH):
            images, labels = images.to(split.labels.device), labels.to(split.labels.device)
            logits = model(images)
            loss_sum += F.cross_entropy(logits, labels).item() * len(labels)
            hits += (logits.argmax(1) == labels).sum().item()
    return {f"{prefix}_loss": loss_sum / len(split), f"{prefix}_accuracy": 100 * hits / len(split)}
