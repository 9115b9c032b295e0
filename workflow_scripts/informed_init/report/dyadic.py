"""Intervals for tasks that are pairs of superclasses, which share their members.

The task of superclasses i and j has the paired difference

    d[i, j] = mu + a[i] + a[j] + e[i, j],

and every superclass stands in many pairs: 45 pairs of ten superclasses are not 45 draws. The mean over all pairs of m
superclasses varies by ``4 var(a) / m + var(e) / N``, ``N = m (m - 1) / 2``. Both variances come from the analysis of variance of
all pairs (Griffing 1956, method 4, without reciprocals): with the superclass means ``x[i]`` over its m - 1 pairs

    MS_superclass = (m - 1) / (m - 2) * sum (x[i] - mean)^2        m - 1 degrees of freedom, mean var(e) + (m - 2) var(a)
    MS_residual = what the superclasses leave / (m (m - 3) / 2)    m (m - 3) / 2 degrees of freedom, mean var(e)

so that ``4 (MS_superclass - MS_residual) / (m (m - 2)) + MS_residual / N`` is unbiased; no less than ``MS_residual / N`` with the
variances pooled, for no variance is below zero. The interval takes Student's t with Satterthwaite's degrees of freedom: nothing is
drawn, so no seed moves a bound. Coverage is simulated in the tests.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy import stats

from ..errors import InputError
from .statistics import Comparison, Interval, mean_interval

LEAST = 5  # superclasses: with four, two degrees of freedom are left for the residual


def is_every_pair(pairs: Sequence[Sequence[int]]) -> bool:
    """Whether these are all pairs of at least :data:`LEAST` superclasses, each once."""
    members = sorted({member for pair in pairs for member in pair})
    every = {frozenset(pair) for pair in combinations(members, 2)}
    return len(members) >= LEAST and len(pairs) == len(every) and {frozenset(pair) for pair in pairs} == every


def pair_interval(values: np.ndarray, pairs: Sequence[Sequence[int]], *, confidence: float = 0.95) -> Interval:
    """Mean of (tasks, rounds) ``values``, whose rows are ``pairs`` of superclasses, with the interval of this module.

    Rounds of a pair are trainings of their own and are averaged: what they vary by is a part of the residual.

    Raises:
        InputError: the rows are not every pair of at least five superclasses, or a value is not finite.
    """
    values = np.asarray(values, float)
    if values.ndim != 2 or len(values) != len(pairs) or not values.size:
        raise InputError(f"values must be (tasks, rounds), a row for each of {len(pairs)} pairs, not {values.shape}")
    if not np.isfinite(values).all():
        raise InputError("values must be finite; count a diverged training as chance level")
    if not is_every_pair(pairs):
        raise InputError(f"intervals over superclasses need every pair of at least {LEAST} of them, each once")
    n_tasks, rounds = values.shape
    mean, shared, residual, freedom = _analysis(values.mean(1), pairs)
    error, freedom = _error(shared, residual, freedom, n_tasks)
    note = f"interval over superclasses, {rounds} round{'s' if rounds > 1 else ''} of every pair"
    if error <= 1e-9 * max(1.0, abs(mean)):
        note = f"all {values.size} values equal: no interval"
        return Interval(mean, None, None, n_tasks, rounds, confidence, "none", note, 0.0, None, 0.0)
    reach = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
    method = "random effects of superclasses"
    return Interval(mean, mean - reach, mean + reach, n_tasks, rounds, confidence, method, note, error, None, freedom)


def task_interval(
    values: np.ndarray, tasks: Sequence[str], pairs: Mapping[str, Sequence[int]] | None = None
) -> Interval:
    """Mean of (tasks, replicas) ``values`` with the interval that the tasks ask for: :func:`pair_interval` where ``pairs`` (task
    -> superclasses) says that they are every pair of some superclasses, else :func:`.statistics.mean_interval`."""
    known = [pairs[task] for task in tasks if task in pairs] if pairs else []
    if len(known) == len(tasks) and is_every_pair(known):
        return pair_interval(values, known)
    return mean_interval(values)


def task_difference(
    a: np.ndarray, b: np.ndarray, tasks: Sequence[str], pairs: Mapping[str, Sequence[int]] | None = None
) -> Comparison:
    """Mean of ``a - b``, each (tasks, replicas), with :func:`task_interval`."""
    differences = np.asarray(a, float) - np.asarray(b, float)
    interval = task_interval(differences, tasks, pairs)
    effect = None if interval.low is None else interval.mean / float(differences.std(ddof=1))
    return Comparison(**vars(interval), p=interval.p_value(), effect_size=effect)


def _analysis(cells: np.ndarray, pairs: Sequence[Sequence[int]]) -> tuple[float, float, float, tuple[int, int]]:
    """Mean, mean squares of superclasses and of what they leave, and the degrees of freedom of these."""
    members = sorted({member for pair in pairs for member in pair})
    of_pair = np.array([[member in pair for pair in pairs] for member in members], float)
    m, mean = len(members), float(cells.mean())
    deviations = of_pair @ (cells - mean) / (m - 1)
    effects = deviations * (m - 1) / (m - 2)
    left = cells - mean - of_pair.T @ effects
    freedom = m - 1, m * (m - 3) // 2
    return mean, (m - 2) * float(effects @ effects) / freedom[0], float(left @ left) / freedom[1], freedom


def _error(shared: float, residual: float, freedom: tuple[int, int], n: int) -> tuple[float, float]:
    """Standard error of the mean over ``n`` pairs and its degrees of freedom, from mean squares and theirs."""
    m = freedom[0] + 1
    weights = np.array([4 / (m * (m - 2)), 1 / n - 4 / (m * (m - 2))])
    squares, degrees = np.array([shared, residual]), np.array(freedom, float)
    if shared <= residual:  # superclasses vary no more than the rest: all of it is residual
        squares = np.full(2, squares @ degrees / degrees.sum())
        return float(np.sqrt(squares[0] / n)), float(degrees.sum())
    variance = float(weights @ squares)
    uncertainty = float(((weights * squares) ** 2 / degrees).sum())
    return float(np.sqrt(variance)), max(variance**2 / uncertainty, 1.0)
