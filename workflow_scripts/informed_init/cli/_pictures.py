"""The pictures that ``--images`` names, as subcommands look at them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from ..tasks.pictures import Listing

TEST_FRACTION = 0.2  # of each class, where no test pictures are given


def listed(images: Path, dataset: str, size: int, grayscale: bool = False) -> tuple[dict, "Listing"]:
    """The section that a config has for a folder of pictures, and what lies in it: ``train/CLASS/`` and ``test/CLASS/``, or
    ``CLASS/``, of which a part is then drawn for the test.

    Raises:
        InputError: there is no such folder, or it does not hold two classes of pictures; one line.
    """
    from ..tasks import catalog, pictures

    if not images.is_dir():
        what = "a file, not a folder" if images.exists() else "no such folder"
        raise InputError(f"--images: {images}: {what}; name one that holds CLASS/, or train/CLASS/ and test/CLASS/")
    parts = [name for name in ("train", "test") if (images / name).is_dir()]
    if len(parts) == 1:
        other = {"train": "test", "test": "train"}[parts[0]]
        raise InputError(
            f"--images: {images}: holds {parts[0]}/ but no {other}/; add it, or name {images / parts[0]}, of whose "
            "pictures a part is then drawn for the test"
        )
    drawn = {} if parts else {"test_fraction": TEST_FRACTION}
    section = {"folder": str(images.resolve()), "size": size, **drawn}
    if grayscale:
        section["grayscale"] = True
    return section, pictures.listing(catalog.own(dataset, section), ".")


def as_seen(every: Sequence[tuple[str, int]], most: int, size: int, channels: int) -> "tuple[Tensor, Tensor]":
    """At most ``most`` of the pictures, spread over all, as a network sees them: ``(n, channels, size, size)``, each channel
    with mean 0 and standard deviation 1, and their labels."""
    import torch

    from ..tasks.pictures import decode

    chosen = every[:: max(1, -(-len(every) // most))]
    images = torch.stack([torch.from_numpy(decode(path, size, channels).copy()) for path, _ in chosen])
    images = images.permute(0, 3, 1, 2).float() / 255
    mean, std = images.mean((0, 2, 3), keepdim=True), images.std((0, 2, 3), keepdim=True)
    return (images - mean) / std.clamp(min=1e-6), torch.tensor([number for _, number in chosen])
