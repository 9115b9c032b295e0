"""The banks that arms draw from: what each is made of, and its name."""

from collections.abc import Mapping

from ..facts import BANK_DEFAULTS
from .arms import arm_setting
from .families import cells
from .work import blocks, ordered


def bank_spec(config: Mapping, arm: str) -> dict | None:
    """All that a bank is made from, or None for an arm without one, or with one that is there already (:mod:`.ready_banks`)."""
    bank = config["arms"][arm].get("bank")
    if not isinstance(bank, Mapping):
        return None
    defaults = {key.removeprefix("aligned_"): value for key, value in BANK_DEFAULTS.items()}
    return ordered(defaults | bank | {"architecture": arm_setting(config, arm, "architecture")})


def bank_name(spec: Mapping) -> str:
    """A readable, unique name of a bank, e.g. ``resnet18-euclid-k2-m10``."""
    parts = [spec["architecture"], spec["method"], f"k{spec['k']}" if spec["k"] else "", f"m{spec['models']}"]
    parts += [f"l{spec['layers']}" if spec["layers"] else ""]
    parts += ["" if spec["trained"] else "untrained", "live" if spec["taps"] == "live" else ""]
    parts += ["disjoint" if spec["disjoint"] else ""]
    return "-".join(part for part in parts if part)


def banks(config: Mapping) -> dict[str, dict]:
    """Every bank any arm draws from, by name."""
    specs = [bank_spec(config, arm) for arm in config["arms"]]
    return {bank_name(spec): spec for spec in specs if spec is not None}


def bank_blocks(config: Mapping) -> list[str]:
    """The blocks of replicas that one job builds a bank for, enough for every arm that draws from one."""
    wanted = [arm_setting(config, arm, "replicas")["count"] for arm in config["arms"] if bank_spec(config, arm)]
    return blocks(max(wanted, default=0), config["replicas"]["per_job"])


def shared_banks(config: Mapping) -> list[list[str]]:
    """The banks of the run's arms that share a job: up to ``share`` that are made in one way from sources of one kind."""
    wanted = {bank_name(spec): spec for _, _, arm in cells(config) if (spec := bank_spec(config, arm))}
    kinds: dict[tuple, list[str]] = {}
    for name, spec in wanted.items():
        kinds.setdefault((spec["architecture"], bool(spec["layers"]), spec["trained"]), []).append(name)
    share = config.get("share", 1)
    parts = [names[start : start + share] for names in kinds.values() for start in range(0, len(names), share)]
    return [part for part in parts if len(part) > 1]
