"""One split of a data set in memory and as a file: all that a training knows of where its images came from."""

import json
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..errors import InputError
from ..files import load_tensors, save_tensors


@dataclass(frozen=True)
class Images:
    """One split of a data set.

    ``images`` uint8 ``(n, c, h, w)``; ``labels`` int64 ``(n,)``, the fine labels, an index into
    ``class_names``; ``superclasses`` int64 ``(n,)`` or None where the data set has none. ``mean`` and ``std``
    are the data set's, per channel, of pixel values scaled to [0, 1].
    """

    images: Tensor
    labels: Tensor
    superclasses: Tensor | None
    class_names: list[str]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def save_split(path: str | Path, images: Images) -> None:
    """Write a split to one safetensors file; class names, mean and std stand in its metadata as JSON."""
    tensors = {"images": images.images, "labels": images.labels}
    if images.superclasses is not None:
        tensors["superclasses"] = images.superclasses
    description = {"class_names": images.class_names, "mean": images.mean, "std": images.std}
    save_tensors(path, tensors, {"split": json.dumps(description)})


def load_split(path: str | Path) -> Images:
    """The split that :func:`save_split` wrote."""
    tensors, metadata = load_tensors(path)
    if not {"images", "labels"} <= tensors.keys() or "split" not in metadata:
        raise InputError(f"{path}: not a split of a data set (no images, labels or description); make it again")
    description = json.loads(metadata["split"])
    return Images(
        tensors["images"],
        tensors["labels"],
        tensors.get("superclasses"),
        description["class_names"],
        tuple(description["mean"]),
        tuple(description["std"]),
    )
