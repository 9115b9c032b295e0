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
from informed_init.plan import workflow  # noqa: E402
from informed_init.plan.estimate import class_count, images_per_epoch  # noqa: E402
from informed_init.runs.cost import multiply_adds  # noqa: E402
from informed_init.tasks import catalog  # noqa: E402

PASSES, OPERATIONS = 3, 2


def image_shape(spec: dict) -> tuple[int, int, int]:
    """Channels, height and width that the network sees."""
    information, settings = catalog.get(spec["dataset"]), spec["settings"]
    size = settings.get("image_size") or information.image_size
    return (1 if settings.get("grayscale") else information.channels), size, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("config", nargs="?", type=Path)
    chosen = parser.parse_args().config
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    if chosen:
        update_config(config, yaml.safe_load(chosen.read_text()))
    config = workflow.expanded(config)
    passes, operations, trainings = {}, Counter(), Counter()
    for protocol, recipe, arm in workflow.cells(config):
        for block in workflow.replica_blocks(config, arm):
            spec = workflow.arm_spec(config, protocol, recipe, arm, block)
            shape = image_shape(spec)
            classes = class_count(config, spec["dataset"], spec["tasks"])
            network = (spec["architecture"], classes, shape)
            if network not in passes:
                passes[network] = multiply_adds(architectures.build_for(*network), shape)
            place = spec["dataset"], spec["architecture"]
            number = len(spec["tasks"]) * len(spec["replicas"])
            images = (
                images_per_epoch(config, spec["dataset"], spec["tasks"], spec["settings"]) * spec["settings"]["epochs"]
            )
            operations[place] += PASSES * OPERATIONS * passes[network] * images * number
            trainings[place] += number
    rows = [(*place, trainings[place], f"{count:.2g}") for place, count in operations.most_common()]
    rows.append(("all", "", trainings.total(), f"{operations.total():.2g}"))
    print(tabulate(rows, ["data set", "network", "trainings", "operations"]))


if __name__ == "__main__":
    main()
