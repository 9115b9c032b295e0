"""The source networks that banks, alignments and pretrained arms start from: their tasks and jobs, where they lie, and which
of them a replica draws."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import combinations

from ..draws import choose_source, choose_sources
from ..seeds import derive_seed
from .datasets import owned
from .tasks import PAIR_CLASSES, image_shape, is_procedural
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


def sources_told(config: Mapping) -> dict:
    """What a job of banks is told of the sources: the tasks of all, and what their networks are built for."""
    return ordered({"tasks": source_tasks(config), **source_images(config)})


def source_root(config: Mapping) -> str:
    """The folder that holds sources and the images that they are trained on: the run's own, or one below ``sources.folder``
    that is named after all that decides what a source is, so that runs which agree in it share their sources."""
    folder, dataset = config["sources"].get("folder"), config["dataset"]
    if folder is None:
        return f"results/{config['run']}"
    recipe = config["sources"]["recipe"]
    made = config["procedural"] if is_procedural(dataset) else owned(config).get(dataset)
    decides = [dataset, made, config["recipes"][recipe], config["device"]]
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:8]
    return f"{folder}/{dataset}-{recipe}-{digest}"


def bank_sources(config: Mapping, spec: Mapping, replicas: Iterable[int]) -> list[str]:
    """The sources that a bank of some replicas is built from, by name."""
    names = [task["name"] for task in source_tasks(config)]
    drawn = {name for r in replicas for name in choose_sources(names, spec["models"], r, spec["disjoint"])}
    return [name for name in names if name in drawn]


def pretrained_sources(config: Mapping, replicas: Iterable[int]) -> list[str]:
    """The sources that some replicas of an arm start from, by name."""
    names = [task["name"] for task in source_tasks(config)]
    return list(dict.fromkeys(choose_source(names, replica) for replica in replicas))
