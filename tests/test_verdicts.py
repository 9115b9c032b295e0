"""Verdicts follow their rule, and are seldom wrong: in simulated studies a claim that holds is as safe as one that does not."""

import numpy as np
import pytest
from informed_init.report.claims import CLAIMS
from informed_init.report.statistics import mean_interval, paired_difference, simulate
from informed_init.report.verdicts import (
    Evidence,
    above,
    below,
    corrected,
    evidence,
    finding,
    region_text,
    verdict,
    whole,
    within,
)

USUAL = {"task_sd": 1.5, "replica_sd": 0.7, "residual_sd": 2.0}
MANY = [within(3.0)] * 8 + [below(-3.0)] * 2  # a claim of ten contrasts


def comparison_of(mean, noise, seed=0):
    """A comparison of 10 x 5 cells with exactly this mean and about this standard error."""
    values = simulate(0, (1, 10, 5), task_sd=noise * 3, replica_sd=0, residual_sd=noise, seed=seed)[0]
    return paired_difference(values - values.mean() + mean, np.zeros((10, 5)))


@pytest.mark.parametrize(
    "mean, noise, region, word",
    [
        (6.0, 0.5, above(4.0), "supported"),
        (2.0, 0.5, above(4.0), "not supported"),
        (4.5, 2.0, above(4.0), "undecided"),
        (-3.0, 0.5, below(0.0), "supported"),
        (3.0, 0.5, below(0.0), "not supported"),
        (0.2, 0.5, within(2.0), "supported"),
        (5.0, 0.5, within(2.0), "not supported"),
        (-5.0, 0.5, within(2.0), "not supported"),
        (0.2, 4.0, within(2.0), "undecided"),
        (1.8, 0.5, within(2.0), "undecided"),
        (1.0, 0.2, (0.0, 2.0), "supported"),
        (4.0, 0.5, (0.0, 2.0), "not supported"),
    ],
)
def test_verdicts_on_a_claim_of_one_contrast_agree_with_its_interval(mean, noise, region, word):
    comparison = comparison_of(mean, noise)
    assert verdict(evidence(comparison, region)) == word
    inside = region[0] < comparison.low and comparison.high < region[1]
    outside = comparison.high <= region[0] or comparison.low >= region[1]
    assert (inside, outside) == (word == "supported", word == "not supported")


def test_a_claim_is_as_strong_as_its_weakest_contrast_and_falls_with_one():
    strong, weak, contrary = Evidence(0.001, 1.0), Evidence(0.06, 1.0), Evidence(1.0, 0.001)
    assert verdict(whole([strong, strong])) == "supported"
    assert verdict(whole([strong, weak])) == "undecided"
    assert verdict(whole([strong, contrary])) == "not supported"


def test_every_further_look_makes_a_verdict_harder_for_and_against_alike():
    for one in (Evidence(0.03, 1.0), Evidence(1.0, 0.03)):
        alone, looked = finding(corrected([one])[0]), finding(corrected([one, Evidence(1.0, 1.0)])[0])
        assert alone != "open" and looked == "open"


def test_without_an_interval_nothing_is_decided():
    one_cell = paired_difference(np.array([[70.0]]), np.array([[60.0]]))
    for comparison in (one_cell, None):
        assert verdict(evidence(comparison, above(4.0))) == "undecided"


@pytest.mark.parametrize(
    "region, words",
    [(above(4), "> 4"), (below(-2), "< -2"), (within(2), "within ±2"), ((0.0, 2.0), "between 0 and 2")],
)
def test_regions_in_words(region, words):
    assert region_text(region) == words


def test_what_the_paper_measured_lies_where_its_claims_put_it():
    for contrast in (contrast for claim in CLAIMS for contrast in claim.contrasts):
        low, high = contrast.claimed
        assert low < contrast.published < high, contrast.text


# ---------------------------------------------------------------- planted truths


def verdicts(truths, *, studies, shape=(10, 5), resamples=1999, **spreads):
    """Verdicts on the claim :data:`MANY` in simulated studies where its differences are ``truths``.

    All contrasts are against one arm, so that they share half of their variance.
    """
    spreads = {name: value / np.sqrt(2) for name, value in (USUAL | spreads).items()}
    cells = simulate(0.0, (studies * (len(MANY) + 1), *shape), seed=5, **spreads)
    cells = cells.reshape(studies, len(MANY) + 1, *shape)
    words = []
    for study in cells:
        found = [
            mean_interval(arm - study[-1] + truth, resamples=resamples)
            for arm, truth in zip(study[:-1], truths, strict=True)
        ]
        contrasts = corrected([evidence(one, region) for one, region in zip(found, MANY, strict=True)])
        words.append(verdict(whole(contrasts)))
    return words


def rate(words, word):
    return words.count(word) / len(words)


HOLDS = [0.0] * 8 + [-9.0] * 2
AT_THE_EDGE = [3.0, -3.0] * 4 + [-3.0] * 2  # every difference as far out as the claim allows


@pytest.mark.parametrize("shape", [(5, 3), pytest.param((10, 5), marks=pytest.mark.slow)])
def test_a_claim_that_holds_is_seldom_rejected_however_many_contrasts_it_has(shape):
    words = verdicts(AT_THE_EDGE, studies=200, shape=shape)
    assert rate(words, "not supported") <= 0.07 and rate(words, "supported") <= 0.05


@pytest.mark.parametrize("failing", [0, 9])
def test_a_claim_that_fails_in_one_contrast_is_seldom_supported(failing):
    truths = HOLDS.copy()
    truths[failing] = AT_THE_EDGE[failing]
    words = verdicts(truths, studies=100, residual_sd=0.5, task_sd=0.5)
    assert rate(words, "supported") <= 0.07


def test_planted_truths_are_found():
    assert rate(verdicts(HOLDS, studies=40, task_sd=0.5, residual_sd=1.0), "supported") >= 0.9
    fails = [9.0, *HOLDS[1:]]
    assert rate(verdicts(fails, studies=40, task_sd=0.5, residual_sd=1.0), "not supported") >= 0.9
