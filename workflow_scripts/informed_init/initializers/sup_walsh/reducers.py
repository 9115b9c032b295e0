"""From one image per class to two numbers per class.

t-SNE, refitted at every step, is the published reducer. It has no out-of-sample map, and its coordinates are arbitrary
in sign, rotation and scale. The others ask what it is good for; they are scaled to its usual size, so that they differ
from it in what the numbers say and not in how large the synthetic images become.
"""

import warnings
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from ...errors import InputError

ReducerName = Literal["tsne", "pca", "random", "gaussian", "constant"]
PERPLEXITY = 5
# The root mean square of t-SNE's coordinates of ten images at this perplexity is 19 to 71 (15 draws of Fashion-MNIST).
SCALE = 40.0

Reducer = Callable[[Tensor], Tensor]


def reducer(name: ReducerName, classes: int, features: int, generator: torch.Generator) -> Reducer:
    """A function from flat images ``(classes, features)`` on the CPU to float32 ``(classes, 2)``.

    * ``tsne``: scikit-learn's, perplexity 5 or what the number of classes allows (then a warning says so, and the
      coordinates are scaled to their usual size: between two points t-SNE only pushes, to a root mean square of 3,000);
    * ``pca``: the first two principal components of these images;
    * ``random``: one projection onto two random directions, the same at every step;
    * ``gaussian``: noise that knows nothing of the images, anew at every step;
    * ``constant``: the same two numbers for every class at every step.

    The first two draw from ``generator`` what their libraries want, ``random`` its directions and ``gaussian`` all.
    """
    if name == "tsne":
        return _tsne(classes, generator)
    if name == "pca":
        return _pca
    if name == "random":
        directions = torch.randn(features, 2, generator=generator)
        return lambda pixels: _scaled((_finite(pixels) - pixels.mean(0)) @ directions)
    if name == "gaussian":
        return lambda pixels: SCALE * torch.randn(len(pixels), 2, generator=generator)
    return lambda pixels: torch.full((len(pixels), 2), SCALE)


def _tsne(classes: int, generator: torch.Generator) -> Reducer:
    # imported here: scikit-learn takes a second, and the other reducers do without it
    from sklearn.manifold import TSNE
    from threadpoolctl import ThreadpoolController

    # of K - 1 neighbors, K - 1 would be the perplexity if all were equally far
    perplexity = min(PERPLEXITY, max(1, classes - 2))
    if perplexity < PERPLEXITY:
        warnings.warn(
            f"sup-walsh: {classes} classes allow t-SNE a perplexity of {perplexity}, not the published {PERPLEXITY}",
            stacklevel=2,
        )
    threads = ThreadpoolController()

    def reduce(pixels: Tensor) -> Tensor:
        seed = int(torch.randint(2**31, (), generator=generator))
        with threads.limit(limits=1):  # its sums depend on the number of threads, and so few points gain nothing
            z = torch.from_numpy(TSNE(perplexity=perplexity, random_state=seed).fit_transform(_finite(pixels).numpy()))
        return _told_apart(z) if perplexity == PERPLEXITY else _scaled(z)

    return reduce


def _pca(pixels: Tensor) -> Tensor:
    left, sizes, _ = torch.linalg.svd(_finite(pixels) - pixels.mean(0), full_matrices=False)
    return _scaled(left[:, :2] * sizes[:2])


def _scaled(z: Tensor) -> Tensor:
    """Coordinates scaled to a root mean square of :data:`SCALE`."""
    return _told_apart(SCALE * z / z.square().mean().sqrt())


def _finite(pixels: Tensor) -> Tensor:
    if not pixels.isfinite().all():
        raise InputError("sup-walsh: a training image holds NaN or infinite pixels; mend or remove it")
    return pixels


def _told_apart(z: Tensor) -> Tensor:
    if not z.isfinite().all():
        raise InputError(
            "sup-walsh: images of different classes cannot be told apart (are they all the same?); "
            "use reducer gaussian or constant, which do not look at them"
        )
    return z
