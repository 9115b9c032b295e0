"""What one training job is told: an arm under a protocol and a recipe, on its tasks x a block of replicas."""

from collections.abc import Mapping

from .arms import ARM_KEYS, arm_setting
from .tasks import tasks
from .work import block_members, ordered


def arm_spec(config: Mapping, protocol: str, recipe: str, arm: str, block: str) -> dict:
    """Everything that decides what one training job computes, with sorted keys."""
    settings = {key: value for key, value in config["arms"][arm].items() if key not in ARM_KEYS}
    if protocol == "published":
        settings |= config["arms"][arm].get("published", {})
    dataset = arm_setting(config, arm, "dataset")
    grown = {}
    if teacher := config["arms"][arm].get("teacher"):
        grown = {"teacher": {**teacher, "architecture": arm_setting(config, teacher["arm"], "architecture")}}
    return ordered(
        {
            "run": config["run"],
            "protocol": protocol,
            "recipe": recipe,
            "settings": config["recipes"][recipe],
            "arm": arm,
            "initializer": config["arms"][arm]["initializer"],
            "parameters": settings,
            "architecture": arm_setting(config, arm, "architecture"),
            "dataset": dataset,
            "tasks": tasks(config, arm),
            "replicas": block_members(block),
            "device": config["device"],
            **grown,
        }
    )
