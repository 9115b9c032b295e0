"""An arm's facts: what it is, as values. Arms with the same facts are the same experiment, whatever they are called.

Facts are a flat mapping: ``initializer`` and its settings, those that replace them under the published protocol
(``published_<setting>``), of its bank ``method, k, models, trained, taps, disjoint, aligned_layers``, of its teacher
``teacher_<fact>``, factors of groups of layers (``learning_rate_of_<group>``, ``weight_decay_of_<group>``), then
``architecture``, ``dataset`` and, if they are its own, ``tasks``. What is None is left out. The plan
makes them of the config (:func:`.plan.arm_facts.arm_facts`); tables and figures are given them, and look arms up by them.
"""

import ast
from collections.abc import Iterable, Mapping
from functools import cache

from .declarations import initializers

Facts = Mapping[str, object]
BANK_DEFAULTS = {"k": None, "aligned_layers": None, "trained": True, "taps": "all", "disjoint": False}
BANK = ("method", "models", *BANK_DEFAULTS)
PLACE = ("architecture", "dataset")
COLUMNS = ("initializer", "method", "k", "models", "trained", "taps", "layers", "rescale", "settings", *PLACE)


@cache
def _defaults(initializer: str) -> tuple[tuple[str, object], ...]:
    """The settings of an initializer that have defaults, with these."""
    declared = initializers().get(initializer)
    return tuple((key, ast.literal_eval(value)) for key, value in declared.defaults.items()) if declared else ()


def completed(given: Facts) -> dict:
    """Facts with the defaults of their initializer, and of a bank if they name its method, where they say nothing."""
    facts = dict(_defaults(given["initializer"])) | (BANK_DEFAULTS if "method" in given else {}) | dict(given)
    return {key: value for key, value in facts.items() if value is not None}


def find(arms: Mapping[str, Facts], wanted: Facts, free: Iterable[str] = ()) -> str | None:
    """The first of ``arms`` (name -> facts) that is exactly what is ``wanted``, or None.

    What ``wanted`` does not say is as the defaults have it; keys in ``free`` may be anything.
    """
    free = set(free)

    def bound(facts: Facts) -> dict:
        return {key: value for key, value in facts.items() if key not in free}

    sought = bound(completed(wanted))
    return next((arm for arm, facts in arms.items() if bound(facts) == sought), None)


def described(facts: Facts) -> str:
    """Facts in words, for an arm that has no name: ``initializer clustered (k = 2, method = euclid)``; never an arm's name,
    which has no spaces."""
    rest = ", ".join(f"{key} = {facts[key]}" for key in sorted(facts) if key != "initializer")
    return f"initializer {facts['initializer']}" + (f" ({rest})" if rest else "")


def columns(facts: Facts) -> dict[str, object]:
    """What tables say of an arm beside its name, by :data:`COLUMNS`; ``settings`` are others that are not the defaults."""
    defaults = completed({key: facts[key] for key in ("initializer", "method") if key in facts})
    other = [key for key in sorted(facts) if key not in COLUMNS and facts[key] != defaults.get(key)]
    return {key: facts.get(key) for key in COLUMNS} | {"settings": "; ".join(f"{key} = {facts[key]}" for key in other)}


def method(facts: Facts) -> str:
    """The word that decides an arm's color: how its weights are set.

    The initializer, or of one that draws filters from a bank the bank's method; an arm whose bank lacks one property of the
    others (training, dead taps, its own scale) is named after that.
    """
    if facts.get("rescale", "none") not in ("none", "auto"):
        return "rescaled"
    if not facts.get("trained", True):
        return "untrained"
    if facts.get("taps", "all") != "all":
        return str(facts["taps"])
    return str(facts["method"] if facts["initializer"] == "clustered" else facts["initializer"])
