"""Searching the compact ResNets under a parameter budget: candidates, successive halving, compound scaling; no torch.

The published grid has 96 shapes, 66 of them under five million parameters. A search trains all candidates shortly on few
images, keeps the best by held-out training images, trains those longer, and so on (successive halving: Jamieson and
Talwalkar 2016); each round is a rung. Beside the grid, compound scaling (Tan and Le 2019) grows one small shape: pairs of
a depth factor alpha and a width factor beta that double its parameters (alpha * beta^2 = 2, within 5 %) are compared at
phi = 1, and the best pair is applied with the largest phi under the budget. Blocks come in whole numbers, so the width is
what makes the parameters those of phi. The ladder of the best pair (phi = 0, 1, largest) is trained in every later rung beside
the survivors.

Test images play no part in any of this.
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from ..errors import InputError
from ..seeds import derive_seed
from .shapes import Shape

PUBLISHED_BUDGET = 5_000_000
PUBLISHED_GRID = {
    "stages": (2, 3, 4, 5),
    "width": (16, 32, 64, 128),
    "blocks": (1, 2, 3),
    "kernels": (3,),
    "skip_kernels": (1,),
    "pool": (1, 2),
}
# the published sum alpha * beta^2 * gamma^2 is "about 2"; the size of the images (gamma) is given here
SCALING_RANGE = (1.9, 2.1)
LADDER = 3  # phi = 0, phi = 1, the largest phi


@dataclass(frozen=True)
class Sizes:
    """What of the images decides how large a network is: channels, classes, height (and width)."""

    channels: int = 3
    classes: int = 10
    input_size: int = 32

    def parameters(self, shape: Shape) -> int:
        """Parameters of a shape for these images."""
        return shape.parameters(self.channels, self.classes)

    def macs(self, shape: Shape) -> int:
        """Multiplications of a shape for one such image."""
        return shape.macs(self.channels, self.classes, self.input_size)


# ---------------------------------------------------------------- candidates


def grid_shapes(grid: Mapping[str, Sequence], common: Mapping | None = None) -> list[Shape]:
    """All combinations of the grid's values; an entry of a list key is one number for all stages, or one a stage.

    ``common`` are settings that all share, e.g. ``{"stem_stride": 2}``. Raises :class:`InputError` naming a combination
    whose lists are not as long as its number of stages.
    """
    keys = list(grid)
    shapes = [Shape.of(common or {}, **dict(zip(keys, values, strict=True))) for values in product(*grid.values())]
    return list(dict.fromkeys(shapes))


def under_budget(shapes: Iterable[Shape], budget: int, sizes: Sizes) -> list[Shape]:
    """The shapes with fewer parameters than ``budget``, in the order given."""
    return [shape for shape in shapes if sizes.parameters(shape) < budget]


def check_budget(shape: Shape, budget: int, sizes: Sizes) -> None:
    """Raise :class:`InputError` for a shape with ``budget`` parameters or more."""
    count = sizes.parameters(shape)
    if count >= budget:
        raise InputError(f"{shape.name} has {count:,} parameters, the budget is under {budget:,}; make it smaller")


# ---------------------------------------------------------------- compound scaling


def scaling_pairs(depth: Iterable[float], width: Iterable[float]) -> list[tuple[float, float]]:
    """The pairs (alpha, beta) of a grid with alpha * beta^2 in :data:`SCALING_RANGE`, both at least 1."""
    low, high = SCALING_RANGE
    near = 1e-9  # 1.9 * 1.0 is on the border
    return [
        (alpha, beta)
        for alpha, beta in product(depth, width)
        if min(alpha, beta) >= 1 and low - near <= alpha * beta**2 <= high + near
    ]


def scaled(base: Shape, alpha: float, phi: float, sizes: Sizes, divisor: int = 1) -> Shape:
    """``base`` with alpha^phi times its blocks and the width, a multiple of ``divisor``, that brings its parameters nearest to
    2^phi times those of ``base``. phi = 0 is ``base`` itself.

    The blocks of all stages are rounded together: whole stages of two blocks know no step between one and one and a half
    times as many.
    """
    if phi == 0:
        return base
    blocks, target = _deeper(base.blocks, alpha**phi), sizes.parameters(base) * 2**phi
    width, smaller = divisor, None
    while True:
        shape = Shape.of(base.settings(), width=width, blocks=blocks)
        ratio = sizes.parameters(shape) / target
        if ratio >= 1:
            nearer = smaller is not None and 1 / smaller[0] <= ratio
            return smaller[1] if nearer else shape
        width, smaller = width + divisor, (ratio, shape)


def _deeper(blocks: Sequence[int], factor: float) -> tuple[int, ...]:
    """``factor`` times as many blocks, as whole numbers that keep the stages' shares; what is left over goes to the stages that
    lack most, of equals to the later ones."""
    total = math.floor(sum(blocks) * factor + 0.5)
    exact = [number * total / sum(blocks) for number in blocks]
    whole = [math.floor(number) for number in exact]
    lacking = sorted(range(len(blocks)), key=lambda stage: (whole[stage] - exact[stage], -stage))
    for stage in lacking[: total - sum(whole)]:
        whole[stage] += 1
    return tuple(whole)


def distinct_pairs(base: Shape, pairs: Iterable[tuple[float, float]], sizes: Sizes, divisor: int = 1) -> list:
    """The pairs whose networks at phi = 1 differ; of those with one network the one that is nearest to what it became."""
    found: dict[Shape, tuple[float, tuple[float, float]]] = {}
    for alpha, beta in pairs:
        shape = scaled(base, alpha, 1.0, sizes, divisor)
        became = sum(shape.blocks) / sum(base.blocks), shape.width / base.width
        distance = abs(math.log(alpha / became[0])) + 2 * abs(math.log(beta / became[1]))
        if shape not in found or distance < found[shape][0]:
            found[shape] = distance, (alpha, beta)
    return [pair for _, pair in found.values()]


def largest_phi(base: Shape, alpha: float, budget: int, sizes: Sizes, divisor: int = 1) -> float:
    """The largest phi, in steps of 0.01, up to which a depth factor keeps ``base`` under the budget.

    Raises :class:`InputError` if ``base`` itself is over the budget.
    """
    check_budget(base, budget, sizes)
    steps = 0
    while sizes.parameters(scaled(base, alpha, (steps + 1) / 100, sizes, divisor)) < budget:
        steps += 1
    return steps / 100


# ---------------------------------------------------------------- rungs


@dataclass(frozen=True)
class Plan:
    """A search: what is trained in its first rung, and what decides who goes on.

    ``candidates`` are the grid's shapes under the budget; ``base`` (or None) with ``pairs`` and ``divisor`` are what
    compound scaling starts from; ``kept`` has the number of grid shapes of every rung, the first being all.
    """

    candidates: tuple[Shape, ...]
    kept: tuple[int, ...]
    budget: int
    sizes: Sizes
    base: Shape | None = None
    pairs: tuple[tuple[float, float], ...] = ()
    divisor: int = 1

    @classmethod
    def from_spec(cls, spec: Mapping) -> "Plan":
        """From plain values: grid, common (settings that all shapes share), scaling (base, depth, width, divisor; or
        None), configs (shapes kept by the second rung and later), budget and sizes."""
        sizes, common, scaling = Sizes(**spec["sizes"]), spec["common"], spec["scaling"]
        candidates = tuple(under_budget(grid_shapes(spec["grid"], common), spec["budget"], sizes))
        kept = (len(candidates), *spec["configs"])
        if scaling is None:
            return cls(candidates, kept, spec["budget"], sizes)
        base, divisor = Shape.of(common, **scaling["base"]), scaling["divisor"]
        pairs = distinct_pairs(base, scaling_pairs(scaling["depth"], scaling["width"]), sizes, divisor)
        return cls(candidates, kept, spec["budget"], sizes, base, tuple(pairs), divisor)

    def first_rung(self) -> list[Shape]:
        """The shapes of rung 0, each once: the grid, the base, and every pair at phi = 1.

        In an order drawn by name, so that blocks of it cost about the same.
        """
        scaling = [self.base] if self.base else []
        scaling += [self.at(pair, 1.0) for pair in self.pairs]
        shapes = dict.fromkeys([*self.candidates, *scaling])
        return sorted(shapes, key=lambda shape: derive_seed("search order", shape.name))

    def at(self, pair: tuple[float, float], phi: float) -> Shape:
        """The base scaled by a pair."""
        return scaled(self.base, pair[0], phi, self.sizes, self.divisor)

    def ladder(self, pair: tuple[float, float]) -> list[tuple[float, Shape]]:
        """phi and shape of the base, of phi = 1 and of the largest phi under the budget."""
        largest = largest_phi(self.base, pair[0], self.budget, self.sizes, self.divisor)
        return [(phi, self.at(pair, phi)) for phi in (0.0, 1.0, largest)]

    def size_of(self, rung: int) -> int:
        """How many shapes a rung trains at most: what its jobs are planned by."""
        return len(self.first_rung()) if rung == 0 else self.kept[rung] + (LADDER if self.base else 0)

    def entrants(self, rung: int, earlier: Sequence[Sequence[Mapping]]) -> list[Shape]:
        """The shapes of a rung, from the rows of all rungs before it (``earlier[r]`` of rung r), each once.

        Survivors first, from the best on; then the ladder of the pair that was best in rung 0.
        """
        if rung == 0:
            return self.first_rung()
        own = {shape.name for shape in self.candidates}
        best = [name for name in ranking(earlier[rung - 1]) if name in own][: self.kept[rung]]
        if len(best) < self.kept[rung]:
            raise InputError(
                f"rung {rung} keeps {self.kept[rung]} shapes, but rung {rung - 1} trained only {len(best)}"
            )
        survivors = [Shape.parse(name) for name in best]
        steps = [shape for _, shape in self.ladder(self.best_pair(earlier[0]))] if self.base else []
        return list(dict.fromkeys([*survivors, *steps]))

    def best_pair(self, rows: Sequence[Mapping]) -> tuple[float, float]:
        """The pair whose shape at phi = 1 did best in rung 0."""
        place = {name: number for number, name in enumerate(ranking(rows))}
        missing = [pair for pair in self.pairs if self.at(pair, 1.0).name not in place]
        if missing:
            raise InputError(f"compound scaling: no result of {self.at(missing[0], 1.0).name} in rung 0")
        return min(self.pairs, key=lambda pair: place[self.at(pair, 1.0).name])


def ranking(rows: Iterable[Mapping]) -> list[str]:
    """The configurations of one rung by mean held-out accuracy, the best first; the smaller one of two equal ones.

    ``rows`` have configuration, parameters, val_accuracy (percent), diverged; a training that diverged counts as 0.
    """
    values: dict[str, list[float]] = {}
    parameters = {}
    for row in rows:
        accuracy = 0.0 if int(row["diverged"]) else float(row["val_accuracy"])
        values.setdefault(row["configuration"], []).append(accuracy)
        parameters[row["configuration"]] = int(row["parameters"])
    means = {name: sum(own) / len(own) for name, own in values.items()}
    return sorted(means, key=lambda name: (-means[name], parameters[name], name))


def chosen(last_rung: Sequence[Mapping]) -> Shape:
    """What the search ends with: the best of its last rung, survivors and ladder alike."""
    return Shape.parse(ranking(last_rung)[0])


def read_rungs(paths: Iterable[str | Path]) -> list[list[dict[str, str]]]:
    """The rows of rungs from the tables of their blocks, by rung; every rung up to the last must be there.

    Raises :class:`InputError` for a table that is no table of a search, and for a rung without rows.
    """
    rungs: dict[int, list[dict[str, str]]] = {}
    for path in paths:
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                if not {"rung", "configuration", "val_accuracy", "diverged"} <= set(row):
                    raise InputError(f"{path}: no table of a search; delete it and run again")
                rungs.setdefault(int(row["rung"]), []).append(row)
    if sorted(rungs) != list(range(len(rungs))):
        raise InputError(f"the tables of a search lack rungs: found {sorted(rungs)}")
    return [rungs[number] for number in sorted(rungs)]
