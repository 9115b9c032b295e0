"""Classification problems cut out of a data set, and training images held out for choosing."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..seeds import generator
from .images import Images

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


@dataclass(frozen=True)
class Task:
    """A classification problem: images uint8 ``(n, c, h, w)``, labels int64 ``(n,)`` in ``0..num_classes -
    1``.

    ``mean`` and ``std`` are per channel, of pixel values scaled to [0, 1]: what the images are normalized
    with.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def pair_task(images_train: Images, images_test: Images, superclasses: tuple[int, int], name: str) -> Task:
    """The classes of two superclasses as one task (ten classes on CIFAR-100).

    Labels are numbered 0, 1, ... in the order of the fine labels, whatever the order of the superclasses.
    Raises :class:`InputError` for a data set without superclasses, one that does not exist, or the same one
    twice.
    """
    if images_train.superclasses is None or images_test.superclasses is None:
        raise InputError(f"task {name}: the data set has no superclasses to pair; use the whole data set")
    if len(superclasses) != 2 or superclasses[0] == superclasses[1]:
        raise InputError(f"task {name}: needs two different superclasses, got {tuple(superclasses)}")
    known = images_train.superclasses.unique().tolist()
    for superclass in superclasses:
        if superclass not in known:
            raise InputError(
                f"task {name}: superclass {superclass} does not exist; the data set has "
                f"{min(known, default=0)}..{max(known, default=0)}"
            )
    wanted = torch.tensor(superclasses)
    chosen = [torch.isin(images.superclasses, wanted) for images in (images_train, images_test)]
    return _task(name, images_train, images_test, *chosen)


def whole_task(images_train: Images, images_test: Images, name: str) -> Task:
    """All classes of a data set as one task; labels are numbered as in :func:`pair_task`."""
    everything = [torch.ones(len(images.labels), dtype=torch.bool) for images in (images_train, images_test)]
    return _task(name, images_train, images_test, *everything)


def _task(name: str, train: Images, test: Images, in_train: Tensor, in_test: Tensor) -> Task:
    classes = train.labels[in_train].unique()  # sorted
    for split, images, chosen in (("training", train, in_train), ("test", test, in_test)):
        if not chosen.any():
            raise InputError(f"task {name}: no {split} images; check the data set and the classes")
        if not torch.equal(images.labels[chosen].unique(), classes):
            raise InputError(f"task {name}: training and test images are not of the same classes")
    return Task(
        name=name,
        train_images=train.images[in_train],
        train_labels=torch.searchsorted(classes, train.labels[in_train]),
        test_images=test.images[in_test],
        test_labels=torch.searchsorted(classes, test.labels[in_test]),
        num_classes=len(classes),
        mean=train.mean,
        std=train.std,
    )


def changed(
    task: Task,
    *,
    image_size: int | None = None,
    grayscale: bool = False,
    train_per_class: int | None = None,
    test_per_class: int | None = None,
) -> Task:
    """The task with fewer images per class, drawn by the task's name; with gray images; with images
    resized (bilinear, antialiased). Mean and standard deviation of gray images are those of the training images.

    Raises :class:`InputError` when a class has fewer images than are asked for.
    """
    parts = {"train": (task.train_images, task.train_labels), "test": (task.test_images, task.test_labels)}
    for (split, (images, labels)), count in zip(parts.items(), (train_per_class, test_per_class), strict=True):
        if count is not None:
            chosen = _some_of_each(labels, count, f"{task.name}: {split}_per_class", generator(split, task.name))
            images, labels = images[chosen], labels[chosen]
        if grayscale and images.shape[1] == 3:
            images = _by_parts(images, lambda part: (part * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True))
        if image_size is not None and images.shape[2:] != (image_size, image_size):
            size = (image_size, image_size)
            images = _by_parts(
                images, lambda part, size=size: F.interpolate(part, size, mode="bilinear", antialias=True)
            )
        parts[split] = images, labels
    (train_images, train_labels), (test_images, test_labels) = parts.values()
    task = replace(
        task, train_images=train_images, train_labels=train_labels, test_images=test_images, test_labels=test_labels
    )
    if len(task.mean) == train_images.shape[1]:
        return task
    pixels = train_images.double() / 255
    return replace(task, mean=(float(pixels.mean()),), std=(float(pixels.std()),))


def _some_of_each(labels: Tensor, count: int, where: str, rng: torch.Generator) -> Tensor:
    """Sorted indices of ``count`` images of every class."""
    chosen = []
    for label in labels.unique().tolist():
        members = (labels == label).nonzero().flatten()
        if len(members) < count:
            raise InputError(f"{where} is {count}, but class {label} has only {len(members)} images; ask for fewer")
        chosen.append(members[torch.randperm(len(members), generator=rng)[:count]])
    return torch.cat(chosen).sort().values


def _by_parts(images: Tensor, change) -> Tensor:
    """``change`` on float parts of a few thousand images, so that a whole data set is never held in float."""
    return torch.cat([change(part.float()).round().clamp(0, 255).to(torch.uint8) for part in images.split(4096)])


def hold_out(labels: Tensor, fraction: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Split training images by class: ``(train_index, validation_index)``, int64, each sorted, together all
    of them.

    ``round(fraction * count)`` images of each class are held out. ``generator`` must be on the CPU. Raises
    :class:`InputError` if ``labels`` is empty, ``fraction`` is not within (0, 1), or a class would have none
    on either side.
    """
    if not 0 < fraction < 1:
        raise InputError(f"the held-out fraction must be above 0 and below 1, got {fraction}")
    labels = labels.cpu()
    if len(labels) == 0:
        raise InputError("no images to hold any out of")
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique().tolist():
        members = (labels == label).nonzero().flatten()
        count = round(fraction * len(members))
        if count in (0, len(members)):
            raise InputError(
                f"holding out {fraction:g} of the {len(members)} images of class {label} leaves none on one "
                "side; change the fraction or use more images"
            )
        held[members[torch.randperm(len(members), generator=generator)[:count]]] = True
    return (~held).nonzero().flatten(), held.nonzero().flatten()
