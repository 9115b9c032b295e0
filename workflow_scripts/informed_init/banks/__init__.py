"""What filters of trained networks have in common: sources, clustering, alignment, cosines, files.

The package can be called: ``informed_init.banks()`` lists the banks that ship.
"""

import importlib
import sys
from types import ModuleType


class _Callable(ModuleType):
    def __call__(self):
        """The banks that ship, each with its card (:class:`.shipped.Cards`); ``print`` shows them as a table."""
        # by name: a job that needs one module of this package must not run again when another is edited
        return importlib.import_module(".shipped", __name__).cards()


sys.modules[__name__].__class__ = _Callable
