"""Put a bank of a run into the package, with a card that says what it is made of and what it did in that run.

python workflow_scripts/banks/ship_bank.py results/study --bank BANK --arm ARM --protocol PROTOCOL --recipe RECIPE \\
    --name NAME [--control ARM=WORDS ...]

Every number of the card is read from the run's files; the card holds these arguments, so that a test makes it again.
"""

import argparse
import csv
import json
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where it is started by hand

from informed_init.banks.bank import Bank
from informed_init.banks.shipped import FOLDER
from informed_init.errors import InputError
from informed_init.files import atomic_path, write_text

LICENSE = "Apache-2.0"
TABLE = "tables/attribution.csv"  # paired differences of arms from the run's baseline


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a run, e.g. results/study")
    parser.add_argument("--bank", required=True, help="a folder of the run's banks")
    parser.add_argument("--arm", required=True, help="the arm whose effect the card tells")
    parser.add_argument("--name", required=True, help="what the bank is called in the package")
    parser.add_argument(
        "--control", action="append", default=[], help="another arm that tells what matters, with words"
    )
    parser.add_argument("--protocol", required=True, help="that the effect was measured under")
    parser.add_argument("--recipe", required=True, help="of the trainings it was measured on")
    parser.add_argument("--replica", type=int, default=0, help="the replica whose bank it is")
    return parser


def ship(words: list[str], folder: Path = FOLDER) -> Path:
    """Write ``<name>.safetensors`` and ``<name>.json`` into ``folder``; the path of the card."""
    asked = arguments().parse_args(words)
    source = asked.run / "banks" / asked.bank / f"{asked.replica}.safetensors"
    bank = Bank.load(source)
    rows = differences(asked.run / TABLE, asked.protocol, asked.recipe)
    spec = record(asked.run, asked.protocol, asked.recipe, asked.arm)
    effect = rows[asked.arm]
    dataset, tasks = spec["dataset"], [task["name"] for task in spec["tasks"]]
    fresh = not {number for name in bank.sources for number in name.split("-")[1:]} & {
        number for name in tasks for number in name.split("-")[1:]
    }
    card = {
        "summary": f"{spec['architecture']} on {dataset.upper().replace('CIFAR', 'CIFAR-')}, {bank.method}, k = {bank.facts['k']}",
        "method": bank.method,
        "k": bank.facts["k"],
        "architecture": spec["architecture"],
        "sources": bank.sources,
        "data": f"{dataset}; measured on {', '.join(tasks)}" + (", whose classes no source has seen" if fresh else ""),
        "protocol": protocol(spec, effect),
        "effect": f"{points(effect)} points of test accuracy over random initialization",
        "difference": [float(effect[key]) for key in ("gain", "gain_low", "gain_high")],
        "controls": [f"{text}: {points(rows[arm])}" for arm, _, text in (c.partition("=") for c in asked.control)],
        "effect_from": f"{asked.run}/{TABLE}",
        "made_from": str(source),
        "made_by": shlex.join(words),
        "license": LICENSE,
    }
    with atomic_path(folder / f"{asked.name}.safetensors") as temporary:
        temporary.write_bytes(source.read_bytes())
    path = folder / f"{asked.name}.json"
    write_text(path, json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    return path


def differences(path: Path, protocol: str, recipe: str) -> dict[str, dict[str, str]]:
    """Arm -> its row of the table of paired differences."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["protocol"], row["recipe"]) == (protocol, recipe)]
    return {row["arm"]: row for row in rows if row["gain"]}


def record(run: Path, protocol: str, recipe: str, arm: str) -> dict:
    """What the first job of an arm was asked to do."""
    first = min((run / "records" / protocol / recipe / arm).glob("*.json"))
    return json.loads(first.read_text(encoding="utf-8"))["spec"]


def protocol(spec: dict, effect: dict[str, str]) -> str:
    """How the effect was measured, in a sentence."""
    settings = spec["settings"]
    rates = " / ".join(f"{rate:g}" for _, rate in settings["learning_rate"])
    return (
        f"{spec['protocol']}: every training starts fresh, arms are paired by task and replica, test images are looked at once; "
        f"{effect['n_tasks']} tasks x {effect['n_replicas']} replicas, {settings['epochs']} epochs, learning rate {rates}, "
        f"{settings['precision']}; 95 % intervals"
    )


def points(row: dict[str, str]) -> str:
    """``+1.67 [-1.68, +5.03]``."""
    mean, low, high = (float(row[key]) for key in ("gain", "gain_low", "gain_high"))
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"


if __name__ == "__main__":
    try:
        print(ship(sys.argv[1:]))
    except (InputError, OSError, KeyError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
