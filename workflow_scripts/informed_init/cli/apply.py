"""informed-init apply: an initializer on a network; the weights to a file, and what was set on the screen."""

import argparse
import json
import warnings
from pathlib import Path

from torch import Tensor, nn

from .. import architectures
from ..declarations import initializers
from ..errors import InputError
from ..files import load_tensors, save_tensors
from ..initializers.registry import InitializationWarning, function, initialize_, random_source
from ..reference_names import FORMS
from ._options import at_least, require
from ._pictures import as_seen, listed

MOST_IMAGES = 2000  # of a folder, spread over all classes


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--model", required=True, help=f"{FORMS[6:]}, or an architecture of `informed-init list networks`"
    )
    parser.add_argument("--initializer", required=True, help="a name of `informed-init list initializers`")
    parser.add_argument("--out", type=Path, required=True, help="where the weights go, ending in .safetensors")
    parser.add_argument("--bank", help="a name of `informed-init list banks`, or a file")
    parser.add_argument(
        "--images", type=Path, help="folder of pictures, CLASS/ or train/CLASS/, for those that look at data"
    )
    parser.add_argument("--source", type=Path, help="weights (.safetensors) that `pretrained` starts from")
    parser.add_argument("--weights", type=Path, help="weights (.safetensors) that the network has before")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the initializer")
    parser.add_argument("--classes", type=at_least(1), help="classes of the network [those of the images, else 1000]")
    parser.add_argument("--channels", type=int, default=3, choices=(1, 3), help="of an image [3]")
    parser.add_argument("--size", type=at_least(1), default=224, help="pixels a side [224]")
    parser.add_argument("--seed", type=int, default=0, help="of the network and of the initializer [0]")
    parser.add_argument("--table", action="store_true", help="print what happened to every tensor")


def run(options: argparse.Namespace) -> int:
    """Initialize a network and write its weights; the exit status."""
    if options.out.suffix != ".safetensors":
        raise InputError(f"--out: {options.out} must end in .safetensors")
    random_source(options.seed)
    function(options.initializer)
    given = settings(options.initializer, options.set)
    if options.images is not None:
        given["data"] = pictures(options.images, options.size, options.channels)
    for key in ("bank", "source"):
        if getattr(options, key) is not None:
            given[key] = getattr(options, key)
    classes = options.classes or (int(given["data"][1].max()) + 1 if "data" in given else 1000)
    model = network(options.model, classes, options.channels, options.size, options.seed)
    if options.weights is not None:
        _load(model, options.weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InitializationWarning)  # the report says it
        report = initialize_(model, options.initializer, generator=options.seed, **given)
    state = {key: tensor.clone() for key, tensor in model.state_dict().items() if isinstance(tensor, Tensor)}
    save_tensors(
        options.out, state, {"initializer": options.initializer, "model": options.model, "seed": str(options.seed)}
    )
    print(str(report) if options.table else repr(report))
    print(f"Wrote {options.out}")
    return 0


def network(name: str, classes: int, channels: int = 3, size: int = 224, seed: int = 0) -> nn.Module:
    """An architecture of the package, or the network of a reference, by its name."""
    try:
        return architectures.build_for(name, classes, (channels, size, size), seed=seed)
    except InputError:
        raise
    except Exception as error:  # whatever a network of others raises that cannot be built so
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{name}: cannot be built for {classes} classes and {size} pixels ({reason})") from error


def settings(initializer: str, given: list[str]) -> dict[str, object]:
    """Settings from ``key=value``, with values as JSON writes them; text needs no quotes."""
    found = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"--set {pair}: write KEY=VALUE, such as layers=6")
        if key in found:
            raise InputError(f"--set {key}: stands twice; give it once")
        try:
            found[key] = json.loads(value)
        except json.JSONDecodeError:
            found[key] = value
    declared = initializers().get(initializer)
    if declared is not None:
        declared.check(found)
    return found


def pictures(folder: Path, size: int, channels: int) -> tuple[Tensor, Tensor]:
    """Training pictures of a folder, each channel with mean 0 and standard deviation 1, and their labels."""
    require("--images", "study", "PIL")
    every = listed(folder, "pictures", size, channels == 1)[1].pictures["train"]
    return as_seen(every, MOST_IMAGES, size, channels)


def _load(model: nn.Module, path: Path) -> None:
    state = load_tensors(path)[0]
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        lines = str(error).strip().splitlines()
        raise InputError(f"--weights: {path} does not fit the network ({lines[-1].strip()})") from error
