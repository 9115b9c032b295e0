"""Alignment: match the channels of trained networks one to one, and average the matched whole filters.

A network computes the same function when the channels of a layer are permuted, if the layer's batch norm and
the layers that read it are permuted along. Two trained networks may thus hold similar filters in different
places; alignment undoes that, layer by layer, before whole (in, kh, kw) filters are averaged. Channels that
meet in a residual sum move together, as one group.

Sources: Learning an Informed CNN Initialization (full-filter clustering), its published code for ``greedy``
and the unit-length average; Ainsworth et al. 2023 (Git Re-Basin, weight matching) for residual groups.
"""

from .align import AVERAGES, METHODS, Alignment, Cost, align, aligned_bank, filter_pair
from .groups import Groups, permutation_groups, permute_source
from .matching import MATCHINGS

__all__ = [
    "AVERAGES",
    "MATCHINGS",
    "METHODS",
    "Alignment",
    "Cost",
    "Groups",
    "align",
    "aligned_bank",
    "filter_pair",
    "permutation_groups",
    "permute_source",
]
