"""Any folder of pictures is a data set: what is in it is what is trained on, and what has no place in it is named."""

import math
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from informed_init.errors import InputError
from informed_init.plan import datasets, estimate
from informed_init.plan import tasks as plan_tasks
from informed_init.plan.checks import check_config
from informed_init.plan.families import expanded
from informed_init.plan.published import published_curves
from informed_init.tasks import catalog
from informed_init.tasks.images import load_split, save_split
from informed_init.tasks.pictures import digest, listing
from informed_init.tasks.readers import read, read_pictures, verify
from PIL import Image
from repository import MINIATURE, ROOT, Repository

SECTION = {"folder": "photos", "size": 8}


def own(**keys):
    return catalog.get("mine", {"mine": SECTION | keys})


def picture(path: Path, color=(200, 30, 90), size=(8, 8), mode="RGB", **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **options)
    return path


def noise(path: Path, *names: int, size=(8, 8)) -> np.ndarray:
    pixels = np.random.default_rng(names).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def photos(tmp_path):
    """Two classes, three pictures for training and two for the test each."""
    for split, count in (("train", 3), ("test", 2)):
        for number, name in enumerate(("dog", "cat")):
            for i in range(count):
                noise(tmp_path / "photos" / split / name / f"{i}.png", number, i, count)
    return tmp_path / "photos"


def refused(dataset, root, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        listing(dataset, root)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------- what is read


def test_pictures_are_read_pixel_by_pixel_by_class(photos):
    found = read_pictures(own(), photos.parent)
    for split, count in (("train", 3), ("test", 2)):
        images = found[split]
        assert images.images.dtype == torch.uint8 and images.images.shape == (2 * count, 3, 8, 8)
        assert images.class_names == ["cat", "dog"] and images.labels.tolist() == [0] * count + [1] * count
        assert images.superclasses is None
        for row, (name, i) in enumerate((name, i) for name in ("cat", "dog") for i in range(count)):
            expected = np.asarray(Image.open(photos / split / name / f"{i}.png"))
            assert np.array_equal(images.images[row].permute(1, 2, 0).numpy(), expected)
    pixels = found["train"].images.double() / 255
    for split in found.values():  # of the training images alone, for both
        assert torch.allclose(torch.tensor(split.mean, dtype=torch.double), pixels.mean((0, 2, 3)))
        assert torch.allclose(torch.tensor(split.std, dtype=torch.double), pixels.std((0, 2, 3), correction=0))


def test_the_files_of_a_split_are_like_any_other_data_sets(photos, tmp_path):
    images = read(own(), photos.parent, "test")
    save_split(tmp_path / "test.safetensors", images)
    loaded = load_split(tmp_path / "test.safetensors")
    assert torch.equal(loaded.images, images.images) and (loaded.mean, loaded.std) == (images.mean, images.std)
    verify(own(), photos.parent)


def test_other_formats_shapes_and_modes_become_square_images(tmp_path):
    folder = tmp_path / "photos"
    for split in ("train", "test"):
        picture(folder / split / "a" / "wide.jpg", size=(40, 20), quality=95)
        picture(folder / split / "a" / "gray.png", 100, mode="L")
        picture(folder / split / "b" / "small.bmp", size=(3, 5))
        picture(folder / split / "b" / "clear.webp", (10, 20, 30, 0), mode="RGBA", lossless=True, exact=True)
        noise(folder / split / "b" / "palette.PNG", 1)
    by_name = {Path(path).name: row for row, (path, _) in enumerate(listing(own(), tmp_path).pictures["train"])}
    images = read(own(), tmp_path, "train").images
    assert torch.allclose(images[by_name["wide.jpg"]].float().mean((1, 2)), torch.tensor([200.0, 30, 90]), atol=2)
    assert (images[by_name["gray.png"]] == 100).all()
    assert torch.equal(images[by_name["small.bmp"]].amax((1, 2)), torch.tensor([200, 30, 90], dtype=torch.uint8))
    assert (images[by_name["clear.webp"]] == 255).all()  # what is transparent is white, not what lies beneath
    gray = read(own(grayscale=True), tmp_path, "train").images
    assert gray.shape == (5, 1, 8, 8) and (gray[by_name["gray.png"]] == 100).all()


def test_a_photograph_is_turned_as_its_camera_says(photos):
    turned = Image.Exif()
    turned[274] = 3  # upside down
    half = Image.new("RGB", (8, 8), "white")
    half.paste((0, 0, 0), (0, 0, 8, 4))  # black above white
    half.save(photos / "train" / "cat" / "0.jpg", exif=turned, quality=95)
    row = [Path(path).name for path, _ in listing(own(), photos.parent).pictures["train"]].index("0.jpg")
    image = read(own(), photos.parent, "train").images[row]
    assert image[:, :4].min() > 200 and image[:, 4:].max() < 50


def test_splits_may_have_other_names_and_litter_is_passed_over(photos):
    (photos / "test").rename(photos / "val")
    (photos / "README.md").write_text("mine")
    (photos / "train" / "labels.csv").write_text("beside the classes")
    (photos / "train" / ".ipynb_checkpoints").mkdir()
    (photos / "train" / "cat" / ".DS_Store").write_text("")
    (photos / "train" / "cat" / "Thumbs.db").write_text("")
    assert len(listing(own(test="val"), photos.parent).pictures["train"]) == 6
    refused(own(), photos.parent, r"photos/test: no such folder; name it in datasets.mine.test, or set test_fraction")


# ---------------------------------------------------------------- test pictures that are drawn


@pytest.fixture
def unsplit(tmp_path):
    for name, count in (("cat", 20), ("dog", 10)):
        for i in range(count):
            picture(tmp_path / "photos" / name / f"{i:02d}.png")
    return tmp_path / "photos"


def drawn(root, name="mine"):
    dataset = catalog.own(name, SECTION | {"test_fraction": 0.2})
    return {split: {Path(path) for path, _ in found} for split, found in listing(dataset, root).pictures.items()}


def test_a_fraction_of_every_class_is_drawn_for_the_test_by_name(unsplit):
    found = drawn(unsplit.parent)
    assert not found["train"] & found["test"] and len(found["train"] | found["test"]) == 30
    assert sorted(path.parent.name for path in found["test"]) == ["cat"] * 4 + ["dog"] * 2
    assert drawn(unsplit.parent) == found != drawn(unsplit.parent, "another")


def test_one_picture_more_moves_at_most_one_other(unsplit):
    before = drawn(unsplit.parent)["test"]
    for i in range(20, 25):
        new = picture(unsplit / "cat" / f"{i}.png")
        after = drawn(unsplit.parent)["test"]
        assert len(before - after) <= 1 and len(after - before - {new}) <= 1
        before = after


@pytest.mark.parametrize(("fraction", "said"), [(0.01, "none for the test"), (0.99, "none for training")])
def test_a_fraction_that_empties_a_class_is_refused(unsplit, fraction, said):
    refused(own(test_fraction=fraction), unsplit.parent, rf"photos/cat: 20 pictures, of which .* leaves {said}")


def test_a_fraction_beside_folders_of_splits_is_refused(photos):
    refused(own(test_fraction=0.2), photos.parent, "holds train/ and test/.* leave it out")


# ---------------------------------------------------------------- what is refused


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.rename(f.with_name("moved")), r"photos: no such folder; datasets.mine.folder is looked for"),
        (lambda f: empty(f / "test" / "dog"), r"photos/test: no pictures of class dog, which train has"),
        (lambda f: empty(f / "train" / "dog"), r"photos/train: no pictures of class dog, which test has"),
        (lambda f: [empty(f / split / "dog") for split in ("train", "test")], r"photos: only class cat; needs two"),
        (
            lambda f: [empty(f / split / name) for split in ("train", "test") for name in ("cat", "dog")],
            r"photos: no pictures in folders of classes; needs two or more folders of \.bmp, ",
        ),
        (lambda f: (f / "train/cat/notes.txt").write_text("x"), r"cat/notes.txt: not a file of \.bmp.*move it away"),
        (lambda f: (f / "train/cat/more.png").mkdir(), r"cat/more.png: a folder within"),
        (lambda f: (f / "train/cat/more").mkdir(), r"cat/more: a folder within the folder of a class"),
        (lambda f: picture(f / "train/loose.png"), r"train/loose.png: a picture in no class; move it"),
        (lambda f: (f / "train/cat/gone.png").symlink_to("nowhere"), r"cat/gone.png: not a file of"),
        (lambda f: os.mkfifo(f / "train/cat/pipe.png"), r"cat/pipe.png: not a file"),
        (lambda f: noise(f / "train/cat/two\nlines.png", 1), r"cat: the name 'two\\nlines.png' .*rename it"),
        (lambda f: noise(f / os.fsdecode(b"train/\xff/0.png"), 1), r"train: the name '\\udcff' .*rename it"),
    ],
)
def test_a_folder_that_cannot_be_a_data_set_is_named_in_one_line(photos, change, said):
    change(photos)
    refused(own(), photos.parent, said)


def test_another_number_of_classes_than_the_config_says_is_refused(photos):
    assert listing(own(classes=2), photos.parent).class_names == ("cat", "dog")
    refused(own(classes=3), photos.parent, r"photos: 2 classes, but datasets.mine.classes is 3; correct one")


def cut(path: Path) -> None:
    noise(path, 7, size=(64, 64))
    path.write_bytes(path.read_bytes()[:-1000])


def postscript(path: Path) -> None:
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")


def bomb(path: Path) -> None:
    """A few hundred bytes that claim 40,000 x 40,000 pixels."""
    picture(path)
    content = path.read_bytes()
    header = b"IHDR" + (40_000).to_bytes(4, "big") * 2 + content[24:29]
    path.write_bytes(content[:12] + header + zlib.crc32(header).to_bytes(4, "big") + content[33:])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (cut, "not a whole picture"),
        (lambda path: path.write_bytes(b""), "not a whole picture"),
        (lambda path: path.write_bytes(b"no picture"), "not a whole picture"),
        (postscript, "not a whole picture"),
        (bomb, "not a whole picture .*bomb"),
        (lambda path: picture(path, 40_000, mode="I;16"), r"more than 8 bits a pixel \(mode I;16\); save it with 8"),
    ],
)
def test_a_picture_that_cannot_be_read_is_named_in_one_line(photos, make, said, monkeypatch):
    make(photos / "train" / "cat" / "0.png")
    monkeypatch.setattr("subprocess.Popen", None)  # no decoder may start another program
    with pytest.raises(InputError, match=f"train/cat/0.png: {said}") as error:
        read_pictures(own(), photos.parent)
    assert "\n" not in str(error.value)


def test_pictures_of_one_color_are_refused(tmp_path):
    for split in ("train", "test"):
        for name in ("a", "b"):
            picture(tmp_path / "photos" / split / name / "0.png")
    with pytest.raises(InputError, match="photos: all training pictures are of one color; use others"):
        read_pictures(own(), tmp_path)


# ---------------------------------------------------------------- when it is read again


def test_the_digest_follows_pictures_and_not_dates(photos):
    def now():
        return digest(listing(own(), photos.parent))

    first = now()
    for path in photos.rglob("*"):
        os.utime(path, (0, 0))
    assert now() == first
    new = picture(photos / "train" / "cat" / "9.png")
    added = now()
    noise(new, 9)
    edited = now()
    new.rename(photos / "train" / "dog" / "9.png")
    assert len({first, added, edited, now()}) == 4


# ---------------------------------------------------------------- in a config


def planned(root, section=SECTION, **keys):
    """A small config that trains one arm on all classes of ``mine``."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text()) | MINIATURE | {"figures": {}}
    arms = {"random": {"initializer": "default"}, "euclid": {"initializer": "clustered"}}
    arms["euclid"]["bank"] = {"method": "euclid", "k": 2, "models": 2}
    own = {"data_root": str(root), "datasets": {"mine": dict(section)}, "dataset": "mine", "arms": arms}
    return config | own | {"families": {"all": {"arms": ["random"]}}} | keys


def test_a_run_or_an_arm_or_a_family_across_data_sets_trains_on_all_classes_of_a_folder(photos):
    run = planned(photos.parent)
    arm = planned(photos.parent, dataset="procedural")
    arm["arms"]["random"]["dataset"] = "mine"
    across = planned(photos.parent, dataset="procedural")
    across["families"]["all"]["across"] = {"datasets": ["mine"], "architectures": ["base-mlp"]}
    for config, name in ((run, "random"), (arm, "random"), (across, "mine-base-mlp-random")):
        check_config(config)
        config = expanded(config)
        assert plan_tasks.tasks(config, name) == [{"name": "mine", "superclasses": None}]
        assert plan_tasks.chance(config)["mine"] == 50.0
        assert plan_tasks.image_shape(config, "mine", {}) == [3, 8, 8]
        assert estimate.images_per_epoch(config, "mine", [{"superclasses": None}], {}) == 6
        assert published_curves(config) == {}  # the paper saw other images


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"datasets": {"mine": SECTION, "mnist": SECTION}}, "datasets.mnist: there is a data set of this name; call"),
        ({"datasets": {"mine": SECTION, "../mine": SECTION}}, "datasets.*'../mine'"),
        ({"datasets": {"mine": {"folder": "photos"}}}, "datasets.mine: the key 'size' is missing"),
        ({"datasets": {"mine": SECTION | {"sise": 3}}}, "datasets.mine: unknown key 'sise'; did you mean 'size'"),
        ({"datasets": {"mine": SECTION | {"test_fraction": math.nan}}}, "datasets.mine.test_fraction: "),
        ({"datasets": {"mine": SECTION | {"size": 8.0}}}, "datasets.mine.size: "),
        ({"datasets": {"mine": SECTION | {"test": "val", "test_fraction": 0.5}}}, "datasets.mine: test_fraction draws"),
        ({"datasets": {"mine": SECTION | {"folder": "elsewhere"}}}, ".*elsewhere: no such folder"),
        ({"dataset": "mein"}, "dataset: data set 'mein' does not exist; did you mean 'mine'"),
        ({"families": {"all": {"arms": ["euclid"]}}}, "arms.euclid: starts from sources.*mine. has no superclasses"),
    ],
)
def test_a_config_whose_folder_cannot_be_used_is_refused_before_any_work(photos, keys, said):
    with pytest.raises(InputError, match=said) as error:
        check_config(planned(photos.parent) | keys)
    assert "\n" not in str(error.value)


def test_a_run_is_planned_before_its_pictures_are_there_if_the_classes_are_counted(tmp_path):
    config = planned(tmp_path, SECTION | {"classes": 7})
    check_config(config)
    assert plan_tasks.num_classes(expanded(config), "mine", None) == 7
    assert datasets.pictures_digest(config, "mine") == ""
    assert estimate.images_per_epoch(config, "mine", [{"superclasses": None}], {}) == 7 * 500


@pytest.mark.slow
def test_a_run_on_a_folder_trains_again_when_a_picture_comes_and_not_when_it_is_touched(tmp_path):
    for split, count in (("train", 24), ("test", 2)):
        for number, name in enumerate(("cat", "dog")):
            for i in range(count):
                noise(tmp_path / "data/my photos" / split / name / f"{i}.png", number, i, count, size=(40, 30))
    repository = Repository(tmp_path)
    repository.config |= {"datasets": {"mine-32": {"folder": "my photos", "size": 32}}, "dataset": "mine-32"}
    repository.config |= {"arms": {"random": {"initializer": "default"}}, "families": {"all": {"arms": ["random"]}}}
    repository.config["figures"] = {}
    repository.write_config()
    curves = "results/mini/curves/controlled/stepwise/random/000-001.csv"
    repository.run(curves)
    assert "mine-32" in (tmp_path / curves).read_text()
    train = load_split(tmp_path / "results/mini/data/mine-32/train.safetensors")
    assert train.images.shape == (48, 3, 32, 32) and train.class_names == ["cat", "dog"]
    for path in (tmp_path / "data").rglob("*"):
        os.utime(path)
    assert repository.would_do(curves) == []
    noise(tmp_path / "data/my photos/train/cat/new.png", 99)
    again = ["Reading the pictures of mine-32", "Training random, replicas 000-001 (controlled, stepwise)"]
    assert repository.would_do(curves) == again
    for path in (tmp_path / "data/my photos/test").rglob("*.png"):
        path.unlink()
    said = repository.snakemake(curves, "--cores", "1", ok=False)
    assert "test: no pictures of class cat, dog, which train has" in said and "Traceback" not in said
