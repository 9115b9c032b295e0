"""The source networks that banks, alignments and pretrained arms start from: their tasks and jobs."""

from collections.abc import Mapping
from itertools import combinations

from ..seeds import derive_seed
from .tasks import PAIR_CLASSES, image_shape
from .work import block_members, blocks, ordered


def source_tasks(config: Mapping) -> list[dict]:
    """The tasks that sources are trained on: all pairs of the clustering superclasses, or ``count`` chosen by a fixed
    seed."""
    pairs = list(combinations(sorted(config["sources"]["superclasses"]), 2))
    chosen = sorted(pairs, key=lambda pair: derive_seed("source pair", *pair))[: config["sources"]["count"]]
    return [{"name": f"{config['dataset']}-{a}-{b}", "superclasses": [a, b]} for a, b in sorted(chosen)]


def source_blocks(config: Mapping) -> list[str]:
    """The blocks of sources that one job trains each."""
    return blocks(len(source_tasks(config)), config["sources"]["per_job"])


def source_spec(config: Mapping, architecture: str, block: str) -> dict:
    """Everything that decides what one job of sources computes, with sorted keys."""
    chosen = source_tasks(config)
    return ordered(
        {
            "settings": config["recipes"][config["sources"]["recipe"]],
            "architecture": architecture,
            "tasks": [chosen[i] for i in block_members(block)],
            "device": config["device"],
        }
    )


def source_images(config: Mapping) -> dict:
    """What a source network is built for: its number of classes and the shape of its images, ``[channels, height, width]``."""
    settings = config["recipes"][config["sources"]["recipe"]]
    return {"num_classes": PAIR_CLASSES, "input_size": image_shape(config, config["dataset"], settings)}
