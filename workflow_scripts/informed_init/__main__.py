"""``python -m informed_init`` is ``informed-init``."""

import sys

from .cli import main

sys.exit(main())
