"""``informed-init compare``: initializers on your own pictures, by tonight.

Writes a config of the workflow into a folder, made to fit a time on this machine, and runs Snakemake in it. The config is
yours to edit; the same command goes on where it was interrupted.
"""

import argparse
import fcntl
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError
from ..files import write_text
from ..plan.budget import BASELINE, DATASET, FAMILY, Counts, fit, overlay
from ._options import at_least, check_place, device, minutes, require
from ._pictures import listed

LEAST, LARGEST = 4, 64  # pixels a side, unless asked for more: what a CPU trains in an evening


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
    parser.add_argument(
        "--size", type=at_least(LEAST), help=f"pixels a side [those of the pictures, at most {LARGEST}]"
    )
    parser.add_argument("--device", type=device, default="auto", help="auto, cpu, cuda, cuda:NUMBER or mps [auto]")
    parser.add_argument(
        "--cores", type=at_least(1), default=os.cpu_count() or 1, help="trainings at once on a CPU [all cores]"
    )
    parser.add_argument("--plan", action="store_true", help="write the config, say how long it will take, and stop")


def run(options: argparse.Namespace) -> int:
    """Plan, train and tell; the exit status. Raises :class:`.InputError` before anything is written."""
    folder = options.out or Path(f"compare-{_name(options.images)}")
    config = folder / "config.yaml"
    require("compare", "study", "yaml", "PIL", "jsonschema", "pandas", "seaborn", "snakemake")
    check_place("--out", folder)
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

    from ..plan.asked import arms_of
    from ._trial import made, on_cpu, shorter_side, speed, try_arms

    if options.images is None:
        raise InputError(
            f"--out: no comparison is in {folder} to go on with; begin one with --images and the other options"
        )
    for name in ("images", "model", "initializers", "budget"):
        if getattr(options, name) is None:
            raise InputError(f"--{name}: missing; see informed-init compare --help")
    arms = arms_of(options.initializers, BASELINE, "--initializers", lambda path: str(path.resolve()))
    section, listing = listed(options.images, DATASET, LARGEST)
    size = options.size or max(LEAST, min(LARGEST, shorter_side(listing)))
    counts = [sum(number == k for _, number in listing.pictures["train"]) for k in range(len(listing.class_names))]
    try_arms(arms, made(options, size, len(counts)), listing, size)
    seconds, precision = speed(options, size, len(counts))
    tests = len(listing.pictures["test"])
    cores = options.cores if on_cpu(options) else 1
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
    config = overlay(
        scale,
        run=folder.resolve().name,
        pictures={**section, "size": size},
        model=_model(options.model),
        arms=arms,
        precision=precision,
        device=options.device,
    )
    head = f"# {_command(options, folder)}\n# An overlay of the workflow's config.yaml; every key is described there.\n"
    return head + yaml.safe_dump(config, sort_keys=False, width=120, default_flow_style=None)


def _model(name: str) -> str:
    """A network's name with its file, if it has one, as it will be found from the folder of the comparison."""
    from ..reference_names import own_file

    own = own_file(name)
    return f"{Path(own).resolve()}:{name.rpartition(':')[2]}" if own else name


# ---------------------------------------------------------------- the run


def _snakemake(folder: Path, options: argparse.Namespace) -> int:
    from ..plan.place import workflow_folder
    from ..training.devices import resolve_device

    where = workflow_folder().resolve()
    command = [sys.executable, "-m", "snakemake", FAMILY, "--snakefile", str(where / "Snakefile")]
    command += [
        "--directory",
        str(folder),
        "--configfile",
        str(where / "config.yaml"),
        str((folder / "config.yaml").resolve()),
    ]
    command += ["--cores", str(options.cores), "--quiet", "rules", "--nolock"]
    command += [] if resolve_device(options.device).type == "cpu" else ["--resources", "gpu=1"]
    command += ["--logger", "rich"] if sys.stderr.isatty() and _has_bars() else []
    with _alone(folder):
        process, interrupted = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}), False
        while True:
            try:
                status = process.wait()
                return 130 if interrupted else status
            except KeyboardInterrupt:  # Snakemake has got it as well: it stops its jobs, for which it needs its time
                interrupted = True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock on the comparison that ends with this process, however that ends: Snakemake's own outlives a cut of power."""
    with open(folder / ".running", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder}: another informed-init compare runs there; wait for it, or stop it") from None
        yield


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
