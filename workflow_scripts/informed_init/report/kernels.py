"""What pictures show of banks, sources and networks, as tables: filters with their shares, and live taps. No torch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError

MOST_FILTERS = 64  # of a layer in one picture


def filter_table(filters: Mapping[str, np.ndarray], shares: Mapping[str, np.ndarray] | None = None) -> pd.DataFrame:
    """A row per tap: ``layer, filter, row, column, value, share``.

    Args:
        filters: layer name -> ``(n, kh, kw)``.
        shares: layer name -> ``(n,)`` numbers from 0 to 1; the column is empty without them.

    Raises:
        InputError: filters of another shape, or not as many shares as filters; names the layer.
    """
    rows = []
    for name, own in filters.items():
        own, share = np.asarray(own, float), None if shares is None else np.asarray(shares[name], float)
        if own.ndim != 3 or (share is not None and share.shape != own.shape[:1]):
            raise InputError(f"filters of {name!r} must be (n, kh, kw) with n shares, not {own.shape}")
        for (number, *place), value in np.ndenumerate(own):
            rows.append((name, number, *place, value, None if share is None else float(share[number])))
    return pd.DataFrame(rows, columns=["layer", "filter", "row", "column", "value", "share"])


def bank_table(bank: Any, layers: Sequence[str]) -> pd.DataFrame:
    """:func:`filter_table` of some of a bank's layers, the most frequent filter first, and the bank's ``method`` and number
    of source ``models`` in every row. ``bank`` is a :class:`.banks.bank.Bank`.

    Raises:
        InputError: a layer that the bank does not have, or one with more than :data:`MOST_FILTERS` filters, which is a
            sample and not a summary.
    """
    filters, shares = {}, {}
    for name in layers:
        if name not in bank.layers:
            raise InputError(f"the bank has no layer {name}; it has {', '.join(bank.layers)}")
        own = np.asarray(bank.layers[name].shares, float)
        if len(own) > MOST_FILTERS:
            count = f"{len(own):,} filters, more than the {MOST_FILTERS} that can be told apart"
            raise InputError(f"layer {name} has {count}; draw a bank of fewer clusters")
        order = np.argsort(-own, kind="stable")
        filters[name], shares[name] = np.asarray(bank.layers[name].filters, float)[order], own[order]
    return filter_table(filters, shares).assign(method=bank.method, models=len(bank.sources))


def tap_table(masks: Mapping[str, np.ndarray], weights: Mapping[str, int]) -> pd.DataFrame:
    """Which taps of each layer can be trained, a row per tap: ``layer, row, column, live`` (0 or 1) ``, weights``.

    Args:
        masks: layer name -> bool ``(kh, kw)`` (:func:`.training.live_taps.live_taps`).
        weights: layer name -> number of its weights; the column counts those at the tap.
    """
    rows = []
    for name, mask in masks.items():
        each = weights[name] // mask.size
        rows += [(name, *place, float(live), each) for place, live in np.ndenumerate(mask)]
    return pd.DataFrame(rows, columns=["layer", "row", "column", "live", "weights"])
