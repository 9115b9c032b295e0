"""What the paper claims, as contrasts of arms that decide it, and the rule by which a claim is judged.

Arms are declared by what they are, never by what a config calls them: an arm with another ``k`` is another arm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..facts import PLACE, Facts, described, find
from .verdicts import Region, above, below, region_text, within

# What counts as "no difference" where a claim says so: half of the four points that claim (a) is about.
MARGIN = 2.0
# What counts as "about equally good": the least whole number of points that the differences which the paper calls so lie within
# (up to 2.50); what it calls bad (5.2 and 5.5) lies outside.
EQUALLY_GOOD = 3.0

VERDICT_RULE = (
    "Every contrast is tested for the claim (its difference lies where the claim puts it) and against it (it does not). "
    "p-values are two-sided, in step with the 95 % interval, and corrected by Holm's method over all contrasts of the "
    "claim, those that were not run included. A contrast is *as claimed* when its corrected p-value for the claim is below "
    "0.05, *not as claimed* when the one against it is, *open* otherwise. A claim is SUPPORTED when all its contrasts are as "
    "claimed, NOT SUPPORTED when one is not as claimed, if its p-value (for: the largest of its contrasts', against: the "
    "smallest) stays below 0.05 after Holm's correction over all claims that were run under that protocol; UNDECIDED "
    f'otherwise. "About equally good" means within ±{EQUALLY_GOOD:g} points, the least whole number that the published '
    f'differences lie within, "bad" worse than that; "does not matter" means within ±{MARGIN:g} points, "does not help" and '
    f'"no better" a gain below {MARGIN:g}, "marginally better" one between 0 and {MARGIN:g}.'
)


# Where a claim is judged: on the run's own network and data, on the network that aligned sources are for, or on the larger
# data set that the gain should carry over to; the config's `tables.audit` says which those are.
OWN, ALIGNED, TRANSFER = "own", "aligned", "transfer"

EUCLID, FOURIER = "euclid", "fourier-real"
RANDOM = {"initializer": "default"}
PRETRAINED = {"initializer": "pretrained"}


def clustered(method: str, k: int, *, models: int = 10, **other: object) -> dict:
    """The facts of an arm that draws the centers of ``k`` clusters of the filters of ``models`` sources."""
    return {"initializer": "clustered", "method": method, "k": k, "models": models, **other}


def gabor(layers: int) -> dict:
    """The facts of an arm with the paper's Gabor filters in its first layers, the same filters in every published training."""
    return {"initializer": "gabor", "layers": layers, "grid": "published", "published_filter_seed": 0}


def aligned(layers: int) -> dict:
    """The facts of an arm whose first layers are the average of six sources, aligned greedily."""
    bank = {"method": "aligned-greedy", "models": 6, "aligned_layers": 4}
    return {"initializer": "aligned", "layers": layers, **bank}


@dataclass(frozen=True)
class Contrast:
    """A paired difference that a claim is about: mean of the ``plus`` arms minus mean of the ``minus`` arms.

    The sides are facts of arms (:mod:`..facts`) without their place; :func:`named` puts the arms' names in their stead.
    ``claimed`` is where the claim puts the difference and ``published`` the difference of the published means at the last
    epoch, both in points.
    """

    plus: tuple[Facts | str, ...]
    minus: tuple[Facts | str, ...]
    claimed: Region
    published: float
    name: str = ""

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms that have to be trained for it."""
        return (*self.plus, *self.minus)

    @property
    def text(self) -> str:
        """What is claimed, e.g. ``<arm> - <arm> > 4``; ``name`` replaces the arms."""
        arms = self.name or " - ".join(" + ".join(side) for side in (self.plus, self.minus))
        return f"{arms} {region_text(self.claimed)}"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper and the contrasts that decide it, all of arms of one place."""

    key: str
    text: str
    contrasts: tuple[Contrast, ...]
    place: str = OWN


def named(claims: Sequence[Claim], arms: Mapping[str, Facts], places: Mapping[str, Facts]) -> tuple[Claim, ...]:
    """The claims with the names of the arms that are exactly what their contrasts say.

    Args:
        arms: name -> facts.
        places: :data:`OWN`, :data:`ALIGNED`, :data:`TRANSFER` -> ``architecture`` and ``dataset``; a claim whose place is not
            among them stays in words.

    Returns:
        What no arm is stays in words (:func:`.facts.described`), so that nothing else is judged in its stead.
    """

    def contrast(one: Contrast, place: str) -> Contrast:
        sides = {
            side: tuple(name_of(facts, place, arms, places) for facts in getattr(one, side))
            for side in ("plus", "minus")
        }
        return replace(one, **sides)

    return tuple(replace(c, contrasts=tuple(contrast(one, c.place) for one in c.contrasts)) for c in claims)


def name_of(facts: Facts, place: str, arms: Mapping[str, Facts], places: Mapping[str, Facts]) -> str:
    """The name of the arm that is exactly what the facts say at a place, or the facts in words if no arm is."""
    found = find(arms, {**facts, **{key: places[place][key] for key in PLACE}}) if place in places else None
    return found or described(facts)


def _each(claimed: Region, *triples: tuple[Facts, Facts, float]) -> tuple[Contrast, ...]:
    """Contrasts of single arms from (plus, minus, published difference)."""
    return tuple(Contrast((plus,), (minus,), claimed, published) for plus, minus, published in triples)


_KS = (2, 3, 10, 30, 50)

# Published numbers: differences of the mean accuracies at epoch 15 in the paper's published curves. Arms with k = 10 in all
# layers, from ten models, were trained three times there; claims (c) and (d) quote their own.
CLAIMS = (
    Claim(
        "a",
        "Clustering beats random by more than 4 points and Gabor by more than 2",
        _each(above(4.0), (clustered(EUCLID, 2), RANDOM, 4.83), (clustered(FOURIER, 2), RANDOM, 5.00))
        + _each(above(2.0), (clustered(EUCLID, 2), gabor(1), 2.57), (clustered(FOURIER, 2), gabor(1), 2.74)),
    ),
    Claim(
        "b",
        "Any k > 1 is about equally good, k = 1 is bad",
        _each(
            within(EQUALLY_GOOD),
            (clustered(EUCLID, 3), clustered(EUCLID, 2), -0.41),
            (clustered(EUCLID, 10), clustered(EUCLID, 2), -1.90),
            (clustered(EUCLID, 30), clustered(EUCLID, 2), -2.50),
            (clustered(EUCLID, 50), clustered(EUCLID, 2), -2.44),
            (clustered(FOURIER, 3), clustered(FOURIER, 2), -0.71),
            (clustered(FOURIER, 10), clustered(FOURIER, 2), -0.44),
            (clustered(FOURIER, 30), clustered(FOURIER, 2), -1.08),
            (clustered(FOURIER, 50), clustered(FOURIER, 2), -0.80),
        )
        + _each(
            below(-EQUALLY_GOOD),
            (clustered(EUCLID, 1), clustered(EUCLID, 2), -5.50),
            (clustered(FOURIER, 1), clustered(FOURIER, 2), -5.21),
        ),
    ),
    Claim(
        "c",
        "More clustered layers help (17 against 1 and 6)",
        _each(
            above(0.0),
            (clustered(EUCLID, 10), clustered(EUCLID, 10, layers=1), 2.59),
            (clustered(EUCLID, 10), clustered(EUCLID, 10, layers=6), 2.03),
            (clustered(FOURIER, 10), clustered(FOURIER, 10, layers=1), 4.21),
            (clustered(FOURIER, 10), clustered(FOURIER, 10, layers=6), 2.96),
        ),
    ),
    Claim(
        "d",
        "The number of source models does not matter (20 and 10 against 2)",
        _each(
            within(MARGIN),
            (clustered(EUCLID, 10, models=20), clustered(EUCLID, 10, models=2), 0.07),
            (clustered(EUCLID, 10), clustered(EUCLID, 10, models=2), 0.22),
            (clustered(FOURIER, 10, models=20), clustered(FOURIER, 10, models=2), 0.29),
            (clustered(FOURIER, 10), clustered(FOURIER, 10, models=2), 0.38),
        ),
    ),
    Claim(
        "e",
        "On the first layer alone Gabor beats clustering",
        _each(
            above(0.0),
            (gabor(1), clustered(EUCLID, 10, layers=1), 1.43),
            (gabor(1), clustered(FOURIER, 10, layers=1), 2.36),
        ),
    ),
    Claim(
        "f",
        "Gabor beyond the first layer hurts",
        _each(
            below(0.0),
            (gabor(2), gabor(1), -0.61),
            (gabor(6), gabor(1), -3.13),
            (gabor(10), gabor(1), -11.44),
            (gabor(17), gabor(1), -22.80),
        ),
    ),
    Claim(
        "g",
        "Alignment does not help",
        _each(
            below(MARGIN),
            (aligned(1), RANDOM, 0.02),
            (aligned(2), RANDOM, -0.27),
            (aligned(4), RANDOM, -0.10),
        ),
        ALIGNED,
    ),
    Claim(
        "h",
        "The gain carries over to Tiny ImageNet",
        _each(above(0.0), (clustered(FOURIER, 3, models=6, disjoint=True), RANDOM, 4.45)),
        TRANSFER,
    ),
    Claim(
        "i",
        "Fourier is marginally better than euclid",
        (
            Contrast((clustered(FOURIER, 2),), (clustered(EUCLID, 2),), (0.0, MARGIN), 0.17),
            Contrast(
                tuple(clustered(FOURIER, k) for k in _KS),
                tuple(clustered(EUCLID, k) for k in _KS),
                (0.0, MARGIN),
                1.01,
                "mean of fourier - mean of euclid over k = 2, 3, 10, 30, 50",
            ),
        ),
    ),
    Claim(
        "j",
        "A pretrained model is no better than random",
        _each(below(MARGIN), (PRETRAINED, RANDOM, -0.08)),
    ),
)

# The gain of clustering that is taken apart, and what each control leaves of a bank: the clusters of untrained sources, those of
# taps that can be trained, the filters at He's scale, noise at the bank's scale, its taps in another order, whole filters
# instead of centers, and noise of the filters' covariance.
FULL = clustered(EUCLID, 2)
CONTROLS = (
    FULL | {"trained": False},
    FULL | {"taps": "live"},
    FULL | {"rescale": "he"},
    FULL | {"initializer": "he-scaled"},
    {"initializer": "shuffled", "method": "reservoir", "models": 10},
    {"initializer": "clustered", "method": "reservoir", "models": 10},
    {"initializer": "clustered", "method": "gaussian", "models": 10},
)
