"""``informed-init compare``: initializers on your own pictures, by tonight.

Writes a config of the workflow into a folder, made to fit a time on this machine, and runs Snakemake in it. The config is
yours to edit; the same command goes on where it was interrupted.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ..errors import InputError
from ..files import write_text
from ..plan.asked import arms_of
from ..plan.budget import BASELINE, DATASET, FAMILY, Counts, fit, overlay
from ._pictures import listed

LARGEST = 64  # pixels a side, unless asked for more: what a CPU trains in an evening
GAIN = 1.3  # bfloat16 is taken where it makes a step this much faster


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--images", type=Path, help="folder of pictures: train/CLASS/ and test/CLASS/, or CLASS/")
    parser.add_argument(
        "--model", help="torchvision:NAME, timm:NAME, FILE.py:FUNCTION or an architecture of the workflow"
    )
    parser.add_argument(
        "--initializers",
        help="names with commas between them, of initializers, of banks (or their files), or INITIALIZER:BANK; "
        "the network's own, default, is always there: the others are compared with it",
    )
    parser.add_argument("--budget", type=minutes, help="time it may take, such as 30min or 2h")
    parser.add_argument("--out", type=Path, help="folder of the comparison [compare-PICTURES]; alone, it goes on there")
    parser.add_argument("--size", type=int, help=f"pixels a side [those of the pictures, at most {LARGEST}]")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps [auto]")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="trainings at once on a CPU [all cores]")
    parser.add_argument("--plan", action="store_true", help="write the config, say how long it will take, and stop")


def minutes(text: str) -> float:
    """Seconds of ``45``, ``45min`` or ``1.5h``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *(h|min|m|)", text)
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 30min or 2h")
    return float(found[1]) * (3600 if found[2] == "h" else 60)


def run(options: argparse.Namespace) -> int:
    """Plan, train and tell; the exit status. Raises :class:`.InputError` before anything is written."""
    folder = options.out or Path(f"compare-{_name(options.images)}")
    config = folder / "config.yaml"
    if not config.exists():
        text = _planned(options, folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(config, text)
        print(f"Wrote {config}: yours to edit.")
    elif options.images or options.model or options.initializers or options.budget:
        said = config.read_text().split("\n", 1)[0].removeprefix("# ")
        if said != _command(options, folder):
            raise InputError(
                f"{folder}: a comparison made by `{said}` is there; give another --out, or edit {config} and go on with "
                f"informed-init compare --out {folder}"
            )
        print(f"Going on with {config}.")
    if options.plan:
        return 0
    status = _snakemake(folder, options)
    if status == 0:
        print(_told(folder))
    else:
        print(f"Not finished. What is trained is kept: informed-init compare --out {folder} goes on.", file=sys.stderr)
    return status


def _name(images: Path | None) -> str:
    if images is None:
        raise InputError("--images: name the folder of pictures (or --out, to go on with a comparison)")
    name = re.sub(r"[^A-Za-z0-9]+", "-", images.resolve().name).strip("-").lower()
    return name or "pictures"


def _command(options: argparse.Namespace, folder: Path) -> str:
    """The command line that makes this config again."""
    words = ["informed-init", "compare", "--images", str(options.images), "--model", str(options.model)]
    words += [
        "--initializers",
        str(options.initializers),
        "--budget",
        f"{(options.budget or 0) / 60:g}min",
        "--out",
        str(folder),
    ]
    words += ["--size", str(options.size)] if options.size else []
    return shlex.join(words)


# ---------------------------------------------------------------- the plan


def _planned(options: argparse.Namespace, folder: Path) -> str:
    """The text of the config."""
    import yaml

    for name in ("images", "model", "initializers", "budget"):
        if getattr(options, name) is None:
            raise InputError(f"--{name}: missing; see informed-init compare --help")
    arms = arms_of(options.initializers, BASELINE, "--initializers", lambda path: str(path.resolve()))
    section, listing = listed(options.images, DATASET, LARGEST)
    size = options.size or min(LARGEST, _side(listing))
    counts = [sum(number == k for _, number in listing.pictures["train"]) for k in range(len(listing.class_names))]
    model = _network(options, size, len(counts))
    _try(arms, model, size)
    seconds, precision = _speed(options, size, len(counts))
    tests = len(listing.pictures["test"])
    cores = options.cores if _on_cpu(options) else 1
    scale = fit(
        Counts(len(counts), min(counts), tests, tests + len(listing.pictures["train"])),
        initializers=len(arms),
        seconds_per_image=seconds,
        budget=options.budget,
        cores=cores,
    )
    print(
        f"{len(counts)} classes, {min(counts)} to {max(counts)} training pictures a class, {size} x {size} pixels; "
        f"{1000 * seconds:.2f} ms an image and step here.\n"
        f"{scale.trainings(len(arms))} trainings: {len(arms)} initializers x {len(scale.rates)} learning rates x "
        f"{scale.replicas} replicas, {scale.epochs} epochs of {scale.train_per_class} pictures a class; "
        f"about {scale.seconds / cores / 60:.0f} min."
    )
    made = overlay(
        scale,
        run=folder.resolve().name,
        pictures={**section, "size": size},
        model=_model(options.model),
        arms=arms,
        precision=precision,
        device=options.device,
    )
    head = f"# {_command(options, folder)}\n# An overlay of the workflow's config.yaml; every key is described there.\n"
    return head + yaml.safe_dump(made, sort_keys=False, width=120, default_flow_style=None)


def _side(listing) -> int:
    """The median shorter side of a hundred pictures."""
    from statistics import median

    from PIL import Image

    from ..tasks.pictures import FORMATS

    sides = []
    every = listing.pictures["train"]
    for path, _ in every[:: max(1, len(every) // 100)]:
        try:
            with Image.open(path, formats=FORMATS) as picture:
                sides.append(min(picture.size))
        except OSError as error:
            raise InputError(f"{path}: not a picture that can be read ({error}); take it out of the folder") from error
    return max(4, int(median(sides)))


def _model(name: str) -> str:
    """A network's name with its file, if it has one, as it will be found from the folder of the comparison."""
    from ..reference_names import own_file

    own = own_file(name)
    return f"{Path(own).resolve()}:{name.rpartition(':')[2]}" if own else name


def _network(options: argparse.Namespace, size: int, classes: int):
    from ..plan.checks.networks import check_network
    from .apply import network

    check_network(options.model, "--model")
    return network(options.model, classes, 3, size)


def _try(arms: Mapping[str, Mapping], model, size: int) -> None:
    """Refuse, before anything is written, an arm that does not fit the network. Those that look at data are left to their
    jobs: some of them train."""
    import warnings

    from ..declarations import initializers
    from ..initializers.registry import InitializationWarning, initialize_

    for arm, section in arms.items():
        settings = {key: value for key, value in section.items() if key != "initializer"}
        if "data" in initializers()[section["initializer"]].parameters:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InitializationWarning)  # said by its job, and seen in its curve
                initialize_(model, section["initializer"], generator=0, **settings)
        except InputError as error:
            raise InputError(f"--initializers: {arm}: {error}") from error


def _on_cpu(options: argparse.Namespace) -> bool:
    from ..training.devices import resolve_device

    return resolve_device(options.device).type == "cpu"


def _speed(options: argparse.Namespace, size: int, classes: int) -> tuple[float, str]:
    """Seconds of an image in a training step, and the number format that is worth it here."""
    from ..runs.speed import seconds_per_image

    shape, measured = (3, size, size), {}
    if _on_cpu(options):
        import torch

        torch.set_num_threads(1)  # as each training will run
    for precision in ("float32", "bfloat16"):
        model = _network(options, size, classes)
        measured[precision] = seconds_per_image(model, shape, classes, options.device, precision)
    short = measured["float32"] > GAIN * measured["bfloat16"]
    return (measured["bfloat16"], "bfloat16") if short else (measured["float32"], "float32")


# ---------------------------------------------------------------- the run


def _snakemake(folder: Path, options: argparse.Namespace) -> int:
    from ..plan.place import workflow_folder

    where = workflow_folder().resolve()
    command = [sys.executable, "-m", "snakemake", FAMILY, "--snakefile", str(where / "Snakefile")]
    command += [
        "--directory",
        str(folder),
        "--configfile",
        str(where / "config.yaml"),
        str((folder / "config.yaml").resolve()),
    ]
    command += ["--cores", str(options.cores), "--quiet", "rules"]
    command += [] if _on_cpu(options) else ["--resources", "gpu=1"]
    command += ["--logger", "rich"] if sys.stderr.isatty() and _has_bars() else []
    try:
        return subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False).returncode
    except KeyboardInterrupt:  # Snakemake has got it as well, and has stopped its jobs
        return 130


def _has_bars() -> bool:
    import importlib.util

    return importlib.util.find_spec("snakemake_logger_plugin_rich") is not None


def _told(folder: Path) -> str:
    """The table, the picture's place and the sentence."""
    import pandas as pd

    from ..report.sentence import sentence

    results = next((folder / "results").glob(f"*/tables/{FAMILY}.csv")).parents[1]
    table = (results / "tables" / f"{FAMILY}.md").read_text()
    found = pd.read_csv(results / "tables" / f"{FAMILY}.csv", keep_default_na=True).fillna(
        {"baseline": "", "recipe": ""}
    )
    picture = results / "figures" / f"{FAMILY}.png"
    return f"\n{table}\nPicture: {picture}\n\n{sentence(found)}"
