"""A folder of pictures as a data set: which pictures it holds, of which class, for training or for the test; and one
picture as an array.

Either ``<folder>/train/<class>/*`` and ``<folder>/test/<class>/*``, or ``<folder>/<class>/*`` with test pictures drawn from
every class. A listing looks at names of files only and imports neither torch nor Pillow, so that the plan of a run says what
cannot work before anything starts.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, some
from ..files import refusals_of
from ..seeds import derive_seed
from .catalog import SPLITS, DataSet

if TYPE_CHECKING:
    import numpy as np

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
# Pillow tries these decoders and no others, whatever a file is called: some of its formats start other programs
FORMATS = ("BMP", "JPEG", "PNG", "WEBP")
LITTER = ("desktop.ini", "thumbs.db")  # what file managers leave; hidden files are passed over as well


_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # control characters, and bytes that are not UTF-8
Found = dict[str, list[str]]  # class -> paths of its pictures


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder: names of the classes, sorted, and for each split (path, number of the class), sorted."""

    class_names: tuple[str, ...]
    pictures: Mapping[str, tuple[tuple[str, int], ...]]


def listing(dataset: DataSet, data_root: str | Path) -> Listing:
    """What lies in a folder of pictures.

    Raises :class:`InputError`, one line with the folder or file and the remedy: no such folder, no pictures, fewer than two
    classes, another number of them than the config says, a class that one split lacks, a file or folder that has no place
    there.
    """
    folder = Path(data_root) / dataset.folder
    with refusals_of(folder, "read"):
        return _listing(dataset, folder)


def _listing(dataset: DataSet, folder: Path) -> Listing:
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; datasets.{dataset.name}.folder is looked for under data_root unless it begins with /"
        )
    if dataset.test_fraction is None:
        found = {split: _by_class(_split_folder(dataset, folder, split)) for split in SPLITS}
    else:
        found = _drawn(dataset, folder)
    names = {split: {name for name, files in found[split].items() if files} for split in SPLITS}
    for split, other in (("train", "test"), ("test", "train")):
        missing = sorted(names[split] - names[other])
        if missing:
            where = folder / dataset.files[other][0]
            raise InputError(
                f"{where}: no pictures of class {some(missing)}, which {split} has; add some or take it out"
            )
    classes = tuple(sorted(names["train"]))
    if len(classes) < 2:
        held = f"only class {classes[0]}" if classes else "no pictures in folders of classes"
        raise InputError(f"{folder}: {held}; needs two or more folders of {', '.join(ENDINGS)} files, named by class")
    if dataset.num_classes not in (None, len(classes)):
        raise InputError(
            f"{folder}: {len(classes)} classes, but datasets.{dataset.name}.classes is {dataset.num_classes}; correct one"
        )
    numbers = {name: number for number, name in enumerate(classes)}
    pictures = {
        split: tuple((path, numbers[name]) for name in classes for path in found[split][name]) for split in SPLITS
    }
    return Listing(classes, pictures)


def digest(found: Listing) -> str:
    """SHA-256 that changes when a picture comes, goes, moves or changes its size in bytes; not when files are touched or
    the whole folder is copied. A picture that is gone since the listing was made has no size.
    """
    hashed = hashlib.sha256()
    for split, pictures in found.pictures.items():
        for path, label in pictures:
            size = os.path.getsize(path) if os.path.exists(path) else None
            line = f"{split}/{found.class_names[label]}/{os.path.basename(path)} {size}\n"
            hashed.update(line.encode())
    return hashed.hexdigest()


def _split_folder(dataset: DataSet, folder: Path, split: str) -> Path:
    place = folder / dataset.files[split][0]
    if not place.is_dir():
        raise InputError(
            f"{place}: no such folder; name it in datasets.{dataset.name}.{split}, or set test_fraction to draw test pictures "
            f"from the classes in {folder}"
        )
    return place


def _by_class(folder: Path) -> Found:
    """The pictures of every class, sorted; classes may be empty."""
    found = {}
    for entry in _entries(folder):
        if entry.is_dir():
            found[entry.name] = [_picture(file) for file in _entries(entry.path)]
        elif entry.name.lower().endswith(ENDINGS):
            raise InputError(
                f"{entry.path}: a picture in no class; move it into the folder of its class, or out of {folder}"
            )
    return found


def _entries(folder: str | Path) -> list[os.DirEntry]:
    """What lies in a folder, sorted, without hidden files and what file managers leave."""
    with os.scandir(folder) as entries:
        kept = [entry for entry in entries if entry.name[0] != "." and entry.name.lower() not in LITTER]
    for entry in kept:
        if _UNSPEAKABLE.search(entry.name):
            raise InputError(f"{folder}: the name {entry.name!r} has characters that no text can show; rename it")
    return sorted(kept, key=lambda entry: entry.name)


def _picture(entry: os.DirEntry) -> str:
    if entry.is_file() and entry.name.lower().endswith(ENDINGS):
        return entry.path
    what = "a folder within the folder of a class" if entry.is_dir() else f"not a file of {', '.join(ENDINGS)}"
    raise InputError(f"{entry.path}: {what}; only pictures lie in the folder of a class: move it away")


def _drawn(dataset: DataSet, folder: Path) -> dict[str, Found]:
    """Both splits of ``<folder>/<class>/*``: ``test_fraction`` of each class, rounded, are test pictures.

    Which ones follows from the name of the data set and the picture's own, so a picture more moves at most one other.
    """
    if all((folder / split).is_dir() for split in SPLITS):
        raise InputError(
            f"{folder}: holds train/ and test/, and datasets.{dataset.name}.test_fraction would draw the test pictures anew; "
            "leave it out"
        )
    found: dict[str, Found] = {split: {} for split in SPLITS}
    for name, files in _by_class(folder).items():
        count = round(dataset.test_fraction * len(files))
        if files and count in (0, len(files)):
            raise InputError(
                f"{folder / name}: {len(files)} pictures, of which test_fraction {dataset.test_fraction:g} leaves none for "
                f"{'training' if count else 'the test'}; add pictures or change it"
            )
        ranked = sorted(files, key=lambda path: derive_seed("test picture", dataset.name, name, os.path.basename(path)))
        found["test"][name], found["train"][name] = sorted(ranked[:count]), sorted(ranked[count:])
    return found


def decode(path: str | Path, size: int, channels: int) -> "np.ndarray":
    """One picture as uint8 ``(size, size, channels)``; ``channels`` is 1 (gray, ITU-R BT.601) or 3 (RGB).

    It is turned as its EXIF tag says, transparent parts become white, and of a picture of another shape the middle square is
    resized (bilinear, antialiased). Of an animation it is the first picture. Raises :class:`InputError` for a file that is
    not a whole picture in one of ``FORMATS``, or a gray one with more than 8 bits a pixel, which would be cut off.
    """
    import numpy as np
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.mode[0] in "IF":
                raise InputError(f"{path}: more than 8 bits a pixel (mode {image.mode}); save it with 8")
            image = ImageOps.exif_transpose(image)
            if image.has_transparency_data:
                white = Image.new("RGBA", image.size, "white")
                white.alpha_composite(image.convert("RGBA"))
                image = white
            image = image.convert("L" if channels == 1 else "RGB")
            if image.size != (size, size):
                image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
            return np.asarray(image).reshape(size, size, channels)
    except InputError:
        raise
    except Exception as error:  # Pillow raises many kinds for a damaged picture (OSError, SyntaxError, struct.error)
        detail = " ".join(str(error).replace(str(path), os.path.basename(path)).split()) or type(error).__name__
        raise InputError(
            f"{path}: not a whole picture ({detail}); take it out or put a whole one in its place"
        ) from error
