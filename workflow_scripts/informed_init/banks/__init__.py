"""What filters of trained networks have in common: sources, clustering, alignment, cosines, files.

The package can be called: ``informed_init.banks()`` lists the banks that ship.
"""

import sys
from types import ModuleType

from .shipped import Card, Cards, cards

__all__ = ["Card", "Cards", "cards"]


class _Callable(ModuleType):
    def __call__(self) -> Cards:
        """The banks that ship, each with its card; ``print`` shows them as a table."""
        return cards()


sys.modules[__name__].__class__ = _Callable
