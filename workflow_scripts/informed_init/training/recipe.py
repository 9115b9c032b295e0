"""What a recipe is: optimizer, schedule, epochs, batch, augmentation, precision. No torch here, so that checks stay
quick."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from ..errors import InputError

AUGMENTATIONS = ("none", "flip-rotation", "crop-flip")
PRECISIONS = ("float32", "tf32", "bfloat16", "float64")
OPTIMIZERS = ("sgd", "adam")
SCHEDULES = ("steps", "cosine", "one-cycle")
PIXELS = ("normalized", "unit", "raw")
GROUPS = ("first_convolution", "convolutions", "norm", "head")  # of layers, see `training.groups`


@dataclass(frozen=True)
class Factor:
    """What the learning rate and the weight decay of a group of layers are multiplied by."""

    learning_rate: float = 1.0
    weight_decay: float = 1.0

    def __post_init__(self):
        for name in ("learning_rate", "weight_decay"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
                raise InputError(f"layer_factors: {name} is {value!r}; give a number of at least 0")


@dataclass(frozen=True)
class Recipe:
    """How one training goes. ``learning_rate`` is ``((first epoch, rate), ...)``: each rate holds from its epoch on.

    Under ``schedule`` ``cosine`` and ``one-cycle`` it is ``((1, peak),)`` and the rate changes every step: cosine falls
    from the peak to zero; one-cycle (Smith 2018, with torch's ``OneCycleLR`` defaults) rises from peak / 25 over the first
    30 % and falls to peak / 250,000.

    ``validation_fraction`` of the training images of every class is held out for the per-epoch curve under the
    ``controlled`` protocol; the ``published`` protocol ignores it, as it looks at the test split every epoch.
    ``evaluate_start`` adds a row for epoch 0: the network before its first step.

    ``precision`` ``float32`` means float32 everywhere; ``tf32`` lets CUDA round products to 10 bits, ``bfloat16`` computes in
    bfloat16 where that is safe (autocast); weights are float32 in all three.

    ``pixels`` are ``normalized`` by the data set's mean and standard deviation, ``unit`` ([0, 1]) or ``raw`` (0 to 255).
    ``image_size`` and ``grayscale`` change the images, ``train_per_class`` and ``test_per_class`` take a part of them.

    ``layer_factors`` are given as ``{group: {"learning_rate": factor, "weight_decay": factor}}`` and kept as
    ``((group, Factor), ...)``: what groups of layers multiply the learning rate and the weight decay by.
    """

    epochs: int
    learning_rate: tuple[tuple[int, float], ...]
    batch_size: int = 128
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    nesterov: bool = False
    schedule: str = "steps"
    label_smoothing: float = 0.0
    augmentation: str = "none"
    pixels: str = "normalized"
    precision: str = "float32"
    validation_fraction: float = 0.1
    evaluate_start: bool = False
    image_size: int | None = None
    grayscale: bool = False
    train_per_class: int | None = None
    test_per_class: int | None = None
    layer_factors: tuple[tuple[str, Factor], ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "learning_rate", tuple((int(e), float(r)) for e, r in self.learning_rate))
        object.__setattr__(self, "layer_factors", _factors(self.layer_factors))
        starts = [epoch for epoch, _ in self.learning_rate]
        if not starts or starts[0] != 1 or starts != sorted(set(starts)):
            raise InputError(f"learning_rate: epochs must start at 1 and increase, got {starts}")
        for name, value, known in (
            ("augmentation", self.augmentation, AUGMENTATIONS),
            ("precision", self.precision, PRECISIONS),
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            ("pixels", self.pixels, PIXELS),
        ):
            if value not in known:
                raise InputError(f"{name}: {value!r} is not one of {', '.join(known)}")
        if self.epochs < 1 or self.batch_size < 2:
            raise InputError("epochs must be at least 1 and batch_size at least 2")
        if self.schedule != "steps" and len(starts) > 1:
            raise InputError(
                f"learning_rate: schedule {self.schedule!r} takes one rate, [[1, peak]], got {len(starts)}"
            )
        if not 0 <= self.label_smoothing < 1:
            raise InputError(f"label_smoothing must lie in [0, 1), got {self.label_smoothing}")
        if not 0 <= self.validation_fraction < 1:
            raise InputError(f"validation_fraction must lie in [0, 1), got {self.validation_fraction}")

    @classmethod
    def from_config(cls, settings: dict) -> "Recipe":
        """A recipe from a config section; unknown keys are named."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise InputError(f"recipe: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
        return cls(**settings)

    def steps(self, images: int) -> int:
        """Steps of an epoch of ``images``; the last one has what is left of them."""
        return math.ceil(images / self.batch_size)

    def rate(self, epoch: int, step: int = 0, steps: int = 1) -> float:
        """The learning rate of an epoch, counted from 1, at one of its ``steps``, counted from 0."""
        if self.schedule == "steps":
            return next(rate for start, rate in reversed(self.learning_rate) if start <= epoch)
        peak, done, total = self.learning_rate[0][1], (epoch - 1) * steps + step, self.epochs * steps
        if self.schedule == "cosine":
            return _cosine(peak, 0.0, done / total)
        rise, last = 0.3 * total - 1, total - 1
        if done <= rise:
            return _cosine(peak / 25, peak, done / rise)
        return _cosine(peak, peak / 250_000, (done - rise) / (last - rise))


def _factors(given: Mapping[str, Mapping[str, float]] | tuple) -> tuple[tuple[str, Factor], ...]:
    """Factors in the order of :data:`GROUPS`, from a config's section or from what a recipe keeps."""
    given = dict(given)
    for group, factor in given.items():
        if group not in GROUPS:
            raise InputError(f"layer_factors: {group!r} is no group of layers; known: {', '.join(GROUPS)}")
        if isinstance(factor, Mapping) and (unknown := sorted(factor.keys() - {"learning_rate", "weight_decay"})):
            raise InputError(f"layer_factors: {unknown[0]!r} has no factor; known: learning_rate, weight_decay")
    made = {group: factor if isinstance(factor, Factor) else Factor(**factor) for group, factor in given.items()}
    return tuple((group, made[group]) for group in GROUPS if group in made)


def _cosine(start: float, end: float, part: float) -> float:
    """From ``start`` to ``end`` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2
