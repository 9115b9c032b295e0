"""How many floating-point operations the trainings of a run take, by data set and network: arithmetic, for those who plan GPU
hours before anything has been measured on theirs.

    python benchmarks/operations.py [CONFIG]      default config.yaml; an overlay of config/ is laid over it

A training is images x epochs x three passes (forward, and backward for inputs and weights) x multiply-adds of an image x two
operations. Sources, pretraining inside an arm and the search for a compact network are not counted.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

import yaml
from snakemake.utils import update_config
from tabulate import tabulate

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow_scripts"))

from informed_init import architectures  # noqa: E402
from informed_init.plan import arms, families, trainings  # noqa: E402
from informed_init.plan.estimate import images_per_epoch  # noqa: E402
from informed_init.plan.tasks import image_shape, num_classes  # noqa: E402
from informed_init.runs.cost import multiply_adds  # noqa: E402

PASSES, OPERATIONS = 3, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("config", nargs="?", type=Path)
    chosen = parser.parse_args().config
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    if chosen:
        update_config(config, yaml.safe_load(chosen.read_text()))
    config = families.expanded(config)
    passes, operations, number_of = {}, Counter(), Counter()
    for protocol, recipe, arm in families.cells(config):
        for block in arms.replica_blocks(config, arm):
            spec = trainings.arm_spec(config, protocol, recipe, arm, block)
            shape = tuple(image_shape(config, spec["dataset"], spec["settings"]))
            classes = num_classes(config, spec["dataset"], spec["tasks"][0]["superclasses"])
            network = (spec["architecture"], classes, shape)
            if network not in passes:
                passes[network] = multiply_adds(architectures.build_for(*network), shape)
            place = spec["dataset"], spec["architecture"]
            number = len(spec["tasks"]) * len(spec["replicas"])
            images = (
                images_per_epoch(config, spec["dataset"], spec["tasks"], spec["settings"]) * spec["settings"]["epochs"]
            )
            operations[place] += PASSES * OPERATIONS * passes[network] * images * number
            number_of[place] += number
    rows = [(*place, number_of[place], f"{count:.2g}") for place, count in operations.most_common()]
    rows.append(("all", "", number_of.total(), f"{operations.total():.2g}"))
    print(tabulate(rows, ["data set", "network", "trainings", "operations"]))


if __name__ == "__main__":
    main()
