"""The table of data sets: where each comes from, how it lies under ``data_root``, and what its files must be.

Folders and file names are torchvision's, so a ``data_root`` that torchvision filled is used as it is, and the
other way round. Checksums of CIFAR and of the MNIST archives are those torchvision publishes; the MNIST and
Fashion-MNIST checksums of the unpacked files are the ones of those archives' content. Stanford publishes none for Tiny
ImageNet: the one here is what independent libraries record for the file they got there (Avalanche and others), and what is
unpacked is checked by its folders, counts and annotations as well. A config's section ``datasets``
adds folders of pictures to the table (:func:`own`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InputError

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Archive:
    """One file to download: ``<address><file>`` for each of ``addresses`` in turn. Some of them know no https: it is the
    checksum that says whether what came is the file.
    """

    file: str
    addresses: tuple[str, ...]
    md5: str


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set before a byte of it is read.

    ``layout`` names the reader: ``cifar`` (python-format batches), ``idx`` (MNIST's files), ``folders`` (Tiny ImageNet's
    folders) or ``pictures`` (somebody's own folder with a folder of pictures per class). ``files`` maps each split, and
    ``meta``, to its files relative to ``folder``; for ``folders`` it is empty, for ``pictures`` it names each split's
    folder and is empty where ``test_fraction`` draws the test pictures. ``md5`` holds the official checksum of each file
    that has one. ``mean`` and ``std`` are per channel, of pixel values scaled to [0, 1]; they are empty where they are
    computed from the training images. ``num_classes`` is None where the files decide. ``superclasses`` counts groups of
    classes whose pairs can be tasks; 0 where all classes are one task. ``train_per_class`` is for the estimate of a run's
    time alone. No archive and no whole unpacked data set of the table is larger than its ``most_bytes``: what is, is not it.
    """

    name: str
    layout: str
    folder: str
    image_size: int
    channels: int
    num_classes: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    archives: tuple[Archive, ...] = ()
    most_bytes: int = 2**28
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    md5: Mapping[str, str] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    superclasses: int = 0
    train_per_class: int = 500
    made_by_code: bool = False
    test_fraction: float | None = None


_TORONTO = ("https://www.cs.toronto.edu/~kriz/",)
_STANFORD = ("https://cs231n.stanford.edu/", "http://cs231n.stanford.edu/")
_IDX_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def _idx_archives(addresses: tuple[str, ...], md5s: Mapping[str, str]) -> tuple[Archive, ...]:
    return tuple(Archive(f"{file}.gz", addresses, md5) for file, md5 in md5s.items())


_DATA_SETS = (
    DataSet(
        name="cifar100",
        layout="cifar",
        folder="cifar-100-python",
        image_size=32,
        channels=3,
        num_classes=100,
        superclasses=20,
        mean=(0.5071, 0.4867, 0.4408),
        std=(0.2675, 0.2565, 0.2761),
        archives=(Archive("cifar-100-python.tar.gz", _TORONTO, "eb9058c3a382ffc7106e4002c42a8d85"),),
        files={"train": ("train",), "test": ("test",), "meta": ("meta",)},
        md5={
            "train": "16019d7e3df5f24257cddd939b257f8d",
            "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
            "meta": "7973b15100ade9c7d40fb424638fde48",
        },
    ),
    DataSet(
        name="cifar10",
        layout="cifar",
        folder="cifar-10-batches-py",
        image_size=32,
        channels=3,
        num_classes=10,
        train_per_class=5000,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        archives=(Archive("cifar-10-python.tar.gz", _TORONTO, "c58f30108f718f92721af3b95e74349a"),),
        files={
            "train": tuple(f"data_batch_{i}" for i in range(1, 6)),
            "test": ("test_batch",),
            "meta": ("batches.meta",),
        },
        md5={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
            "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
        },
    ),
    DataSet(
        name="mnist",
        layout="idx",
        folder="MNIST/raw",
        image_size=28,
        channels=1,
        num_classes=10,
        train_per_class=6000,
        mean=(0.1307,),
        std=(0.3081,),
        archives=_idx_archives(
            ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
            {
                "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
                "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
                "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
            },
        ),
        files=_IDX_FILES,
        md5={
            "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
            "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
            "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
            "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
        },
        class_names=tuple(str(digit) for digit in range(10)),
    ),
    DataSet(
        name="fashionmnist",
        layout="idx",
        folder="FashionMNIST/raw",
        image_size=28,
        channels=1,
        num_classes=10,
        train_per_class=6000,
        mean=(0.2860,),
        std=(0.3530,),
        archives=_idx_archives(
            ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
            {
                "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
                "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
                "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
            },
        ),
        files=_IDX_FILES,
        md5={
            "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
            "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
            "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
        },
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
    DataSet(
        name="tinyimagenet",
        layout="folders",
        folder="tiny-imagenet-200",
        image_size=64,
        channels=3,
        num_classes=200,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        archives=(Archive("tiny-imagenet-200.zip", _STANFORD, "90528d7ca1a48142e341f4ef8d21d0de"),),
        most_bytes=2**29,
    ),
    DataSet(
        name="procedural",
        layout="cifar",
        folder="procedural-python",
        image_size=32,
        channels=3,
        num_classes=100,
        superclasses=20,
        made_by_code=True,
        mean=(0.470, 0.470, 0.470),  # the colors are drawn alike for all three channels
        std=(0.179, 0.179, 0.179),
        files={"train": ("train",), "test": ("test",), "meta": ("meta",)},
    ),
    DataSet(
        name="procedural64",
        layout="folders",
        folder="procedural64",
        image_size=64,
        channels=3,
        num_classes=None,
        made_by_code=True,
        mean=(0.498, 0.498, 0.498),
        std=(0.181, 0.181, 0.181),
    ),
)
_BY_NAME = {dataset.name: dataset for dataset in _DATA_SETS}


def own(name: str, section: Mapping) -> DataSet:
    """The entry of a folder of pictures that a config describes in ``datasets.<name>``.

    ``section``: ``folder`` (below ``data_root``, or absolute), ``size`` (pixels a side of the images that are made of the
    pictures), and, if given, ``grayscale``, ``classes`` (their number, checked), ``train`` and ``test`` (the folders of the
    two splits within ``folder``) or ``test_fraction`` in their place.
    """
    fraction = section.get("test_fraction")
    return DataSet(
        name=name,
        layout="pictures",
        folder=section["folder"],
        image_size=section["size"],
        channels=1 if section.get("grayscale") else 3,
        num_classes=section.get("classes"),
        mean=(),
        std=(),
        files={} if fraction else {split: (section.get(split, split),) for split in SPLITS},
        test_fraction=fraction,
    )


def names(owned: Mapping[str, Mapping] | None = None) -> list[str]:
    """All data set names, in the table's order; ``owned`` is a config's section ``datasets``, as in :func:`get`."""
    return [*_BY_NAME, *(owned or {})]


def get(dataset: str | DataSet, owned: Mapping[str, Mapping] | None = None) -> DataSet:
    """The table's entry for a name, or that of one of a config's ``datasets``; an entry is returned as it is. An unknown
    name raises :class:`InputError`.
    """
    if isinstance(dataset, DataSet):
        return dataset
    if dataset in _BY_NAME:
        return _BY_NAME[dataset]
    if dataset in (owned or {}):
        return own(dataset, owned[dataset])
    raise InputError(f"unknown data set {dataset!r}; known: {', '.join(names(owned))}")
