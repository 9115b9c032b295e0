"""Intervals over superclasses cover when pairs share them, and tables of such pairs use them."""

from itertools import combinations

import numpy as np
import pytest
from informed_init.errors import InputError
from informed_init.report.audit import attribution, audit
from informed_init.report.best_rates import best_rates
from informed_init.report.claims import Claim, Contrast
from informed_init.report.curves import cell_matrix
from informed_init.report.dyadic import is_every_pair, pair_interval, task_interval
from informed_init.report.statistics import mean_interval
from informed_init.report.verdicts import above
from scipy import stats
from test_figures import make_curves

TEN = list(combinations(range(10, 20), 2))


def simulated(superclass_sd, residual_sd, *, draws, rounds=1, members=10, seed=1):
    """Cells (draws, pairs, rounds) around zero in which every superclass has an effect of its own."""
    random, (i, j) = np.random.default_rng(seed), np.array(list(combinations(range(members), 2))).T
    effects = random.normal(0, superclass_sd, (draws, members))
    return (effects[:, i] + effects[:, j])[..., None] + random.normal(0, residual_sd, (draws, len(i), rounds))


def coverage(interval_of, cells):
    found = [interval_of(values) for values in cells]
    return np.mean([interval.low <= 0 <= interval.high for interval in found])


@pytest.mark.parametrize(
    ("spreads", "rounds", "most"),
    [((1.0, 2.0), 1, 0.975), ((2.0, 0.5), 1, 0.975), ((1.0, 2.0), 2, 0.975), ((0.0, 2.0), 1, 0.99)],
    ids=["both", "superclasses-dominate", "two-rounds", "residual-only"],
)
def test_intervals_over_superclasses_cover_in_a_thousand_draws(spreads, rounds, most):
    cells = simulated(*spreads, draws=1000, rounds=rounds)
    assert 0.935 <= coverage(lambda values: pair_interval(values, TEN), cells) <= most


def test_intervals_over_tasks_alone_do_not_cover_when_tasks_share_superclasses():
    # why there is a method of its own: 45 pairs of ten superclasses are not 45 draws
    assert coverage(mean_interval, simulated(1.0, 2.0, draws=300)) < 0.8


def test_no_seed_moves_a_bound_and_the_p_value_agrees_with_the_interval():
    values = simulated(1.0, 2.0, draws=1)[0] + 1.5
    first, again = (pair_interval(values, TEN) for _ in range(2))
    assert first == again and first.n_tasks == 45
    for null in (first.low, first.high):
        assert first.p_value(null) == pytest.approx(0.05)


def test_the_mean_squares_are_those_of_least_squares():
    values = simulated(1.0, 2.0, draws=1, rounds=3)[0]
    design = np.array([[1.0, *(member in pair for member in range(10, 20))] for pair in TEN])
    means = values.mean(1)
    fitted = design @ np.linalg.lstsq(design, means, rcond=None)[0]
    residual = ((means - fitted) ** 2).sum() / 35
    shared = ((fitted - means.mean()) ** 2).sum() / 9
    expected = 4 * (shared - residual) / 80 + residual / 45
    interval = pair_interval(values, TEN)
    assert shared > residual and interval.standard_error == pytest.approx(np.sqrt(expected))
    reach = stats.t.ppf(0.975, interval.degrees_of_freedom) * interval.standard_error
    assert (interval.low, interval.high) == pytest.approx((means.mean() - reach, means.mean() + reach))


def test_only_every_pair_of_enough_superclasses_has_such_an_interval():
    assert is_every_pair([(b, a) for a, b in TEN]) and not is_every_pair(TEN[1:]) and not is_every_pair([*TEN, TEN[0]])
    assert not is_every_pair(list(combinations(range(4), 2)))
    with pytest.raises(InputError, match="every pair of at least 5"):
        pair_interval(np.zeros((44, 1)), TEN[1:])
    with pytest.raises(InputError, match="diverged"):
        pair_interval(np.full((45, 1), np.nan), TEN)
    equal = pair_interval(np.ones((45, 2)), TEN)
    assert equal.low is None and equal.note == "all 90 values equal: no interval"
    # other tasks keep the interval of crossed cells
    cells = np.random.default_rng(0).normal(size=(3, 4))
    assert task_interval(cells, ["a", "b", "c"], {"a": [1, 2]}).low == mean_interval(cells).low


# ---------------------------------------------------------------- in tables

FIVE = list(combinations(range(5), 2))
PAIRS = {f"set-{a}-{b}": [a, b] for a, b in FIVE}


def celled(levels):
    """Curves of every pair once, each in a replica of its own."""
    curves = make_curves(levels, tuple(PAIRS), replicas=1, epochs=1)
    return curves.assign(replica=curves["task"].map({task: number for number, task in enumerate(PAIRS)}))


def test_the_tables_of_a_run_of_pairs_have_intervals_over_superclasses():
    curves = celled({"random": 60, "x": 63, "y": 61})
    easy = curves["task"].map(
        {task: 4.0 * (0 in pair) for task, pair in PAIRS.items()}
    )  # what x does depends on superclass 0
    curves["test_accuracy"] += easy.where(curves["arm"] == "x", 0.0)
    test = {arm: cell_matrix(curves, arm, "test_accuracy") for arm in ("random", "x", "y")}
    expected = pair_interval(test["x"] - test["random"], [PAIRS[task] for task in test["x"].index])
    assert expected.low is not None and "superclasses" in expected.note
    claim = Claim("1", "x helps", (Contrast(("x",), ("random",), above(0.0), 1.0),))
    rows = [
        audit(curves, [claim], pairs=PAIRS)
        .filter(regex="^controlled_")
        .rename(columns=lambda n: n.removeprefix("controlled_")),
        attribution(curves, "random", "x", controls=["y"], pairs=PAIRS).rename(
            columns=lambda n: n.removeprefix("gain_")
        ),
        best_rates(curves, ["random", "x"], ["stepwise"], baseline="random", pairs=PAIRS).iloc[1:],
    ]
    for table in rows:
        row = table.iloc[0]
        assert (row["low"], row["high"], row["n_tasks"]) == pytest.approx((expected.low, expected.high, 10))
    assert expected.low < mean_interval(test["x"] - test["random"]).low - 1
