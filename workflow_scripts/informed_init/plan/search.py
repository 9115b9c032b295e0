"""From the config's section ``search`` to jobs: rungs of the search and final models.

Pure functions of the config, used by the rules while Snakemake parses; no torch here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields

from ..search.rungs import Plan, Sizes
from ..search.shapes import Shape
from .published import published_test_accuracy
from .tasks import image_shape, num_classes
from .work import block_members, blocks, ordered

CHOSEN = "chosen"  # the architecture that a search ends with
SHAPE_KEYS = tuple(field.name for field in fields(Shape))
MODEL_KEYS = ("architecture", "recipe")  # every other key of a final model is a setting of its architecture
FEATURES = {"method": "pca", "images": 500}
FINAL_FILES = {"curves": ".csv", "confusion": "-confusion.csv", "features": "-features.csv", "records": ".json"}
PARTS = ("per_class", "confusion", "features")  # what is drawn of every final model


def searched(config: Mapping) -> bool:
    """Whether the run has a search; an overlay leaves it out by ``search: null``."""
    return bool(config.get("search"))


def task(config: Mapping) -> dict:
    """The task of the search: two superclasses of its data set, or all classes."""
    section = config["search"]
    pair = section.get("superclasses")
    name = "-".join(map(str, [section["dataset"], *(pair or [])]))
    return {"name": name, "superclasses": pair}


def sizes(config: Mapping, recipe: str) -> Sizes:
    """Channels, classes and size of the search's images under a recipe."""
    section = config["search"]
    channels, size, _ = image_shape(config, section["dataset"], config["recipes"][recipe])
    return Sizes(channels, num_classes(config, section["dataset"], section.get("superclasses")), size)


def common_settings(section: Mapping) -> tuple[dict, dict]:
    """The section's settings for all networks: those of the shape, and the others."""
    settings = section.get("settings", {})
    shape = {key: value for key, value in settings.items() if key in SHAPE_KEYS}
    return shape, {key: value for key, value in settings.items() if key not in SHAPE_KEYS}


def plan_spec(config: Mapping, rungs: int) -> dict:
    """What :meth:`search.Plan.from_spec` reads, as far as the first ``rungs`` rungs depend on it."""
    section = config["search"]
    scaling = section.get("scaling")
    return {
        "grid": section["grid"],
        "common": common_settings(section)[0],
        "scaling": {"divisor": 1, **scaling} if scaling else None,
        "configs": [rung["configs"] for rung in section["rungs"][1:rungs]],
        "budget": section["budget"],
        "sizes": asdict(sizes(config, section["recipe"])),
    }


# ---------------------------------------------------------------- rungs


def last_rung(config: Mapping) -> int:
    """The number of the last rung, counted from 0."""
    return len(config["search"]["rungs"]) - 1


def rung_blocks(config: Mapping, rung: int) -> list[str]:
    """The blocks of shapes that one job of a rung trains each.

    Known before any training, as a rung's number of shapes is; which shapes they are, a job reads from earlier rungs.
    """
    plan = Plan.from_spec(plan_spec(config, rung + 1))
    return blocks(plan.size_of(rung), config["search"]["per_job"])


def rung_files(config: Mapping, rungs: int | None = None) -> list[str]:
    """The tables of all blocks of the first ``rungs`` rungs, or of all; none without a search."""
    rungs = 0 if not searched(config) else last_rung(config) + 1 if rungs is None else rungs
    return [f"<results>/search/rung{rung}/{block}.csv" for rung in range(rungs) for block in rung_blocks(config, rung)]


def rung_spec(config: Mapping, rung: int, block: str) -> dict:
    """Everything that decides what one job of a rung computes, with sorted keys."""
    section = config["search"]
    own = section["rungs"][rung]
    return ordered(
        {
            "run": config["run"],
            "task": task(config),
            "search": plan_spec(config, rung + 1),
            "rung": rung,
            "members": block_members(block),
            "parameters": common_settings(section)[1],
            "recipe": section["recipe"],
            "settings": {**config["recipes"][section["recipe"]], "epochs": own["epochs"]},
            "images_per_class": own.get("images_per_class"),
            "replicas": list(range(own.get("replicas", 1))),
            "device": config["device"],
        }
    )


def table_spec(config: Mapping) -> dict:
    """What the search's tables and picture are told beside the rows of all rungs; nothing without a search."""
    if not searched(config):
        return {}
    section = config["search"]
    return ordered(
        {
            "task": task(config)["name"],
            "search": plan_spec(config, len(section["rungs"])),
            "chance": 100.0 / sizes(config, section["recipe"]).classes,
            "rungs": section["rungs"],
        }
    )


# ---------------------------------------------------------------- final models


def final_models(config: Mapping) -> list[str]:
    """The names of the models that are trained at the end; none without a search. An overlay leaves one out by null."""
    models = config["search"]["final"]["models"] if searched(config) else {}
    return [name for name, section in models.items() if section]


def final_blocks(config: Mapping) -> list[str]:
    """The blocks of replicas that one job of a final model trains each."""
    replicas = config["search"]["final"]["replicas"]
    return blocks(replicas["count"], replicas["per_job"])


def final_files(config: Mapping, models: Sequence[str]) -> dict[str, list[str]]:
    """What the trainings of some final models leave, all replicas, by kind."""
    return {
        kind: [f"<results>/compact/{model}/{block}{end}" for model in models for block in final_blocks(config)]
        for kind, end in FINAL_FILES.items()
    }


def needs_search(config: Mapping, model: str) -> bool:
    """Whether a final model is the one that the search ends with."""
    return config["search"]["final"]["models"][model]["architecture"] == CHOSEN


def final_rungs(config: Mapping, model: str) -> list[str]:
    """The tables that a final model's shape is read from: those of all rungs where the search chose it, else none."""
    return rung_files(config) if needs_search(config, model) else []


def final_architecture(config: Mapping, model: str) -> str:
    """The registered architecture of a final model."""
    return "compact" if needs_search(config, model) else config["search"]["final"]["models"][model]["architecture"]


def final_spec(config: Mapping, model: str, block: str) -> dict:
    """Everything that decides what one job of a final model computes, with sorted keys."""
    section = config["search"]
    own = section["final"]["models"][model]
    parameters = {key: value for key, value in own.items() if key not in MODEL_KEYS}
    if needs_search(config, model):
        parameters = common_settings(section)[1] | parameters
    return ordered(
        {
            "run": config["run"],
            "task": task(config),
            "model": model,
            "architecture": final_architecture(config, model),
            "chosen": needs_search(config, model),
            "parameters": parameters,
            "budget": section["budget"],
            "recipe": own["recipe"],
            "settings": config["recipes"][own["recipe"]],
            "features": FEATURES | section["final"].get("features", {}),
            "replicas": block_members(block),
            "device": config["device"],
        }
    )


def pages_spec(config: Mapping) -> dict:
    """What the pages of the final models are told beside their results; nothing without a search."""
    if not searched(config):
        return {}
    section = config["search"]
    models = []
    for name in final_models(config):
        known = published_test_accuracy(section["dataset"], section["final"]["models"][name]["architecture"])
        models.append({"name": name, "published": known, **section["final"]["models"][name]})
    chance = 100.0 / sizes(config, section["recipe"]).classes
    return ordered({"task": task(config)["name"], "chance": chance, "models": models})


def results(config: Mapping) -> list[str]:
    """The files that a run with a search ends with, below its folder; none without one."""
    if not searched(config):
        return []
    files = ["tables/search.csv"]
    if final_models(config):
        files += ["tables/compact.csv"]
        files += [f"figures/compact-{model}-{part}.png" for model in final_models(config) for part in PARTS]
    return files
