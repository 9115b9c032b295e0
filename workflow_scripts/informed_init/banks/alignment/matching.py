"""Which channel of one network corresponds to which of another, from their convolution filters."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional

from .groups import Groups, Permutations

MAX_SWEEPS = 20  # two or three suffice for ResNet-18

Weights = dict[str, Tensor]  # convolution -> weight
# one row a channel: of the sources that are placed, and of the one to be matched
Views = list[tuple[list[Tensor], Tensor]]


def fourier_distances(references: Sequence[Tensor], rows: Tensor) -> Tensor:
    """(n, n) distances as published: between the real parts of the 1-D FFTs of unit-length rows.

    Summed over the references; entry (i, j) is of their row i and of the source's row j.
    """

    def features(values: Tensor) -> Tensor:
        return torch.fft.fft(functional.normalize(values)).real

    return sum(torch.cdist(features(reference), features(rows)) for reference in references)


def squared_distances(references: Sequence[Tensor], rows: Tensor) -> Tensor:
    """(n, n) squared distances summed over the references, halved and without what all matchings share.

    |a - b|^2 = |a|^2 + |b|^2 - 2 ab, and every matching uses each a and each b once.
    """
    return -sum(references) @ rows.T


def first_come(distances: np.ndarray) -> np.ndarray:
    """The published greedy matching: each row in turn takes the nearest column that is still free."""
    distances = distances.copy()
    order = np.empty(len(distances), dtype=np.int64)
    for row in range(len(distances)):
        order[row] = nearest = distances[row].argmin()
        distances[:, nearest] = np.inf
    return order


def best_assignment(distances: np.ndarray) -> np.ndarray:
    """The one-to-one matching of the smallest total distance."""
    return linear_sum_assignment(distances)[1]


MATCHERS = {"greedy": (fourier_distances, first_come), "hungarian": (squared_distances, best_assignment)}
MATCHINGS = tuple(MATCHERS)


class Matcher:
    """Matches sources one after another, each to all that were placed before it; the first keeps its order.

    ``placed`` holds the aligned weights of ``convolutions``: all that are computed up to the layer ``last``.
    The 1x1 ones among them are never initialized, but they say as well which channels correspond.
    """

    def __init__(self, groups: Groups, last: str, matching: str):
        self.groups = groups
        self.distances, self.solve = MATCHERS[matching]
        computed = list(groups.layers)[: list(groups.layers).index(last) + 1]
        self.convolutions = [name for name in computed if isinstance(groups.layers[name].module, nn.Conv2d)]
        makers = groups.makers()
        used = {group: [name for name in names if name in self.convolutions] for group, names in makers.items()}
        self.makers = {group: names for group, names in used.items() if names}
        self.placed: list[Weights] = []

    def place(self, weights: Weights) -> dict[str, Tensor]:
        """Match a source's weights of ``convolutions`` to those placed, and place them: the permutations."""
        if self.placed:
            permutations = self._match_all(weights)
        else:
            permutations = {group: torch.arange(self.groups.axes[group].size) for group in self.makers}
        self.placed.append(self._aligned(weights, permutations))
        return permutations

    def _match_all(self, weights: Weights) -> dict[str, Tensor]:
        """Layer by layer as published: every group by its filters, whose input channels were matched before.

        A residual stream is made by several layers, some of which read channels that are matched after it, so
        one pass cannot see all of it. Where that is so, further passes match every group again by all layers
        that make it and all that read it, until the total distance falls no more (Ainsworth et al. 2023,
        algorithm 1). The readers are needed: without them a pass undoes what matching the groups inside the
        blocks had gained.
        """
        permutations: dict[str, Tensor] = {}
        all_seen = True
        for group, makers in self.makers.items():
            known = [name for name in makers if self._inputs_known(name, permutations)]
            all_seen &= known == makers
            permutations[group] = self._match(self._made(known, weights, permutations))
        similarity = self._similarity(weights, permutations)
        for _ in range(0 if all_seen else MAX_SWEEPS):
            candidate = dict(permutations)
            for group, makers in self.makers.items():
                views = self._made(makers, weights, candidate) + self._read(group, weights, candidate)
                candidate[group] = self._match(views)
            reached = self._similarity(weights, candidate)
            if reached <= similarity * (1 + 1e-9):
                break
            permutations, similarity = candidate, reached
        return permutations

    def _match(self, views: Views) -> Tensor:
        parts = (self.distances([rows.double() for rows in placed], own.double()) for placed, own in views)
        return torch.from_numpy(self.solve(sum(parts).numpy()))

    def _inputs_known(self, name: str, permutations: Permutations) -> bool:
        columns = self.groups.layers[name].columns
        read = {segment.axis.root() for segment in columns.segments}
        return all(group in permutations for group, axis in self.groups.axes.items() if axis in read)

    def _made(self, names: Sequence[str], weights: Weights, permutations: Permutations) -> Views:
        """For each convolution that makes a group: its whole filters as rows, input channels permuted."""
        own = {name: self.groups.inputs_permuted(name, weights[name], permutations) for name in names}
        return [([placed[name].flatten(1) for placed in self.placed], own[name].flatten(1)) for name in names]

    def _read(self, group: str, weights: Weights, permutations: Permutations) -> Views:
        """For each convolution that reads the group: what it does with each channel of it, as rows."""
        axis, views = self.groups.axes[group], []
        for name in self.convolutions:
            columns, start = self.groups.layers[name].columns, 0
            for segment in columns.segments if columns else ():
                if segment.axis.root() is axis:
                    own = self.groups.outputs_permuted(name, weights[name], permutations)
                    part = slice(start, start + segment.size)
                    rows = [
                        weight[:, part].unflatten(1, (axis.size, -1)).transpose(0, 1).flatten(1)
                        for weight in (*(placed[name] for placed in self.placed), own)
                    ]
                    views.append((rows[:-1], rows[-1]))
                start += segment.size
        return views

    def _aligned(self, weights: Weights, permutations: Permutations) -> Weights:
        return {name: self.groups.permuted(name, weight, permutations) for name, weight in weights.items()}

    def _similarity(self, weights: Weights, permutations: Permutations) -> float:
        """Sum of all products with what is placed: the larger, the smaller the total squared distance."""
        aligned = self._aligned(weights, permutations)
        products = (
            (placed[name].flatten().double() @ own.flatten().double()).item()
            for placed in self.placed
            for name, own in aligned.items()
        )
        return sum(products)
