"""Does bfloat16 change accuracies? Trainings of one run in float32 against the same trainings of another in bfloat16.

    python benchmarks/precision.py results/precision results/study [--output FILE.csv]

Reads the curves of both results folders and pairs what both trained: arm, task and replica, so that weights, head and order
of images are the same and only the arithmetic differs. Prints the mean difference of the accuracies after the last epoch
(first minus second, in points) with its 95 % interval over tasks and trainings of a task together.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

from informed_init.report.curves import read_curves, write_csv
from informed_init.report.statistics import paired_difference

KEY = ["recipe", "arm", "task", "replica"]


def last_epochs(folder: Path) -> pd.DataFrame:
    """The last row of every training under ``controlled``, indexed by :data:`KEY`."""
    curves = read_curves(sorted((folder / "curves" / "controlled").rglob("*.csv")))
    return curves.sort_values("epoch").groupby(KEY).last()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path, help="results folder of one run")
    parser.add_argument("second", type=Path, help="results folder of the other")
    parser.add_argument("--output", type=Path, help="CSV of the pairs to write")
    options = parser.parse_args()
    first, second = last_epochs(options.first), last_epochs(options.second)
    both = first.index.intersection(second.index)
    if both.empty:
        raise SystemExit(f"{options.first} and {options.second} have no training in common")
    pairs = first.loc[both].join(second.loc[both].add_suffix("_other")).reset_index()
    for metric in ("test_accuracy", "val_accuracy", "train_loss"):
        cells = [
            pairs.pivot(index="task", columns=["recipe", "arm", "replica"], values=name)
            for name in (metric, f"{metric}_other")
        ]
        found = paired_difference(*(table.dropna(axis=1).to_numpy() for table in cells))
        bounds = (
            "no interval" if found.low is None else f"95 % [{found.low:+.3f}, {found.high:+.3f}], p = {found.p:.2g}"
        )
        means = " and ".join(f"{table.to_numpy().mean():.2f}" for table in cells)
        print(f"{metric}: {means}; difference {found.mean:+.3f}, {bounds}, n = {found.n} pairs")
    if options.output:
        columns = [*KEY, "test_accuracy", "test_accuracy_other", "val_accuracy", "val_accuracy_other"]
        write_csv(pairs[columns], options.output)


if __name__ == "__main__":
    main()
