"""informed-init build: a bank from trained networks of your own."""

import argparse
from pathlib import Path

from torch import nn

from ..architectures.references import function_of
from ..banks.bank import METHODS
from ..banks.make import build_bank
from ..errors import InputError
from ..reference_names import own_file, parts
from ._options import at_least


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "networks", nargs="+", help="weights (.safetensors), or FILE.py:FUNCTION that returns a trained network"
    )
    parser.add_argument("--method", default="euclid", choices=METHODS, help="what is kept of the filters [euclid]")
    parser.add_argument("--k", type=at_least(1), help="clusters of a layer [2]")
    parser.add_argument("--layers", help="names with commas between them [all convolutions larger than 1x1]")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the clustering [0]")
    parser.add_argument("--out", type=Path, required=True, help="the bank's file, ending in .safetensors")


def run(options: argparse.Namespace) -> int:
    """Write a bank; the exit status."""
    if options.out.suffix != ".safetensors":
        raise InputError(f"--out: {options.out} must end in .safetensors")
    models = {name: name if name.endswith(".safetensors") else trained(name) for name in options.networks}
    layers = options.layers.split(",") if options.layers else None
    bank = build_bank(models, method=options.method, k=options.k, layers=layers, seed=options.seed)
    bank.save(options.out)
    held = options.out.stat().st_size
    print(f"Wrote {options.out}: {len(bank.layers)} layers of {len(bank.sources)} networks, {held:,} bytes")
    return 0


def trained(name: str) -> nn.Module:
    """The network that a function of a file returns when it is called without arguments."""
    if own_file(name) is None:
        raise InputError(f"{name}: banks are made of trained networks; give .safetensors files or FILE.py:FUNCTION")
    path, function = parts(name)
    try:
        model = function_of(Path(path), function)()
    except InputError:
        raise
    except Exception as error:  # whatever the user's function raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{name}: {type(error).__name__}: {reason}; it is called without arguments") from error
    if not isinstance(model, nn.Module):
        raise InputError(f"{name}: returned {type(model).__name__}; the function must return a torch.nn.Module")
    return model
