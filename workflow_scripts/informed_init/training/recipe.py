"""What a recipe is: optimizer, schedule, epochs, batch, augmentation, precision. No torch here, so that checks stay
quick."""

from dataclasses import dataclass, fields

from ..errors import InputError

AUGMENTATIONS = ("none", "flip-rotation", "crop-flip")
PRECISIONS = ("float32", "bfloat16", "float64")
OPTIMIZERS = ("sgd", "adam")


@dataclass(frozen=True)
class Recipe:
    """How one training goes. ``learning_rate`` is ``((first epoch, rate), ...)``: each rate holds from its epoch on.

    ``validation_fraction`` of the training images of every class is held out for the per-epoch curve under the
    ``controlled`` protocol; the ``published`` protocol ignores it, as it looks at the test split every epoch.
    """

    epochs: int
    learning_rate: tuple[tuple[int, float], ...]
    batch_size: int = 128
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    augmentation: str = "none"
    normalize: bool = True
    precision: str = "float32"
    validation_fraction: float = 0.1

    def __post_init__(self):
        object.__setattr__(self, "learning_rate", tuple((int(e), float(r)) for e, r in self.learning_rate))
        starts = [epoch for epoch, _ in self.learning_rate]
        if not starts or starts[0] != 1 or starts != sorted(set(starts)):
            raise InputError(f"learning_rate: epochs must start at 1 and increase, got {starts}")
        for name, value, known in (
            ("augmentation", self.augmentation, AUGMENTATIONS),
            ("precision", self.precision, PRECISIONS),
            ("optimizer", self.optimizer, OPTIMIZERS),
        ):
            if value not in known:
                raise InputError(f"{name}: {value!r} is not one of {', '.join(known)}")
        if self.epochs < 1 or self.batch_size < 2:
            raise InputError("epochs must be at least 1 and batch_size at least 2")
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

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 1."""
        return next(rate for start, rate in reversed(self.learning_rate) if start <= epoch)
