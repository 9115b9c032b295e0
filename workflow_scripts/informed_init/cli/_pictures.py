"""The pictures that ``--images`` names, as subcommands look at them."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
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
