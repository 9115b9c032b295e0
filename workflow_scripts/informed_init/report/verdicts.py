"""From paired differences to verdicts on claims: the tests for and against a claim, and the rule that guards both alike.

A claim is a set of contrasts, each with the interval of differences that it allows. The claim holds when all its
differences lie where they are claimed, and fails when one does not; both are errors to say falsely, so both are tested.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite

from .statistics import ALPHA, Comparison, holm

SUPPORTED, NOT_SUPPORTED, UNDECIDED = "supported", "not supported", "undecided"
AS_CLAIMED, NOT_AS_CLAIMED, OPEN = "as claimed", "not as claimed", "open"

Region = tuple[
    float, float
]  # where a claim puts a difference, in points: an open interval, one of its ends may be infinite


def above(threshold: float) -> Region:
    """A difference greater than ``threshold`` points."""
    return threshold, inf


def below(threshold: float) -> Region:
    """A difference less than ``threshold`` points."""
    return -inf, threshold


def within(margin: float) -> Region:
    """A difference of less than ``margin`` points either way."""
    return -margin, margin


def region_text(region: Region) -> str:
    """``> 4``, ``< 0``, ``within ±2`` or ``between 0 and 2``."""
    low, high = region
    if not isfinite(high):
        return f"> {low:g}"
    if not isfinite(low):
        return f"< {high:g}"
    return f"within ±{high:g}" if low == -high else f"between {low:g} and {high:g}"


@dataclass(frozen=True)
class Evidence:
    """p-values of one contrast or claim: ``for_it`` is small when the data show it, ``against`` when they show its contrary."""

    for_it: float
    against: float


def evidence(comparison: Comparison | None, region: Region) -> Evidence:
    """The tests of one contrast; both are 1 where nothing was run (None) or where there is no interval.

    p-values are two-sided, so that they are below 0.05 exactly when the 95 % interval lies wholly inside the region, or wholly
    outside. With two finite ends the difference has to be told from each of them (two one-sided tests, Schuirmann 1987, each at
    half the level).
    """
    if comparison is None or comparison.low is None:
        return Evidence(1.0, 1.0)
    low, high = region
    if low < comparison.mean < high:
        return Evidence(max(comparison.p_value(end) for end in region if isfinite(end)), 1.0)
    return Evidence(1.0, comparison.p_value(low if comparison.mean <= low else high))


def corrected(several: Sequence[Evidence]) -> list[Evidence]:
    """The tests with Holm's correction over all of them, for and against each on its own."""
    both = zip(holm([one.for_it for one in several]), holm([one.against for one in several]), strict=True)
    return [Evidence(*pair) for pair in both]


def finding(contrast: Evidence) -> str:
    """What corrected tests say of one contrast."""
    if contrast.for_it < ALPHA:
        return AS_CLAIMED
    return NOT_AS_CLAIMED if contrast.against < ALPHA else OPEN


def whole(contrasts: Sequence[Evidence]) -> Evidence:
    """The tests of a claim from the corrected ones of its contrasts: it needs all of them to hold and one to fail."""
    return Evidence(max(one.for_it for one in contrasts), min(one.against for one in contrasts))


def verdict(claim: Evidence) -> str:
    """The verdict on a claim from its tests, corrected over the claims that are judged together."""
    if claim.for_it < ALPHA:
        return SUPPORTED
    return NOT_SUPPORTED if claim.against < ALPHA else UNDECIDED
