"""Draws that a plan must know before any job starts, without torch, and that jobs make in the same way."""

from collections.abc import Iterable, Sequence
from functools import cache

from .errors import InputError
from .seeds import derive_seed


@cache
def permutation(size: int, *names: str | int) -> tuple[int, ...]:
    """The order ``torch.randperm(size, generator=seeds.generator(*names))`` draws.

    Both shuffle by Fisher and Yates with the 32-bit numbers of a Mersenne Twister that starts from the seed's lower half.
    """
    import numpy  # imported here: most plans draw nothing

    numbers = numpy.random.RandomState(derive_seed(*names) % 2**32)
    order = list(range(size))
    for place in range(size - 1):
        other = place + int(numbers.randint(0, 2**32, dtype=numpy.uint32)) % (size - place)
        order[place], order[other] = order[other], order[place]
    return tuple(order)


def choose_source(available: Iterable[str], replica: int) -> str:
    """The source that a replica's ``pretrained`` arm starts from: drawn by name, whatever else the run draws."""
    return min(available, key=lambda name: derive_seed("pretrained", replica, name))


def choose_sources(available: Sequence[str], models: int, replica: int, disjoint: bool = False) -> list[str]:
    """The ``models`` sources of a replica's bank, drawn without replacement from a named seed.

    With ``disjoint``, replicas share no source: one drawn order of all sources is cut into consecutive pieces.

    Raises:
        InputError: there are too few sources.
    """
    needed = models * (replica + 1) if disjoint else models
    if needed > len(available):
        wanted = f"{replica + 1} disjoint sets of {models}" if disjoint else f"{models}"
        raise InputError(f"{wanted} source models were asked for, but only {len(available)} exist")
    order = permutation(len(available), "sources", "disjoint" if disjoint else replica)
    return [available[i] for i in order[needed - models : needed]]
