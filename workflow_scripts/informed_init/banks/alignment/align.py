"""Align named sources over their first layers, average them, and keep the result as a bank."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import InputError
from ..bank import Bank, LayerBank
from ..sources import Source
from .groups import Groups, State, fitting_tensor, permutation_groups
from .matching import MATCHINGS, Matcher

AVERAGES = ("unit", "plain")
METHODS = tuple(f"aligned-{matching}" for matching in MATCHINGS)


@dataclass(frozen=True)
class Cost:
    """Mean squared distance of whole filters in the same place, over places and pairs of sources."""

    before: float
    after: float


@dataclass(frozen=True)
class Alignment:
    """Sources matched to each other over the first layers, and their averages.

    ``permutations``: source -> group -> index, as :func:`permute_source` takes them. The others are by layer:
    ``averages`` (out, in, kh, kw), ``stds`` of the sources' weights about zero, and ``inertias``, the mean
    squared distance of a source's filter (of unit length, if those were averaged) to its average.
    """

    matching: str
    average: str
    permutations: dict[str, dict[str, Tensor]]
    costs: dict[str, Cost]
    averages: dict[str, Tensor]
    stds: dict[str, float]
    inertias: dict[str, float]

    def to_bank(self) -> Bank:
        """A bank for the initializer ``aligned``: layers of whole averaged filters (out, in, kh, kw)."""
        layers = {}
        for name, filters in self.averages.items():
            shares = torch.full((len(filters),), 1 / len(filters))
            layers[name] = LayerBank(filters, shares, self.stds[name], self.inertias[name])
        costs = {name: {"before": cost.before, "after": cost.after} for name, cost in self.costs.items()}
        facts = {"average": self.average, "squared_distances": costs}
        return Bank(f"aligned-{self.matching}", layers, list(self.permutations), facts)


def align(
    sources: Mapping[str, State | Source],
    groups: Groups,
    layers: int,
    matching: str = "hungarian",
    *,
    average: str = "unit",
    progress: Callable[[str], None] = lambda line: None,
) -> Alignment:
    """Match the first ``layers`` bankable convolutions of named sources, layer by layer, and average them.

    Every source is matched to all sources before it; the first keeps its order. No source is changed.

    Args:
        sources: state dicts or :class:`Source`, by name, all of the architecture of ``groups``.
        groups: from :func:`permutation_groups`.
        layers: how many layers, a prefix of ``bankable_layers``.
        matching: ``greedy``, as the published code does it: the first source's filters, in their order, each
            take the nearest filter still free; distances are between the real parts of the 1-D FFTs of the
            flattened unit-length filters, summed over the sources before. Or ``hungarian``: the one-to-one
            matching of the smallest total squared distance between whole filters.
        average: of filters scaled to ``unit`` length, as published, or ``plain``.
        progress: receives one line a layer.

    Raises:
        InputError: an unknown matching or average, no source, a number of layers the network does not have,
            or a source that does not fit the network.
    """
    for value, known, what in ((matching, MATCHINGS, "matching"), (average, AVERAGES, "average")):
        if value not in known:
            raise InputError(f"alignment: {what} {value!r} is not one of {', '.join(known)}")
    if not sources:
        raise InputError("alignment: no sources were given; at least one is needed")
    if not 1 <= layers <= len(groups.bankable):
        raise InputError(f"alignment: {layers} layers were asked for; the network has 1 to {len(groups.bankable)}")
    chosen = groups.bankable[:layers]
    matcher = Matcher(groups, max(chosen, key=list(groups.layers).index), matching)
    permutations = {
        name: matcher.place({layer: _weight(sources, name, groups, layer) for layer in matcher.convolutions})
        for name in sources
    }
    result = Alignment(matching, average, permutations, {}, {}, {}, {})
    for layer in chosen:
        before = torch.stack([_weight(sources, name, groups, layer) for name in sources]).double().flatten(2)
        after = torch.stack([placed[layer] for placed in matcher.placed]).double().flatten(2)
        members = functional.normalize(after, dim=2) if average == "unit" else after
        mean = members.mean(0)
        cost = result.costs[layer] = Cost(_pair_distance(before), _pair_distance(after))
        result.averages[layer] = mean.float().view_as(matcher.placed[0][layer])
        result.stds[layer] = after.square().mean().sqrt().item()
        result.inertias[layer] = (members - mean).square().sum(2).mean().item()
        progress(f"{layer}: squared distance of filters in one place {cost.before:.4f} -> {cost.after:.4f}")
    return result


def _weight(sources: Mapping[str, State | Source], name: str, groups: Groups, layer: str) -> Tensor:
    return fitting_tensor(sources[name], layer, "weight", groups, f"source {name!r}").float()


def _pair_distance(filters: Tensor) -> float:
    """Of (sources, out, values): over pairs of n sources, 2 n / (n - 1) times the distance to their mean."""
    n = len(filters)
    return (filters - filters.mean(0)).square().sum(2).mean().item() * 2 * n / max(1, n - 1)


def aligned_bank(
    method: str,
    sources: Mapping[str, State | Source],
    model: nn.Module,
    layers: int,
    *,
    average: str = "unit",
    input_size: Sequence[int] = (3, 32, 32),
    progress: Callable[[str], None] = lambda line: None,
) -> Bank:
    """The bank of an alignment: ``method`` is one of ``METHODS``, ``model`` a network like the sources."""
    if method not in METHODS:
        raise InputError(f"bank method {method!r} is not one of {', '.join(METHODS)}")
    groups = permutation_groups(model, input_size)
    matching = method.removeprefix("aligned-")
    return align(sources, groups, layers, matching, average=average, progress=progress).to_bank()


def filter_pair(
    sources: Mapping[str, State | Source], groups: Groups, matching: str = "hungarian", layer: int = 1
) -> dict[str, np.ndarray]:
    """What a drawing of alignment shows: one layer's filters in two sources, the second before and after.

    ``reference``, ``before`` and ``after`` are float32 (out, in, kh, kw) in the order of the channels; the
    input channels of ``after`` are permuted, too. ``permutation`` (out,) says which filter of ``before``
    stands at each place of ``after``. The first ``layer`` layers are aligned, the last of them is shown.
    """
    if len(sources) != 2:
        raise InputError(f"alignment: a pair of sources is drawn, but {len(sources)} were given")
    first, second = sources
    permutations = align(sources, groups, layer, matching).permutations[second]
    name = groups.bankable[layer - 1]
    before = _weight(sources, second, groups, name)
    arrays = {
        "reference": _weight(sources, first, groups, name),
        "before": before,
        "after": groups.permuted(name, before, permutations),
        "permutation": groups.index(groups.layers[name].rows, permutations),
    }
    return {key: tensor.numpy() for key, tensor in arrays.items()}
