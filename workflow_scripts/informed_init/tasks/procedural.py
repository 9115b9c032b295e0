"""The embedded data set: images drawn by code from a seed, for runs that must work without any download.

Twenty families of textures and shapes (the superclasses) with five variants each (the classes). A variant
fixes an orientation, a frequency or a shape; everything else is a nuisance that changes from image to image:
position, phase, scale, a small rotation, mirroring, colors, contrast, shading, colored and white noise, an
occluding disc. No class has a color of its own and every image may be mirrored, so flips and small rotations
are fair augmentations.

``procedural`` (32x32, 100 classes) is written in CIFAR-100's python format and ``procedural64`` (64x64) in
Tiny ImageNet's folders, so that the readers of the real data sets are what reads them.
"""

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..seeds import derive_seed
from .catalog import get
from .folders import atomic_folder

VARIANTS = 5
GREY_IMAGES = 2  # of procedural64: grey JPEGs, as Tiny ImageNet has some

# strength of the nuisances: set so that ResNet-18 needs more than a handful of epochs on a ten-class task
ROTATION = np.deg2rad(6.0)
SHIFT = 0.16
SCALE = 0.10
CONTRAST = (0.16, 0.42)
TINT = 0.8
SHADING = 0.08
COLORED_NOISE = 0.065
WHITE_NOISE = 0.05
OCCLUDER_RADIUS = (0.0, 0.35)


def write(
    data_root: str | Path,
    dataset: str,
    seed: int,
    images_per_class_train: int,
    images_per_class_test: int,
    classes: int | None = None,
) -> Path:
    """Write ``procedural`` or ``procedural64`` under ``data_root`` (an earlier one is replaced); its folder.

    The same arguments give the same bytes (with the same numpy and Pillow). ``classes``, for ``procedural64``
    only, is how many of the 100 classes to draw (default 20: four families). Raises :class:`InputError` for
    another data set's name or counts that leave a class without images.
    """
    layout = {"procedural": _write_cifar, "procedural64": _write_folders}.get(dataset)
    if layout is None:
        raise InputError(f"data set {dataset!r} is not made by code; only procedural and procedural64 are")
    total = len(FAMILIES) * VARIANTS
    chosen = classes if classes is not None else {"procedural": total, "procedural64": 20}[dataset]
    if min(images_per_class_train, images_per_class_test) < 1:
        raise InputError(f"data set {dataset}: every class needs at least one training and one test image")
    if not 1 <= chosen <= total or (dataset == "procedural" and chosen != total):
        raise InputError(
            f"data set {dataset}: cannot have {chosen} classes; leave out `classes` or give 1..{total} for procedural64"
        )
    counts = {"train": images_per_class_train, "test": images_per_class_test}
    folder = Path(data_root) / get(dataset).folder
    with atomic_folder(folder) as new:
        layout(new, seed, counts, chosen)
    return folder


# --- the families: f(x, y, variant, draw) -> pattern in [-1, 1], shape (n, s, s) ---------------------------
# x, y are (n, s, s), about -1..1 across the image, already shifted, scaled, turned and mirrored; ``draw(low,
# high)`` gives one number per image, shape (n, 1, 1), for a nuisance that belongs to the family.


def _wave(phase: np.ndarray) -> np.ndarray:
    return np.sin(phase)


def _square(phase: np.ndarray) -> np.ndarray:
    return np.tanh(4 * np.sin(phase))


def _inside(distance: np.ndarray) -> np.ndarray:
    """A filled shape from its signed distance (negative inside), its edge about a pixel wide at 32x32."""
    return np.tanh(-12 * distance)


def _polar(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.hypot(x, y), np.arctan2(y, x)


def _along(x: np.ndarray, y: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.float32(np.deg2rad(degrees))
    return x * np.cos(angle) + y * np.sin(angle)


def _any_phase(draw: Callable) -> np.ndarray:
    return draw(0, 2 * np.pi)


def _gratings(x, y, k, draw):  # orientation, away from its own mirror image
    return _wave(9 * _along(x, y, 22.5 * k) + _any_phase(draw))


def _stripes(x, y, k, draw):  # frequency
    return _square((4, 6, 9, 13, 18)[k] * y + _any_phase(draw))


def _duty_stripes(x, y, k, draw):  # share of the period that is bright
    return np.tanh(4 * (np.sin(9 * _along(x, y, 45) + _any_phase(draw)) - (-0.8, -0.4, 0.0, 0.4, 0.8)[k]))


def _wavy_stripes(x, y, k, draw):  # how far they sway
    sway = (0.0, 0.12, 0.24, 0.36, 0.48)[k] * np.sin(5 * x + _any_phase(draw))
    return _wave(11 * (y + sway) + _any_phase(draw))


def _chirps(x, y, k, draw):  # how fast the frequency grows
    t = x + 1
    return _wave(5 * t + (0.0, 1.2, 2.4, 3.6, 4.8)[k] * t * t + _any_phase(draw))


def _plaids(x, y, k, draw):  # angle between two gratings
    half = (15, 26, 37, 48, 60)[k]
    return 0.5 * (
        _wave(10 * _along(x, y, half) + _any_phase(draw)) + _wave(10 * _along(x, y, -half) + _any_phase(draw))
    )


def _checkers(x, y, k, draw):  # aspect ratio of the fields
    a = (0.6, 0.8, 1.0, 1.3, 1.7)[k]
    return np.tanh(4 * np.sin(8 * a * x + _any_phase(draw)) * np.sin(8 / a * y + _any_phase(draw)))


def _dots(x, y, k, draw):  # spacing
    f = (4, 5.5, 7.5, 10, 13)[k]
    return np.tanh(3 * (np.cos(f * x + _any_phase(draw)) + np.cos(f * y + _any_phase(draw)) - 0.6))


def _honeycombs(x, y, k, draw):  # weight of the third direction
    p, q = _any_phase(draw), _any_phase(draw)
    third = (0.0, 0.4, 0.8, 1.2, 1.6)[k] * np.cos(9 * _along(x, y, 120) - p - q)
    return np.tanh(np.cos(9 * x + p) + np.cos(9 * _along(x, y, 60) + q) + third)


def _rings(x, y, k, draw):  # radial frequency
    return _wave((6, 8.5, 12, 16, 21)[k] * _polar(x, y)[0] + _any_phase(draw))


def _spokes(x, y, k, draw):  # how many
    return _square((3, 4, 5, 6, 7)[k] * _polar(x, y)[1] + _any_phase(draw))


def _spirals(x, y, k, draw):  # pitch
    r, angle = _polar(x, y)
    return _wave((2, 4, 6, 8.5, 11.5)[k] * r + 2 * angle + _any_phase(draw))


def _polygons(x, y, k, draw):  # corners
    r, angle = _polar(x, y)
    n = (3, 4, 5, 6, 9)[k]
    sector = np.mod(angle + draw(-0.15, 0.15) + np.pi / 2, 2 * np.pi / n) - np.pi / n
    return _inside(r * np.cos(sector) - draw(0.45, 0.6))


def _stars(x, y, k, draw):  # points
    r, angle = _polar(x, y)
    return _inside(r - draw(0.5, 0.65) * (1 + 0.45 * np.cos((3, 4, 5, 6, 8)[k] * angle + draw(-0.5, 0.5))))


def _ellipses(x, y, k, draw):  # slenderness
    a = (1.0, 1.35, 1.8, 2.4, 3.3)[k]
    u, v = _along(x, y, 30), _along(x, y, 120)
    return _inside(np.hypot(u / np.sqrt(a), v * np.sqrt(a)) - draw(0.4, 0.55))


def _crosses(x, y, k, draw):  # angle between the two bars
    width, half = draw(0.10, 0.18), (15, 25, 35, 45, 60)[k]
    bars = np.minimum(np.abs(_along(x, y, half)), np.abs(_along(x, y, -half)))
    return _inside(np.maximum(bars - width, np.hypot(x, y) - 0.8))


def _bars(x, y, k, draw):  # how many side by side
    n = k + 1
    pitch = 1.5 / n
    offset = np.mod(x + 0.75, pitch) - pitch / 2
    return _inside(np.maximum(np.abs(offset) - 0.28 * pitch, np.maximum(np.abs(x) - 0.75, np.abs(y) - draw(0.5, 0.8))))


def _arcs(x, y, k, draw):  # length of the arc
    r, angle = _polar(x, y)
    span = np.deg2rad((50, 85, 120, 150, 179))[k]
    band = np.abs(r - draw(0.45, 0.6)) - draw(0.09, 0.14)
    return _inside(np.maximum(band, (np.abs(angle) - span) * r))


def _frames(x, y, k, draw):  # roundness of nested frames: from diamonds over circles to squares
    p = (0.8, 1.2, 2.0, 3.5, 8.0)[k]
    r = (np.abs(x) ** p + np.abs(y) ** p) ** np.float32(1 / p)
    return _wave(11 * r + _any_phase(draw))


def _clusters(x, y, k, draw):  # how many blobs
    field = np.zeros_like(x)
    for _ in range((1, 2, 4, 7, 12)[k]):
        field = np.maximum(field, np.exp(-((x - draw(-0.75, 0.75)) ** 2 + (y - draw(-0.75, 0.75)) ** 2) / 0.025))
    return 2 * field - 1


FAMILIES: dict[str, Callable] = {
    "gratings": _gratings,
    "stripes": _stripes,
    "duty_stripes": _duty_stripes,
    "wavy_stripes": _wavy_stripes,
    "chirps": _chirps,
    "plaids": _plaids,
    "checkers": _checkers,
    "dots": _dots,
    "honeycombs": _honeycombs,
    "rings": _rings,
    "spokes": _spokes,
    "spirals": _spirals,
    "polygons": _polygons,
    "stars": _stars,
    "ellipses": _ellipses,
    "crosses": _crosses,
    "bars": _bars,
    "arcs": _arcs,
    "frames": _frames,
    "clusters": _clusters,
}


def draw_images(family: str, variant: int, n: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` images of one class, uint8 ``(n, 3, size, size)``."""

    def draw(low, high, shape=(1, 1)):
        return rng.uniform(low, high, (n, *shape)).astype(np.float32)

    axis = np.linspace(-1, 1, size, dtype=np.float32)
    grid_x, grid_y = axis[None, None, :], axis[None, :, None]
    turn, zoom = draw(-ROTATION, ROTATION), 1 + draw(-SCALE, SCALE)
    mirror = np.sign(draw(-1, 1))
    shifted_x, shifted_y = mirror * (grid_x - draw(-SHIFT, SHIFT)), grid_y - draw(-SHIFT, SHIFT)
    x = zoom * (np.cos(turn) * shifted_x - np.sin(turn) * shifted_y)
    y = zoom * (np.sin(turn) * shifted_x + np.cos(turn) * shifted_y)
    pattern = FAMILIES[family](x, y, variant, draw)[:, None]

    # mostly brightness, tinted at random: the pattern is the brighter part, whatever its color
    direction = 1 + TINT * rng.normal(size=(n, 3, 1, 1)).astype(np.float32)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    images = draw(0.35, 0.65, (3, 1, 1)) + draw(*CONTRAST, (1, 1, 1)) * direction * pattern
    slope_x, slope_y = draw(-SHADING, SHADING, (3, 1, 1)), draw(-SHADING, SHADING, (3, 1, 1))
    images += slope_x * grid_x + slope_y * grid_y

    distance = np.hypot(grid_x - draw(-1, 1), grid_y - draw(-1, 1)) - draw(*OCCLUDER_RADIUS)
    images = np.where(distance[:, None] < 0, draw(0.2, 0.8, (3, 1, 1)), images)
    coarse = rng.normal(size=(n, 3, 8, 8)).astype(np.float32)
    spread = _interpolation(8, size)
    images += COLORED_NOISE * (spread @ coarse @ spread.T)
    images += WHITE_NOISE * rng.standard_normal(images.shape, dtype=np.float32)
    return np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)


def _interpolation(coarse: int, fine: int) -> np.ndarray:
    """Matrix ``(fine, coarse)`` of linear interpolation between ``coarse`` values spread evenly over the
    image.
    """
    position = np.linspace(0, coarse - 1, fine)[:, None]
    return np.maximum(0, 1 - np.abs(position - np.arange(coarse))).astype(np.float32)


def _split(seed: int, split: str, per_class: int, classes: list[tuple[str, int]], size: int) -> np.ndarray:
    """All images of a split, class after class: uint8 ``(classes * per_class, 3, size, size)``."""
    images = []
    for family, variant in classes:
        rng = np.random.default_rng(derive_seed("procedural", size, seed, split, family, variant))
        images.append(draw_images(family, variant, per_class, size, rng))
    return np.concatenate(images)


# --- the two formats ---------------------------------------------------------------------------------------


def _write_cifar(folder: Path, seed: int, counts: dict[str, int], _classes: int) -> None:
    """``train``, ``test`` and ``meta`` with the keys of CIFAR-100's; images are shuffled, as there."""
    families = list(FAMILIES)
    # fine labels alternate between superclasses: as in CIFAR-100, a superclass's classes are not neighbors
    classes = [(family, variant) for variant in range(VARIANTS) for family in families]
    for split, per_class in counts.items():
        fine = np.repeat(np.arange(len(classes)), per_class)
        order = np.random.default_rng(derive_seed("procedural", "order", seed, split)).permutation(len(fine))
        pixels = _split(seed, split, per_class, classes, size=32)[order].reshape(len(fine), -1)
        fine = fine[order]
        _dump(
            folder / split,
            {
                "filenames": [f"{_class_name(classes[label])}_{number:06d}.png" for number, label in enumerate(fine)],
                "batch_label": f"{split}ing batch 1 of 1",
                "fine_labels": fine.tolist(),
                "coarse_labels": (fine % len(families)).tolist(),
                "data": pixels,
            },
        )
    names = [_class_name(entry) for entry in classes]
    _dump(folder / "meta", {"fine_label_names": names, "coarse_label_names": families})


def _class_name(entry: tuple[str, int]) -> str:
    return f"{entry[0]}_{entry[1]}"


def _dump(path: Path, content: dict) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


def _write_folders(folder: Path, seed: int, counts: dict[str, int], number: int) -> None:
    """``wnids.txt``, ``words.txt``, ``train/<wnid>/images`` and ``val`` as in Tiny ImageNet."""
    classes = [(family, variant) for family in FAMILIES for variant in range(VARIANTS)][:number]
    wnids = [f"p{index:08d}" for index in range(number)]
    (folder / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in wnids))
    words = (f"{wnid}\t{_class_name(entry)}\n" for wnid, entry in zip(wnids, classes, strict=True))
    (folder / "words.txt").write_text("".join(words))

    images = _split(seed, "train", counts["train"], classes, size=64).reshape(number, -1, 3, 64, 64)
    for index, wnid in enumerate(wnids):
        place = folder / "train" / wnid / "images"
        place.mkdir(parents=True)
        for row, image in enumerate(images[index]):
            _write_jpeg(place / f"{wnid}_{row}.JPEG", image, grey=row == 0 and index < GREY_IMAGES)

    place = folder / "val" / "images"
    place.mkdir(parents=True)
    lines = []
    for row, image in enumerate(_split(seed, "test", counts["test"], classes, size=64)):
        _write_jpeg(place / f"val_{row}.JPEG", image, grey=False)
        lines.append(f"val_{row}.JPEG\t{wnids[row // counts['test']]}\t0\t0\t63\t63\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))


def _write_jpeg(path: Path, image: np.ndarray, grey: bool) -> None:
    from PIL import Image  # imported here: only this format needs it

    picture = Image.fromarray(image.transpose(1, 2, 0))
    buffer = io.BytesIO()
    (picture.convert("L") if grey else picture).save(buffer, format="JPEG", quality=92)
    path.write_bytes(buffer.getvalue())
