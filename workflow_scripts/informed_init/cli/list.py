"""informed-init list: the initializers, the banks that ship, and the networks they can be tried on."""

import argparse

from ..banks.shipped import cards
from ..declarations import architectures
from ..discover import available
from ..reference_names import FORMS


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("what", nargs="?", choices=("initializers", "banks", "networks"), help="one of them [all]")


def run(options: argparse.Namespace) -> int:
    """Print what there is; the exit status."""
    networks = f"{', '.join(sorted(architectures()))}\nand others: {FORMS}"
    texts = {"initializers": available(), "banks": cards(), "networks": networks}
    if options.what:
        print(texts[options.what])
    else:
        print("\n\n".join(f"{name.upper()}\n{text}" for name, text in texts.items()))
    return 0
