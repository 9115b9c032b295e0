"""Data sets on disk -> uint8 tensors; every file is checked before it is used."""

import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, some
from ..files import refusals_of
from .catalog import SPLITS, DataSet, get
from .images import Images
from .pickles import read_batch
from .pictures import Listing, decode, listing


def read(dataset: str | DataSet, data_root: str | Path, split: str) -> Images:
    """Read one split (``train`` or ``test``; Tiny ImageNet's ``val`` is its test split) of a data set under
    ``data_root``.

    Files that have an official checksum must match it; the others are checked by shape and per-class counts.
    Raises :class:`InputError` naming the file, what is wrong with it and the remedy.
    """
    dataset = get(dataset)
    if split not in SPLITS:
        raise InputError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
    if dataset.layout == "pictures":
        return read_pictures(dataset, data_root)[split]
    layout = {"cifar": _read_cifar, "idx": _read_idx_pair, "folders": _read_folders}[dataset.layout]
    with refusals_of(Path(data_root) / dataset.folder, "read"):
        return layout(dataset, _folder(dataset, data_root), split)


def verify(dataset: str | DataSet, data_root: str | Path) -> None:
    """Check every file of a data set; raises :class:`InputError` for the first one that cannot be used.

    Official checksums where all files have them, else both splits are read (shapes, labels, per-class
    counts). Of a folder data set the folders, counts and annotations are checked here and each image when it
    is read.
    """
    dataset = get(dataset)
    if dataset.layout == "pictures":
        listing(dataset, data_root)
        return
    folder = _folder(dataset, data_root)
    if dataset.layout == "folders":
        for split in SPLITS:
            _folder_entries(dataset, folder, split)
    elif dataset.md5:
        for file in (file for files in dataset.files.values() for file in files):
            _checked_bytes(dataset, folder, file)
    else:
        for split in SPLITS:
            read(dataset, data_root, split)


def _remedy(dataset: DataSet) -> str:
    return f"delete it and get data set {dataset.name} again"


def _folder(dataset: DataSet, data_root: str | Path) -> Path:
    folder = Path(data_root) / dataset.folder
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; point data_root at the data sets or get data set {dataset.name} first"
        )
    return folder


def _checked_bytes(dataset: DataSet, folder: Path, file: str) -> bytes:
    """The content of a file, compared with its official checksum if it has one."""
    path = folder / file
    if not path.is_file():
        raise InputError(f"{path}: file missing; get data set {dataset.name} again")
    content = path.read_bytes()
    if file in dataset.md5:
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != dataset.md5[file]:
            raise InputError(
                f"{path}: md5 {found} ({len(content):,} bytes), but the official file's is "
                f"{dataset.md5[file]}: truncated or altered; {_remedy(dataset)}"
            )
    return content


def _check_labels(dataset: DataSet, path: Path, labels: Sequence[int], num_classes: int, images: int) -> Tensor:
    """Labels as int64 ``(n,)``: as many as images, all within the classes, every class with images."""
    try:
        labels = torch.from_numpy(np.array(labels, dtype=np.int64))
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{path}: labels are not whole numbers ({error}); {_remedy(dataset)}") from error
    if len(labels) != images:
        raise InputError(f"{path}: {images} images but {len(labels)} labels; {_remedy(dataset)}")
    if images == 0 or labels.min() < 0 or labels.max() >= num_classes:
        span = f"{labels.min()}..{labels.max()}" if images else "none"
        raise InputError(f"{path}: labels {span}, expected 0..{num_classes - 1}; {_remedy(dataset)}")
    empty = (torch.bincount(labels, minlength=num_classes) == 0).nonzero().flatten().tolist()
    if empty:
        raise InputError(f"{path}: no images of class {some(empty)}; {_remedy(dataset)}")
    return labels


# --- CIFAR's python format ---------------------------------------------------------------------------------


def _read_cifar(dataset: DataSet, folder: Path, split: str) -> Images:
    (meta_file,) = dataset.files["meta"]
    meta = read_batch(_checked_bytes(dataset, folder, meta_file), folder / meta_file)
    class_names = meta.get("fine_label_names", meta.get("label_names"))
    coarse_names = meta.get("coarse_label_names", [])
    if not isinstance(class_names, list) or len(class_names) != dataset.num_classes:
        raise InputError(f"{folder / meta_file}: not {dataset.num_classes} class names; {_remedy(dataset)}")
    shape = (dataset.channels, dataset.image_size, dataset.image_size)
    images, labels, superclasses = [], [], []  # superclasses stay empty for CIFAR-10
    for file in dataset.files[split]:
        batch = read_batch(_checked_bytes(dataset, folder, file), folder / file)
        data = batch.get("data")
        if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != np.prod(shape):
            found = getattr(data, "shape", "nothing")
            raise InputError(
                f"{folder / file}: image data of shape {found}, expected (n, {np.prod(shape)}); {_remedy(dataset)}"
            )
        if not isinstance(fine := batch.get("fine_labels", batch.get("labels")), list):
            raise InputError(f"{folder / file}: no labels; {_remedy(dataset)}")
        images.append(data)
        labels += fine
        if coarse_names:
            superclasses += batch.get("coarse_labels", [])
    last = folder / dataset.files[split][-1]
    pixels = torch.from_numpy(np.concatenate(images)).reshape(-1, *shape)
    checked = _check_labels(dataset, last, labels, dataset.num_classes, len(pixels))
    coarse = None
    if coarse_names:
        coarse = _check_labels(dataset, last, superclasses, len(coarse_names), len(pixels))
    return Images(pixels, checked, coarse, class_names, dataset.mean, dataset.std)


# --- MNIST's idx format ------------------------------------------------------------------------------------


def parse_idx(content: bytes, path: str | Path) -> np.ndarray:
    """The uint8 array in an idx file: bytes 0, 0, type 8, number of axes; each axis as big-endian uint32; the
    values.
    """
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise InputError(f"{path}: not an idx file of unsigned bytes; delete it and get it again")
    shape = struct.unpack(f">{content[3]}I", content[4 : 4 + 4 * content[3]])
    values = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * content[3])
    expected = int(np.prod(shape, dtype=object))
    if len(values) != expected:
        raise InputError(
            f"{path}: {len(values):,} values where its header says {expected:,}: truncated or altered; "
            "delete it and get it again"
        )
    return values.reshape(shape)


def _read_idx_pair(dataset: DataSet, folder: Path, split: str) -> Images:
    image_file, label_file = dataset.files[split]
    images = parse_idx(_checked_bytes(dataset, folder, image_file), folder / image_file)
    labels = parse_idx(_checked_bytes(dataset, folder, label_file), folder / label_file)
    if images.shape[1:] != (dataset.image_size, dataset.image_size):
        raise InputError(f"{folder / image_file}: images of shape {images.shape[1:]}; {_remedy(dataset)}")
    checked = _check_labels(dataset, folder / label_file, labels, dataset.num_classes, len(images))
    pixels = torch.from_numpy(images.copy()).unsqueeze(1)
    return Images(pixels, checked, None, list(dataset.class_names), dataset.mean, dataset.std)


# --- Tiny ImageNet's folders -------------------------------------------------------------------------------


def _read_folders(dataset: DataSet, folder: Path, split: str) -> Images:
    from PIL import Image  # imported here: only this layout needs it

    class_names, paths, labels = _folder_entries(dataset, folder, split)
    size = (dataset.image_size, dataset.image_size)
    pixels = np.empty((len(paths), *size, 3), dtype=np.uint8)
    for row, path in enumerate(paths):
        try:
            # no other decoder: Pillow would take an EPS file of that name to Ghostscript
            with Image.open(path, formats=("JPEG",)) as image:
                if image.size != size:
                    raise InputError(f"{path}: {image.size[0]}x{image.size[1]} pixels, expected {size[0]}x{size[1]}")
                pixels[row] = np.asarray(image.convert("RGB"))  # some images of Tiny ImageNet are grey
        except InputError:
            raise
        except Exception as error:  # Pillow raises many kinds for a damaged image (OSError, SyntaxError, struct.error)
            raise InputError(f"{path}: not a whole image ({error}); {_remedy(dataset)}") from error
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    numbers = torch.tensor(labels, dtype=torch.int64)
    return Images(images, numbers, None, class_names, dataset.mean, dataset.std)


def _folder_entries(dataset: DataSet, folder: Path, split: str) -> tuple[list[str], list[Path], list[int]]:
    """Class names (sorted), and for each image of a split its path and label, in a fixed order."""
    class_names = _class_names(dataset, folder)
    if split == "train":
        images = {name: sorted((folder / "train" / name / "images").glob("*.JPEG")) for name in class_names}
        entries = [(path, name) for name in class_names for path in images[name]]
    else:
        entries = _annotated_images(dataset, folder / "val", set(class_names))
    index = {name: number for number, name in enumerate(class_names)}
    labels = [index[name] for _, name in entries]
    empty = sorted(set(class_names) - {name for _, name in entries})
    if empty:
        where = folder / ("train" if split == "train" else "val")
        raise InputError(f"{where}: no images of class {some(empty)}; get data set {dataset.name} again")
    return class_names, [path for path, _ in entries], labels


def _class_names(dataset: DataSet, folder: Path) -> list[str]:
    listed = folder / "wnids.txt"
    if not listed.is_file():
        raise InputError(f"{listed}: file missing; get data set {dataset.name} again")
    names = sorted(set(listed.read_text().split()))
    if not names or (dataset.num_classes is not None and len(names) != dataset.num_classes):
        raise InputError(
            f"{listed}: {len(names)} classes, expected {dataset.num_classes or 'some'}; "
            f"get data set {dataset.name} again"
        )
    return names


def _annotated_images(dataset: DataSet, folder: Path, known: set[str]) -> list[tuple[Path, str]]:
    """``val/val_annotations.txt``: a line per image, its file name and class first, separated by tabs."""
    listed = folder / "val_annotations.txt"
    if not listed.is_file():
        raise InputError(f"{listed}: file missing; get data set {dataset.name} again")
    classes: dict[str, str] = {}
    for number, line in enumerate(listed.read_text().splitlines(), 1):
        fields = line.split("\t")
        if len(fields) < 2 or fields[1] not in known or fields[0] in classes:
            raise InputError(
                f"{listed}: line {number} is not a new image's name and a class of wnids.txt; {_remedy(dataset)}"
            )
        classes[fields[0]] = fields[1]
    present = {path.name for path in (folder / "images").glob("*.JPEG")}
    absent, unlisted = sorted(classes.keys() - present), sorted(present - classes.keys())
    if absent or unlisted:
        problems = [f"annotations without an image: {some(absent)}"] if absent else []
        problems += [f"images without an annotation: {some(unlisted)}"] if unlisted else []
        raise InputError(f"{folder}: {'; '.join(problems)}; get data set {dataset.name} again")
    return [(folder / "images" / name, classes[name]) for name in sorted(classes)]


# --- somebody's own folder of pictures -----------------------------------------------------------------------


def read_pictures(dataset: DataSet, data_root: str | Path) -> dict[str, Images]:
    """Both splits of a folder of pictures; ``mean`` and ``std`` are those of the training images, of each channel.

    Raises :class:`InputError` naming the folder or the picture, what is wrong with it and the remedy.
    """
    found = listing(dataset, data_root)
    pixels = {split: _decoded(dataset, found, split) for split in SPLITS}
    mean, std = _statistics(pixels["train"])
    if min(std) == 0:
        raise InputError(f"{Path(data_root) / dataset.folder}: all training pictures are of one color; use others")
    labels = {split: torch.tensor([label for _, label in found.pictures[split]]) for split in SPLITS}
    names = list(found.class_names)
    return {split: Images(pixels[split], labels[split], None, names, mean, std) for split in SPLITS}


def _decoded(dataset: DataSet, found: Listing, split: str) -> Tensor:
    """uint8 ``(n, c, size, size)``, in the listing's order."""
    shape = (len(found.pictures[split]), dataset.channels, dataset.image_size, dataset.image_size)
    pixels = np.empty(shape, dtype=np.uint8)
    for row, (path, _) in enumerate(found.pictures[split]):
        pixels[row] = decode(path, dataset.image_size, dataset.channels).transpose(2, 0, 1)
    return torch.from_numpy(pixels)


def _statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, of pixel values scaled to [0, 1]; exact sums, whatever the order."""
    values = torch.arange(256, dtype=torch.float64) / 255
    means, deviations = [], []
    for channel in range(images.shape[1]):
        parts = (torch.bincount(part[:, channel].flatten(), minlength=256) for part in images.split(4096))
        share = sum(parts).double() / images[:, channel].numel()
        mean = float((share * values).sum())
        means.append(mean)
        deviations.append(float((share * (values - mean) ** 2).sum().sqrt()))
    return tuple(means), tuple(deviations)
