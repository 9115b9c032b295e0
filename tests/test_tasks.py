"""Data sets on disk -> tasks: what is read is what was written; what cannot be used is refused by name."""

import hashlib
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as v2
import yaml
from informed_init.errors import InputError
from informed_init.files import save_tensors
from informed_init.plan import tasks as plan_tasks
from informed_init.plan.checks import check_config
from informed_init.seeds import generator
from informed_init.tasks import catalog, procedural, subsets
from informed_init.tasks.images import Images, load_split, save_split
from informed_init.tasks.readers import parse_idx, read, verify
from PIL import Image
from repository import MINIATURE, ROOT

# CIFAR-100 made small: 6 classes in 2 superclasses, no official checksums
SMALL_CIFAR = replace(catalog.get("cifar100"), num_classes=6, md5={})
SMALL_IDX = replace(catalog.get("mnist"), num_classes=2, class_names=("even", "odd"), md5={})
SMALL_TINY = replace(catalog.get("tinyimagenet"), num_classes=3)


def cifar_content(per_class: int = 2, seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    fine = rng.permutation(np.repeat(np.arange(6), per_class))
    return {
        "filenames": [f"image_{i}.png" for i in range(len(fine))],
        "fine_labels": fine.tolist(),
        "coarse_labels": (fine % 2).tolist(),
        "data": rng.integers(0, 256, (len(fine), 3072), dtype=np.uint8),
    }


def write_cifar(root: Path, train: dict, protocol: int = 2) -> Path:
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    meta = {"fine_label_names": list("abcdef"), "coarse_label_names": ["left", "right"]}
    for name, content in (("train", train), ("test", cifar_content(1, seed=1)), ("meta", meta)):
        (folder / name).write_bytes(pickle.dumps(content, protocol=protocol))
    return folder


def write_tiny(root: Path, classes=("n03", "n01", "n02")) -> Path:
    """Three classes listed out of order, two training images and one validation image each; the first is
    grey.
    """
    folder = root / "tiny-imagenet-200"
    (folder / "val" / "images").mkdir(parents=True)
    (folder / "wnids.txt").write_text("\n".join(classes) + "\n")
    lines = []
    for number, name in enumerate(classes):
        images = folder / "train" / name / "images"
        images.mkdir(parents=True)
        color = (40 + 60 * number, 200, 90)
        Image.new("RGB", (64, 64), color).save(images / f"{name}_0.JPEG", quality=95)
        Image.new("L", (64, 64), 40 + 60 * number).save(images / f"{name}_1.JPEG", quality=95)
        Image.new("RGB", (64, 64), color).save(folder / "val" / "images" / f"val_{number}.JPEG", quality=95)
        lines.append(f"val_{number}.JPEG\t{name}\t0\t0\t63\t63\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    return folder


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim])
    return header + b"".join(size.to_bytes(4, "big") for size in array.shape) + array.tobytes()


# --- CIFAR's python format -----------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(5))
def test_a_cifar_file_is_read_byte_for_byte(tmp_path, protocol):
    content = cifar_content(per_class=3)
    write_cifar(tmp_path, content, protocol)
    images = read(SMALL_CIFAR, tmp_path, "train")
    assert images.images.shape == (18, 3, 32, 32) and images.images.dtype == torch.uint8
    assert images.images.numpy().tobytes() == content["data"].tobytes()
    assert images.labels.tolist() == content["fine_labels"]
    assert images.superclasses.tolist() == content["coarse_labels"]
    assert images.class_names == list("abcdef")


def test_a_file_as_python_2_wrote_it_is_read(tmp_path):
    """The official files: keys and data as Python 2 strings (opcodes U and T), the array named numpy.core."""
    folder = write_cifar(tmp_path, cifar_content())
    pixels = bytes(np.random.default_rng(5).integers(0, 256, 6 * 3072, dtype=np.uint8))

    def short(text: bytes) -> bytes:
        return b"U" + bytes([len(text)]) + text

    def numbers(values) -> bytes:
        return b"](" + b"".join(b"K" + bytes([value]) for value in values) + b"e"

    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + short(b"b") + b"tR"
    dtype = (
        b"cnumpy\ndtype\n("
        + short(b"u1")
        + b"K\x00K\x01tR(K\x03"
        + short(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    state = b"(K\x01(K\x06M\x00\x0ct" + dtype + b"\x89T" + len(pixels).to_bytes(4, "little") + pixels + b"tb"
    items = short(b"data") + array + state
    items += short(b"fine_labels") + numbers(range(6)) + short(b"coarse_labels") + numbers([0, 1] * 3)
    (folder / "train").write_bytes(b"\x80\x02}(" + items + b"u.")

    images = read(SMALL_CIFAR, tmp_path, "train")
    assert images.images.numpy().tobytes() == pixels
    assert images.labels.tolist() == list(range(6)) and images.superclasses.tolist() == [0, 1] * 3


class Touches:
    """Unpickled the ordinary way, this makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(5))
def test_a_pickle_that_would_run_something_is_refused_without_running_it(tmp_path, protocol):
    planted = tmp_path / "planted"
    folder = write_cifar(tmp_path, cifar_content() | {"data": Touches(planted)}, protocol)
    with pytest.raises(InputError, match="mkdir") as error:
        read(SMALL_CIFAR, tmp_path, "train")
    assert str(folder / "train") in str(error.value)
    assert not planted.exists()


@pytest.mark.parametrize(
    ("stream", "named"),
    [
        (b"cbuiltins\neval\n(Vprint(1)\ntR.", "builtins.eval"),
        (b"cnumpy\nload\n(Vx\ntR.", "numpy.load"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.dumps\x93.", "ndarray.dumps"),  # a name within an allowed one
        (
            b"cnumpy\nndarray\n}Vx\nVy\nsb.",
            "a state given to a name",
        ),  # setting attributes on the allowed name
    ],
)
def test_other_names_and_states_in_a_pickle_are_refused(tmp_path, stream, named):
    folder = write_cifar(tmp_path, cifar_content())
    (folder / "test").write_bytes(stream)
    with pytest.raises(InputError, match=named):
        read(SMALL_CIFAR, tmp_path, "test")


@pytest.mark.parametrize("kept", [0, 1, 40, 500, 0.5, 0.999])
def test_a_truncated_cifar_file_names_itself(tmp_path, kept):
    folder = write_cifar(tmp_path, cifar_content())
    whole = (folder / "train").read_bytes()
    (folder / "train").write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    with pytest.raises(InputError, match="not a whole CIFAR python-format file") as error:
        verify(SMALL_CIFAR, tmp_path)
    assert str(folder / "train") in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fine_labels": [0, 1]}, "12 images but 2 labels"),
        ({"fine_labels": [0, 1, 2, 3, 4, 6] * 2}, r"labels 0\.\.6, expected 0\.\.5"),
        ({"fine_labels": [0, 1, 2, 4] * 3}, "no images of class 3, 5"),
        ({"fine_labels": ["a"] * 12}, "labels are not whole numbers"),
        ({"coarse_labels": [0] * 12}, "no images of class 1"),
        ({"data": np.zeros((12, 3071), np.uint8)}, "image data of shape"),
        ({"data": np.zeros((12, 3072), np.float32)}, "only uint8"),
        ({"data": None}, "image data of shape nothing"),
    ],
)
def test_a_cifar_file_with_the_wrong_content_is_refused(tmp_path, change, message):
    write_cifar(tmp_path, cifar_content() | change)
    with pytest.raises(InputError, match=message):
        read(SMALL_CIFAR, tmp_path, "train")


# --- official checksums, folders, names ----------------------------------------------------------


@pytest.mark.parametrize("name", ["cifar100", "cifar10", "mnist", "fashionmnist"])
def test_files_other_than_the_official_ones_are_refused_with_both_checksums(tmp_path, name):
    dataset = catalog.get(name)
    folder = tmp_path / dataset.folder
    folder.mkdir(parents=True)
    for file in dataset.md5:
        (folder / file).write_bytes(b"something else")
    found = hashlib.md5(b"something else").hexdigest()
    for use in (lambda: verify(name, tmp_path), lambda: read(name, tmp_path, "test")):
        with pytest.raises(InputError, match=found) as error:
            use()
        assert any(official in str(error.value) for official in dataset.md5.values())


@pytest.mark.slow  # importing torchvision
def test_checksums_of_the_catalog_are_the_ones_torchvision_publishes():
    datasets = pytest.importorskip("torchvision.datasets")
    for ours, theirs in (("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)):
        entry = catalog.get(ours)
        published = dict(theirs.train_list + theirs.test_list) | {theirs.meta["filename"]: theirs.meta["md5"]}
        assert dict(entry.md5) == published
        assert [(a.file, a.md5) for a in entry.archives] == [(theirs.filename, theirs.tgz_md5)]
        assert entry.folder == theirs.base_folder
        assert entry.archives[0].addresses[0] + entry.archives[0].file == theirs.url
    for ours, theirs in (("mnist", datasets.MNIST), ("fashionmnist", datasets.FashionMNIST)):
        archives = catalog.get(ours).archives
        assert [(a.file, a.md5) for a in archives] == theirs.resources
        assert list(archives[0].addresses) == theirs.mirrors
    assert list(catalog.get("fashionmnist").class_names) == datasets.FashionMNIST.classes


def test_missing_data_and_unknown_names_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match="cifar-100-python: no such folder; point data_root"):
        read("cifar100", tmp_path, "train")
    with pytest.raises(InputError, match=r"unknown data set 'cifar1000'; known: cifar100, "):
        read("cifar1000", tmp_path, "train")
    write_cifar(tmp_path, cifar_content())
    with pytest.raises(InputError, match="unknown split 'val'"):
        read(SMALL_CIFAR, tmp_path, "val")
    (tmp_path / "cifar-100-python" / "meta").unlink()
    with pytest.raises(InputError, match="meta: file missing"):
        verify(SMALL_CIFAR, tmp_path)


# --- MNIST's files -------------------------------------------------------------------------------


def write_idx(root: Path, pixels: np.ndarray, labels: np.ndarray) -> Path:
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for split in ("train", "t10k"):
        (folder / f"{split}-images-idx3-ubyte").write_bytes(idx(pixels))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx(labels))
    return folder


def test_idx_files_are_read_byte_for_byte_and_wrong_ones_named(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 28, 28), dtype=np.uint8)
    folder = write_idx(tmp_path, pixels, np.array([1, 0, 0, 1], np.uint8))
    images = read(SMALL_IDX, tmp_path, "test")
    assert images.images.shape == (4, 1, 28, 28)
    assert images.images.numpy().tobytes() == pixels.tobytes()
    assert images.labels.tolist() == [1, 0, 0, 1]
    assert images.superclasses is None and images.class_names == ["even", "odd"]

    file = folder / "train-images-idx3-ubyte"
    for content, message in (
        (idx(pixels)[:-1], "truncated"),
        (idx(pixels) + b"\0", "truncated or altered"),
        (b"\x1f\x8b" + idx(pixels), "not an idx file"),  # still compressed
        (b"\0\0\x08\x03\0\0", "not an idx file"),
        (b"", "not an idx file"),
    ):
        file.write_bytes(content)
        with pytest.raises(InputError, match=message) as error:
            verify(SMALL_IDX, tmp_path)
        assert str(file) in str(error.value)


def test_idx_header_that_claims_too_much_is_refused():
    huge = bytes([0, 0, 8, 3]) + b"\xff" * 12  # 2^96 values: the product must not wrap around
    with pytest.raises(InputError, match="truncated"):
        parse_idx(huge, "huge")


def test_idx_images_and_labels_must_match(tmp_path):
    write_idx(tmp_path, np.zeros((3, 28, 28), np.uint8), np.array([0, 1], np.uint8))
    with pytest.raises(InputError, match="3 images but 2 labels"):
        read(SMALL_IDX, tmp_path, "train")


# --- Tiny ImageNet's folders ---------------------------------------------------------------------


def test_tiny_imagenet_folders_are_read_in_sorted_class_order_and_grey_becomes_rgb(tmp_path):
    write_tiny(tmp_path)
    verify(SMALL_TINY, tmp_path)
    train, test = (read(SMALL_TINY, tmp_path, split) for split in ("train", "test"))
    assert train.class_names == test.class_names == ["n01", "n02", "n03"]
    assert train.images.shape == (6, 3, 64, 64) and train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    # the planted red values 40, 100, 160 belong to n03, n01, n02
    red = train.images[:, 0].float().mean((1, 2)).round()
    assert torch.allclose(red, torch.tensor([100.0, 100, 160, 160, 40, 40]), atol=2)
    grey = train.images[1::2]
    assert torch.equal(grey[:, 0], grey[:, 1]) and torch.equal(grey[:, 0], grey[:, 2])
    assert test.labels.tolist() == [2, 0, 1] and test.superclasses is None


def test_tiny_imagenet_problems_are_named(tmp_path):
    folder = write_tiny(tmp_path)
    for path in (folder / "train" / "n02" / "images").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"train: no images of class n02; get data set tinyimagenet again"):
        verify(SMALL_TINY, tmp_path)

    folder = write_tiny(tmp_path / "b")
    (folder / "val" / "images" / "val_1.JPEG").rename(folder / "val" / "images" / "val_9.JPEG")
    with pytest.raises(InputError) as error:
        verify(SMALL_TINY, tmp_path / "b")
    assert "annotations without an image: val_1.JPEG" in str(error.value)
    assert "images without an annotation: val_9.JPEG" in str(error.value)

    folder = write_tiny(tmp_path / "c")
    with (folder / "val" / "val_annotations.txt").open("a") as file:
        file.write("val_0.JPEG\tn77\t0\t0\t0\t0\n")
    with pytest.raises(InputError, match=r"val_annotations.txt: line 4"):
        verify(SMALL_TINY, tmp_path / "c")

    write_tiny(tmp_path / "d", classes=("n01", "n02"))
    with pytest.raises(InputError, match=r"wnids.txt: 2 classes, expected 3"):
        verify(SMALL_TINY, tmp_path / "d")


def test_an_image_is_opened_as_what_it_should_be_whatever_else_pillow_knows(tmp_path, monkeypatch):
    path = write_tiny(tmp_path) / "train" / "n01" / "images" / "n01_0.JPEG"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("taken to Ghostscript"))
    with pytest.raises(InputError, match=r"n01_0.JPEG: not a whole image \(cannot identify image file"):
        read(SMALL_TINY, tmp_path, "train")


@pytest.mark.parametrize("damage", ["cut", "text", "size"])
def test_a_damaged_or_wrong_image_names_itself(tmp_path, damage):
    path = write_tiny(tmp_path) / "train" / "n01" / "images" / "n01_0.JPEG"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage == "text":
        path.write_bytes(b"not an image")
    else:
        Image.new("RGB", (32, 32)).save(path)
    with pytest.raises(InputError) as error:
        read(SMALL_TINY, tmp_path, "train")
    assert str(path) in str(error.value)


# --- the procedural set --------------------------------------------------------------------------


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["procedural", "procedural64"])
def test_the_procedural_set_is_a_function_of_its_seed(tmp_path, name):
    first = digest(procedural.write(tmp_path / "a", name, 3, 2, 1))
    assert digest(procedural.write(tmp_path / "b", name, 3, 2, 1)) == first
    other = digest(procedural.write(tmp_path / "a", name, 4, 2, 1))  # replaces the first one
    same = {file for file in first if first[file] == other[file]}
    assert other.keys() == first.keys() and same <= {
        "meta",
        "wnids.txt",
        "words.txt",
        "val/val_annotations.txt",
    }
    assert [path.name for path in (tmp_path / "a").iterdir()] == [catalog.get(name).folder]


def test_the_procedural_set_has_the_shape_of_cifar100(tmp_path):
    procedural.write(tmp_path, "procedural", 0, 3, 2)
    verify("procedural", tmp_path)
    for split, count in (("train", 3), ("test", 2)):
        images = read("procedural", tmp_path, split)
        assert images.images.shape == (100 * count, 3, 32, 32)
        assert torch.bincount(images.labels).tolist() == [count] * 100
        assert torch.bincount(images.superclasses).tolist() == [5 * count] * 20
        assert len(images.images.flatten(1).unique(dim=0)) == 100 * count  # no image twice
        pairs = torch.stack([images.labels, images.superclasses], 1).unique(dim=0)
        assert len(pairs) == 100  # a class belongs to one superclass
        family = {images.class_names[label].rsplit("_", 1)[0] for label in pairs[pairs[:, 1] == 0, 0].tolist()}
        assert len(family) == 1
    mean = images.images.float().div(255).mean((0, 2, 3))
    assert torch.allclose(mean, torch.tensor(images.mean), atol=0.03)


def test_procedural64_has_the_shape_of_tiny_imagenet_and_holds_grey_images(tmp_path):
    procedural.write(tmp_path, "procedural64", 0, 2, 1, classes=7)
    verify("procedural64", tmp_path)
    train, test = (read("procedural64", tmp_path, split) for split in ("train", "test"))
    assert train.images.shape == (14, 3, 64, 64) and test.images.shape == (7, 3, 64, 64)
    assert torch.bincount(train.labels).tolist() == [2] * 7 and test.labels.tolist() == list(range(7))
    grey = (train.images == train.images[:, :1]).flatten(1).all(1)
    assert grey.sum() == procedural.GREY_IMAGES


def test_procedural_variants_differ_in_more_than_noise():
    """Of two classes of a family, the mean power spectra differ by far more than between two draws of one
    class.
    """

    def spectrum(variant, seed):
        images = procedural.draw_images("rings", variant, 60, 32, np.random.default_rng(seed)).mean(1)
        images = images - images.mean((1, 2), keepdims=True)
        return np.log(np.abs(np.fft.rfft2(images)) + 1).mean(0)

    within = np.linalg.norm(spectrum(0, 1) - spectrum(0, 2))
    between = np.linalg.norm(spectrum(0, 1) - spectrum(4, 2))
    assert between > 2 * within


def test_procedural_refuses_what_it_cannot_make(tmp_path):
    with pytest.raises(InputError, match="'cifar100' is not made by code"):
        procedural.write(tmp_path, "cifar100", 0, 1, 1)
    with pytest.raises(InputError, match="at least one"):
        procedural.write(tmp_path, "procedural", 0, 1, 0)
    with pytest.raises(InputError, match="cannot have 101 classes"):
        procedural.write(tmp_path, "procedural64", 0, 1, 1, classes=101)
    assert not list(tmp_path.iterdir())


# --- splits as files -----------------------------------------------------------------------------


def planted(superclasses: bool = True, per_class: int = 3, seed: int = 0) -> Images:
    """12 classes in 4 superclasses (class mod 4); an image's every pixel is its class."""
    labels = torch.arange(12).repeat_interleave(per_class)
    labels = labels[torch.randperm(len(labels), generator=generator("test", "planted", seed))]
    return Images(
        images=labels.to(torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4).contiguous(),
        labels=labels,
        superclasses=labels % 4 if superclasses else None,
        class_names=[f"class {i} é" for i in range(12)],
        mean=(0.1, 0.2, 0.3),
        std=(0.4, 0.5, 0.6),
    )


@pytest.mark.parametrize("superclasses", [True, False])
def test_a_split_comes_back_from_its_file_as_it_was(tmp_path, superclasses):
    images = planted(superclasses)
    save_split(tmp_path / "split.safetensors", images)
    loaded = load_split(tmp_path / "split.safetensors")
    assert torch.equal(loaded.images, images.images) and torch.equal(loaded.labels, images.labels)
    assert (loaded.superclasses is None) == (not superclasses)
    assert not superclasses or torch.equal(loaded.superclasses, images.superclasses)
    assert (loaded.class_names, loaded.mean, loaded.std) == (images.class_names, images.mean, images.std)


def test_a_file_that_is_no_split_is_refused(tmp_path):
    save_tensors(tmp_path / "bank.safetensors", {"centers": torch.zeros(2)})
    with pytest.raises(InputError, match=r"bank.safetensors: not a split"):
        load_split(tmp_path / "bank.safetensors")


# --- tasks ---------------------------------------------------------------------------------------


def test_a_pair_task_numbers_its_classes_in_fine_label_order():
    task = subsets.pair_task(planted(), planted(per_class=2, seed=1), (3, 1), "pair")
    fine = [1, 3, 5, 7, 9, 11]  # the classes of superclasses 1 and 3
    assert task.num_classes == 6 and len(task.train_labels) == 18 and len(task.test_labels) == 12
    for images, labels in ((task.train_images, task.train_labels), (task.test_images, task.test_labels)):
        assert images[:, 0, 0, 0].tolist() == [fine[label] for label in labels.tolist()]
        assert labels.dtype == torch.int64 and sorted(labels.unique().tolist()) == list(range(6))
    reverse = subsets.pair_task(planted(), planted(per_class=2, seed=1), (1, 3), "pair")
    assert torch.equal(reverse.train_labels, task.train_labels)
    assert (task.name, task.mean, task.std) == ("pair", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_the_whole_task_keeps_every_image():
    task = subsets.whole_task(planted(superclasses=False), planted(superclasses=False), "all")
    assert task.num_classes == 12
    assert torch.equal(task.train_labels, planted().labels) and torch.equal(task.test_images, planted().images)


def test_tasks_that_cannot_be_are_refused():
    images = planted()
    with pytest.raises(InputError, match=r"task t: superclass 4 does not exist; the data set has 0\.\.3"):
        subsets.pair_task(images, images, (0, 4), "t")
    with pytest.raises(InputError, match="two different superclasses"):
        subsets.pair_task(images, images, (2, 2), "t")
    with pytest.raises(InputError, match="no superclasses"):
        subsets.pair_task(planted(superclasses=False), images, (0, 1), "t")

    def only(keep):
        return replace(
            images,
            images=images.images[keep],
            labels=images.labels[keep],
            superclasses=images.superclasses[keep],
        )

    with pytest.raises(InputError, match="task t: no test images"):
        subsets.pair_task(images, only(images.superclasses == 2), (0, 1), "t")
    with pytest.raises(InputError, match="not of the same classes"):
        subsets.pair_task(images, only(images.labels != 5), (0, 1), "t")
    with pytest.raises(InputError, match="no training images"):
        subsets.whole_task(only(images.labels < 0), only(images.labels < 0), "t")


def test_hold_out_takes_the_same_share_of_every_class_at_random():
    labels = torch.arange(4).repeat(25)
    train, validation = subsets.hold_out(labels, 0.2, generator("test", "hold out"))
    assert torch.bincount(labels[validation]).tolist() == [5] * 4
    assert torch.bincount(labels[train]).tolist() == [20] * 4
    assert sorted(train.tolist() + validation.tolist()) == list(range(100))
    again = subsets.hold_out(labels, 0.2, generator("test", "hold out"))[1]
    other = subsets.hold_out(labels, 0.2, generator("test", "hold out", 2))[1]
    assert torch.equal(validation, again) and not torch.equal(validation, other)


@pytest.mark.parametrize(
    ("labels", "fraction", "message"),
    [
        ([0, 1] * 5, 0.0, "above 0 and below 1"),
        ([0, 1] * 5, 1.0, "above 0 and below 1"),
        ([], 0.5, "no images"),
        ([0] * 10 + [1], 0.2, "1 images of class 1"),
    ],
)
def test_hold_out_refuses_to_empty_a_class(labels, fraction, message):
    with pytest.raises(InputError, match=message):
        subsets.hold_out(torch.tensor(labels, dtype=torch.int64), fraction, torch.Generator())


# --- the real CIFAR-100 --------------------------------------------------------------------------


@pytest.mark.slow  # importing torchvision
def test_the_real_cifar100_has_its_known_counts_and_is_what_torchvision_reads():
    root = os.environ.get("INFORMED_INIT_DATA_ROOT", "")
    if not (Path(root or ".") / "cifar-100-python").is_dir():
        pytest.skip("INFORMED_INIT_DATA_ROOT names no folder with cifar-100-python")
    torchvision_set = pytest.importorskip("torchvision.datasets").CIFAR100
    for split, count in (("train", 500), ("test", 100)):
        images = read("cifar100", root, split)
        assert torch.bincount(images.labels).tolist() == [count] * 100
        assert torch.bincount(images.superclasses).tolist() == [5 * count] * 20
        reference = torchvision_set(root, train=split == "train")
        assert np.array_equal(images.images.permute(0, 2, 3, 1).numpy(), reference.data)
        assert images.labels.tolist() == reference.targets and images.class_names == reference.classes


# ---------------------------------------------------------------- images changed for a recipe


@pytest.fixture
def colored():
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (40, 3, 28, 28), generator=rng, dtype=torch.uint8)
    labels = torch.arange(40) % 4
    return subsets.Task("t", images, labels, images[:20], labels[:20], 4, (0.5,) * 3, (0.2,) * 3)


def test_fewer_images_are_a_fixed_part_with_each_class_the_same(colored):
    part = subsets.changed(colored, train_per_class=3, test_per_class=2)
    assert part.train_labels.bincount().tolist() == [3] * 4
    assert part.test_labels.bincount().tolist() == [2] * 4
    assert torch.equal(part.train_images, subsets.changed(colored, train_per_class=3).train_images)
    whole = {
        image.numpy().tobytes(): int(label)
        for image, label in zip(colored.train_images, colored.train_labels, strict=True)
    }
    for image, label in zip(part.train_images, part.train_labels, strict=True):
        assert whole[image.numpy().tobytes()] == label


def test_gray_images_are_pils_and_bring_their_own_statistics(colored):
    gray = subsets.changed(colored, grayscale=True)
    theirs = np.stack(
        [np.asarray(Image.fromarray(i.permute(1, 2, 0).numpy()).convert("L")) for i in colored.train_images]
    )
    assert np.abs(gray.train_images[:, 0].numpy().astype(int) - theirs).max() <= 1
    pixels = gray.train_images.double() / 255
    assert (gray.mean, gray.std) == ((pytest.approx(float(pixels.mean())),), (pytest.approx(float(pixels.std())),))


def test_resized_images_are_torchvisions(colored):
    resized = subsets.changed(colored, image_size=64).train_images
    theirs = v2.resize(colored.train_images, [64, 64], antialias=True)
    assert (resized.int() - theirs.int()).abs().max() <= 1


def test_more_images_than_there_are_is_one_line(colored):
    with pytest.raises(InputError, match="t: train_per_class is 11, but class 0 has only 10 images; ask for fewer"):
        subsets.changed(colored, train_per_class=11)


# --- the table of data sets ----------------------------------------------------------------------


def test_the_page_of_data_sets_says_what_the_table_holds():
    page = (ROOT / "docs/data.md").read_text()
    rows = {row[0].strip("` "): row for line in page.splitlines() if len(row := line.split("|")[1:-1]) == 6}
    for name in catalog.names():
        dataset, row = catalog.get(name), rows[name]
        number = str(dataset.num_classes) if dataset.num_classes else "as many as `procedural.classes`"
        grouped = f" in {dataset.superclasses} superclasses" if dataset.superclasses else ""
        color = {1: "gray", 3: "color"}[dataset.channels]
        assert row[1].strip() == number + grouped
        assert row[2].strip() == f"{dataset.image_size}x{dataset.image_size} {color}"
        assert row[3].strip("` ") == ("results/<run>/data/raw" if dataset.made_by_code else dataset.folder)
        for address in (address for archive in dataset.archives for address in archive.addresses):
            assert any(part.split(" ")[0] in address for part in row[4].strip().split(", "))
        assert ("MD5 of the archive" in row[5]) == bool(dataset.archives)
        assert ("every file" in row[5]) == bool(dataset.md5)


def test_a_new_data_set_is_one_entry_in_the_table(tmp_path, monkeypatch):
    entry = replace(SMALL_IDX, name="kuzushiji", folder="KMNIST/raw")
    monkeypatch.setitem(catalog._BY_NAME, "kuzushiji", entry)
    write_idx(tmp_path, np.zeros((4, 28, 28), np.uint8), np.array([1, 0, 0, 1], np.uint8))
    (tmp_path / "MNIST").rename(tmp_path / "KMNIST")
    assert read("kuzushiji", tmp_path, "test").labels.tolist() == [1, 0, 0, 1]
    config = yaml.safe_load((ROOT / "config.yaml").read_text()) | MINIATURE
    config |= {"arms": {"plain": {"initializer": "default"}}, "figures": {}}
    across = {"datasets": ["kuzushiji"], "architectures": ["base-mlp"]}
    check_config(config | {"families": {"new": {"arms": ["plain"], "across": across}}})
    assert plan_tasks.chance(config | {"dataset": "kuzushiji"}) == {"kuzushiji": 50.0}
