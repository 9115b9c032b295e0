"""A comparison of initializers on a user's own pictures, made to fit a time: how many images, epochs, rates and replicas,
and the config overlay that says so. The workflow does the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import InputError
from .work import ordered

FAMILY, DATASET, BASELINE = "compare", "pictures", "default"
RATES = (0.01, 0.05)  # SGD with momentum; every initializer keeps its better one
REPLICAS, FEWEST_REPLICAS = 5, 3  # three is the least that has an interval worth the name
EPOCHS, FEWEST_EPOCHS = 15, 6
FEWEST_IMAGES = 20  # a class, unless there are fewer
LEAST_IMAGES = 10  # of the smallest class: with fewer, one or none is held out
VALIDATION = 0.15
# Of the time, what is left to the last jobs that run alone, to tables and to a machine that does other things as well.
RESERVE = 0.75
JOB_SECONDS = 8.0  # starting Python and torch, and reading the images
READ_SECONDS = 0.002  # a picture, decoded and resized


@dataclass(frozen=True)
class Counts:
    """How many pictures there are: classes, training pictures of the smallest class, test pictures, and all of them."""

    classes: int
    per_class: int
    tests: int
    total: int


@dataclass(frozen=True)
class Scale:
    """How large a comparison is: what one training sees, and how many there are of each initializer."""

    train_per_class: int
    epochs: int
    rates: tuple[float, ...]
    replicas: int
    seconds: float  # of one core, all trainings together

    def trainings(self, initializers: int) -> int:
        """The number of trainings of the whole comparison."""
        return initializers * len(self.rates) * self.replicas


def fit(
    counts: Counts,
    *,
    initializers: int,
    seconds_per_image: float,
    budget: float,
    cores: int,
    rates: Sequence[float] = RATES,
) -> Scale:
    """The largest comparison that takes at most ``budget`` seconds on ``cores`` cores.

    ``seconds_per_image`` is that of one training step, measured on this machine; an image that is only looked at counts a
    third. First fewer images are taken, then fewer epochs, then fewer replicas.

    Raises:
        InputError: a class has too few pictures; or not even the smallest comparison fits, and the line says how long that
            would take.
    """
    if counts.per_class < LEAST_IMAGES:
        raise InputError(
            f"--images: the smallest class has {counts.per_class} training pictures; a comparison needs {LEAST_IMAGES}, add some"
        )
    time = RESERVE * (budget - READ_SECONDS * counts.total) * cores

    def cost(per_class: int, epochs: int, replicas: int) -> float:
        images = per_class * counts.classes
        one = (epochs * images * (1 - VALIDATION + VALIDATION / 3) + counts.tests / 3) * seconds_per_image
        return initializers * (len(rates) * replicas * one + len(rates) * JOB_SECONDS)

    fewest = min(FEWEST_IMAGES, counts.per_class)
    for replicas in range(REPLICAS, FEWEST_REPLICAS - 1, -1):
        for epochs in range(EPOCHS, FEWEST_EPOCHS - 1, -1):
            enough = fewest if replicas == FEWEST_REPLICAS and epochs == FEWEST_EPOCHS else 5 * fewest
            for per_class in _steps(counts.per_class, min(enough, counts.per_class)):
                if (seconds := cost(per_class, epochs, replicas)) <= time:
                    return Scale(per_class, epochs, tuple(rates), replicas, seconds)
    least = cost(fewest, FEWEST_EPOCHS, FEWEST_REPLICAS) / RESERVE / cores + READ_SECONDS * counts.total
    raise InputError(
        f"--budget: {budget / 60:.3g} min are too few for {initializers} initializers; the smallest comparison "
        f"({fewest} images a class, {FEWEST_EPOCHS} epochs, {FEWEST_REPLICAS} replicas) takes about {least / 60:.0f} min here; "
        "give more time, more cores, or fewer initializers"
    )


def _steps(most: int, least: int) -> list[int]:
    """Numbers of images from ``most`` down to ``least``, each about a tenth smaller."""
    found = [most]
    while found[-1] > least:
        found.append(max(least, int(found[-1] * 0.9)))
    return found


def overlay(
    scale: Scale,
    *,
    run: str,
    pictures: Mapping,
    model: str,
    arms: Mapping[str, Mapping],
    precision: str,
    device: str,
) -> dict:
    """The config of the comparison, over the workflow's own: a data set, an arm for each initializer, one family.

    ``pictures`` is the section of the data set (folder, size, ...); ``arms`` are name -> section, among them :data:`BASELINE`.
    """
    recipe = {
        "epochs": scale.epochs,
        "schedule": "one-cycle",
        "batch_size": 64,
        "weight_decay": 0.0005,
        "augmentation": "crop-flip",
        "precision": precision,
        "validation_fraction": VALIDATION,
        "train_per_class": scale.train_per_class,
    }
    recipes = {f"rate-{rate:g}": {"learning_rate": [[1, rate]], **recipe} for rate in scale.rates}
    return {
        "run": run,
        "data_root": ".",
        "device": device,
        "dataset": DATASET,
        "datasets": {DATASET: dict(pictures)},
        "architecture": model,
        "protocols": ["controlled"],
        "replicas": {"count": scale.replicas, "per_job": scale.replicas},
        "recipe": next(iter(recipes)),
        "recipes": recipes,
        "arms": {name: ordered(section) for name, section in arms.items()},
        "only": [FAMILY],
        "families": {
            FAMILY: {
                "title": "Initializers on your images",
                "protocols": ["controlled"],
                "recipes": list(recipes),
                "arms": list(arms),
                "baseline": BASELINE,
            }
        },
        "figures": {},
        "search": None,
    }
