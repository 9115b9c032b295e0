"""What a Sup-Walsh pretraining saw, as tables: its losses, the distances between classes that its parts see, its codes."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..errors import InputError

WINDOW = 25  # steps of the running median
IMAGES = "images"  # the label, and the `of`, of the distances in pixels


def loss_table(losses: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Every step's loss, label -> losses: columns ``label, step, loss, median, least``.

    ``median`` is the running one of :data:`WINDOW` steps; ``least`` marks a label's least loss, which a pretraining that
    diverged at once does not have. Raises :class:`InputError` when there are no losses.
    """
    if not losses:
        raise InputError("no pretrainings, so no losses")
    return pd.concat([_loss_rows(label, values) for label, values in losses.items()], ignore_index=True)


def _loss_rows(label: str, losses: Sequence[float]) -> pd.DataFrame:
    table = pd.DataFrame({"label": label, "step": range(1, len(losses) + 1), "loss": np.asarray(losses, float)})
    table["median"] = table["loss"].rolling(WINDOW, center=True, min_periods=1).median()
    return table.assign(least=table.index == (table["loss"].idxmin() if table["loss"].notna().any() else -1))


def distance_table(images: np.ndarray, arms: Mapping[str, Mapping[str, np.ndarray]]) -> pd.DataFrame:
    """Distances between classes: columns ``label, of, class, other, distance, correlation``.

    Args:
        images: ``(classes, classes)`` in pixels; label and ``of`` are :data:`IMAGES`.
        arms: label -> ``of`` -> ``(classes, classes)``: ``z`` in the two numbers that a class is reduced to, ``codes`` in the
            support network's gated codes.

    ``correlation`` is Pearson's of a matrix with that of the images over the pairs of classes; NaN where all distances are
    the same.

    Raises:
        InputError: the matrices differ in shape; names the arm.
    """
    images, rows = np.asarray(images, float), []
    for label, parts in {IMAGES: {IMAGES: images}, **arms}.items():
        for of, values in parts.items():
            matrix = np.asarray(values, float)
            if matrix.ndim != 2 or matrix.shape != images.shape or matrix.shape[0] != matrix.shape[1]:
                raise InputError(f"{label} has distances {matrix.shape}, images {images.shape}")
            r = _correlation(matrix, images)
            rows += [(label, of, *place, value, r) for place, value in np.ndenumerate(matrix)]
    return pd.DataFrame(rows, columns=["label", "of", "class", "other", "distance", "correlation"])


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    pairs = np.triu_indices(len(first), 1)
    a, b = first[pairs], second[pairs]
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0 else np.nan


def code_table(codes: np.ndarray) -> pd.DataFrame:
    """Codes ``(classes, length)`` of +1 and -1: columns ``class, column, value`` and the ``sign_changes`` along the code."""
    codes = np.asarray(codes, float)
    if codes.ndim != 2 or not np.isin(codes, (-1, 1)).all():
        raise InputError("codes must be a matrix of +1 and -1")
    changes = (np.diff(codes, axis=1) != 0).sum(1)
    rows = [(k, column, value, changes[k]) for (k, column), value in np.ndenumerate(codes)]
    return pd.DataFrame(rows, columns=["class", "column", "value", "sign_changes"])
