"""What one training job is told: an arm under a protocol and a recipe, on its tasks x a block of replicas."""

from collections.abc import Mapping

from ..reference_names import own_file
from .arms import ARM_KEYS, arm_setting, plugin_modules
from .banks import bank_name, bank_spec
from .code_inputs import own_code
from .ready_banks import ready_bank
from .tasks import replica_tasks
from .work import block_members, ordered

ARM_SCRIPT = "runs/train_arm.py"


def arm_spec(config: Mapping, protocol: str, recipe: str, arm: str, block: str) -> dict:
    """Everything that decides what one training job computes, with sorted keys."""
    settings = {key: value for key, value in config["arms"][arm].items() if key not in ARM_KEYS}
    if protocol == "published":
        settings |= config["arms"][arm].get("published", {})
    if isinstance(bank := config["arms"][arm].get("bank"), str):
        settings |= {"bank": bank}  # the initializer finds it itself
    dataset = arm_setting(config, arm, "dataset")
    grown = {}
    if teacher := config["arms"][arm].get("teacher"):
        grown = {"teacher": {**teacher, "architecture": arm_setting(config, teacher["arm"], "architecture")}}
    return ordered(
        {
            "run": config["run"],
            "protocol": protocol,
            "recipe": recipe,
            "settings": _recipe_of_arm(config, recipe, arm),
            "arm": arm,
            "initializer": config["arms"][arm]["initializer"],
            "parameters": settings,
            "architecture": arm_setting(config, arm, "architecture"),
            "dataset": dataset,
            "tasks": replica_tasks(config, arm, block_members(block)),
            "replicas": block_members(block),
            "device": config["device"],
            **grown,
        }
    )


def _recipe_of_arm(config: Mapping, recipe: str, arm: str) -> Mapping:
    """The settings of a recipe; with an arm's own factors of groups of layers, which multiply those of the recipe."""
    settings, own = config["recipes"][recipe], config["arms"][arm].get("layer_factors")
    if not own:
        return settings
    shared = settings.get("layer_factors", {})
    factors = {
        group: {
            of: own.get(group, {}).get(of, 1) * shared.get(group, {}).get(of, 1)
            for of in ("learning_rate", "weight_decay")
        }
        for group in own.keys() | shared.keys()
    }
    return {**settings, "layer_factors": factors}


def arm_of_job(config: Mapping, protocol: str, recipe: str, arm: str, block: str) -> dict:
    """What a job is told of one of its arms: its :func:`arm_spec`, the name of its bank, and the code that is its alone."""
    bank, network = bank_spec(config, arm), own_file(arm_setting(config, arm, "architecture"))
    own = [file for file in (network, ready_bank(config, arm)) if file]
    return {
        "bank": bank and bank_name(bank),
        "code": [*own_code(ARM_SCRIPT, *plugin_modules(config, arm)), *own],
        "spec": arm_spec(config, protocol, recipe, arm, block),
    }
