"""Checks of a config before any job starts: one line that names the key and the nearest valid one. No torch here."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from ..declarations import architectures, initializers
from ..errors import InputError
from ..tasks import catalog
from .arms import ARM_KEYS, arm_setting
from .banks import bank_spec
from .families import DEFAULT_RECIPE, cells, expanded
from .figures import figure_arms
from .search import check_search
from .sources import source_tasks
from .tasks import tasks

SCHEMA = Path(__file__).parents[3] / "schemas" / "config.schema.yaml"
CLUSTERING = ("euclid", "fourier-real", "fourier-magnitude")


def _hint(name: object, known: Iterable[str]) -> str:
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    return (
        f"known: {', '.join(known)}"
        if len(known) <= 12
        else f"known: {', '.join(known[:10])} and {len(known) - 10} more"
    )


def _where(path: Iterable) -> str:
    return ".".join(map(str, path)) or "config"


def _schema_line(error: ValidationError) -> str:
    """One line for one violation of the schema."""
    where = _where(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        unknown = next(key for key in error.instance if key not in known)
        return f"{where}: unknown key {unknown!r}; {_hint(unknown, known)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{where}: the key {missing!r} is missing"
    if error.validator == "enum":
        return f"{where}: {error.instance!r} is not one of {', '.join(map(str, error.validator_value))}"
    if error.validator == "type":
        wanted = error.validator_value
        wanted = " or ".join(wanted) if isinstance(wanted, list) else wanted
        return f"{where}: must be of type {wanted}, got {error.instance!r}"
    message = error.message if len(error.message) < 200 else error.message[:200] + " ..."
    return f"{where}: {message}"


def _known(name: str, known: Iterable[str], where: str, what: str) -> None:
    known = list(known)
    if name not in known:
        raise InputError(f"{where}: {what} {name!r} does not exist; {_hint(name, known)}")


def check_config(config: Mapping) -> None:
    """Raise :class:`InputError` with one line for the first thing in ``config`` that cannot work."""
    validator = Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))
    errors = list(validator.iter_errors(config))
    if errors:
        # an unknown key is usually the cause of what else is wrong, so it is named first
        unknown = [error for error in errors if error.validator == "additionalProperties"]
        raise InputError(_schema_line((unknown or [best_match(errors)])[0]))
    _check_families(config)
    config = expanded(config)
    _known(config["dataset"], catalog.names(), "dataset", "data set")
    _known(config["architecture"], architectures(), "architecture", "architecture")
    _known(config["sources"]["recipe"], config["recipes"], "sources.recipe", "recipe")
    for name, recipe in config["recipes"].items():
        _check_recipe(name, recipe)
    check_search(config)
    for arm, section in config["arms"].items():
        _check_arm(arm, section, config)
    for name, family in config["families"].items():
        _check_growth(name, family, config)
    for name, figure in config["figures"].items():
        _known(figure.get("recipe", DEFAULT_RECIPE), config["recipes"], f"figures.{name}.recipe", "recipe")
        for arm in figure["arms"]:
            _known(arm, config["arms"], f"figures.{name}.arms", "arm")
        if figure.get("baseline") is not None:
            _known(figure["baseline"], figure_arms(config, name), f"figures.{name}.baseline", "arm of the figure")
    for arm in config.get("published", {}):
        _known(arm, [*config["arms"], *_published_elsewhere()], "published", "arm")
    _check_tasks(config)


def _check_families(config: Mapping) -> None:
    """What families name, before they are written out for the networks and data sets that they are run on."""
    for name, family in config["families"].items():
        where = f"families.{name}"
        for recipe in family.get("recipes", [DEFAULT_RECIPE]):
            _known(recipe, config["recipes"], f"{where}.recipes", "recipe")
        for arm in family["arms"]:
            _known(arm, config["arms"], f"{where}.arms", "arm")
        for dataset in family.get("across", {}).get("datasets", []):
            _known(dataset, catalog.names(), f"{where}.across.datasets", "data set")
        for architecture in family.get("across", {}).get("architectures", []):
            _known(architecture, architectures(), f"{where}.across.architectures", "architecture")
        baseline = family.get("baseline", {})
        named = {baseline: baseline} if isinstance(baseline, str) else baseline
        named = {arm: other for arm, other in named.items() if other is not None}  # an overlay takes one out with null
        for arm in [*named, *named.values(), *family.get("shown", [])] if family["arms"] else []:
            _known(arm, family["arms"], f"{where}.baseline", "arm of the family")
        if "replicas" in family and "across" not in family:
            raise InputError(f"{where}.replicas: needs {where}.across, so that the arms are the family's own")
        if "baseline" in family and "controlled" not in family.get("protocols", config["protocols"]):
            raise InputError(f"{where}: a comparison is made under protocol controlled; add it to {where}.protocols")


def _check_growth(name: str, family: Mapping, config: Mapping) -> None:
    """Whether the arms of a family that grow from a teacher can."""
    for arm in family["arms"]:
        teacher = config["arms"][arm].get("teacher")
        if teacher is None:
            continue
        where = f"arms.{arm}.teacher"
        _known(teacher["arm"], config["arms"], f"{where}.arm", "arm")
        _known(teacher["recipe"], config["recipes"], f"{where}.recipe", "recipe")
        if tasks(config, arm) != tasks(config, teacher["arm"]):
            raise InputError(f"{where}: {teacher['arm']} is trained on other tasks than {arm}; give both one data set")
        if "published" in family.get("protocols", config["protocols"]):
            raise InputError(
                f"families.{name}: {arm} grows from a teacher of its own task; set protocols: [controlled]"
            )


def _published_elsewhere() -> list[str]:
    """Arms of the paper with a published curve that a config may leave out."""
    tiny = [f"tiny-{name}" for name in ("random", "pretrained", "clustered")]
    return [*tiny, "custom-random", *(f"custom-aligned-{layers}" for layers in (1, 2, 4))]


def _check_recipe(name: str, recipe: Mapping) -> None:
    starts = [epoch for epoch, _ in recipe["learning_rate"]]
    if recipe.get("schedule", "steps") != "steps" and len(starts) > 1:
        raise InputError(f"recipes.{name}.learning_rate: schedule {recipe['schedule']!r} takes one rate, [[1, peak]]")
    if starts[0] != 1 or starts != sorted(set(starts)):
        raise InputError(f"recipes.{name}.learning_rate: epochs must start at 1 and increase, got {starts}")


def _check_arm(arm: str, section: Mapping, config: Mapping) -> None:
    where, known = f"arms.{arm}", initializers()
    _known(section["initializer"], known, f"{where}.initializer", "initializer")
    _known(arm_setting(config, arm, "architecture"), architectures(), f"{where}.architecture", "architecture")
    _known(arm_setting(config, arm, "dataset"), catalog.names(), f"{where}.dataset", "data set")
    parameters = known[section["initializer"]].parameters
    settings = [parameter for parameter in parameters if parameter not in ("bank", "source", "teacher", "data")]
    for key in [key for key in section if key not in ARM_KEYS] + list(section.get("published", {})):
        if key not in settings:
            valid = settings + list(ARM_KEYS)
            initializer = section["initializer"]
            raise InputError(f"{where}: initializer {initializer!r} has no setting {key!r}; {_hint(key, valid)}")
    if ("bank" in parameters) != ("bank" in section):
        verb = "needs a" if "bank" in parameters else "takes no"
        raise InputError(f"{where}.bank: initializer {section['initializer']!r} {verb} bank")
    if ("teacher" in parameters) != ("teacher" in section):
        verb = "needs a" if "teacher" in parameters else "takes no"
        raise InputError(f"{where}.teacher: initializer {section['initializer']!r} {verb} teacher")
    if "bank" in section:
        bank = section["bank"]
        if (bank["method"] in CLUSTERING) != ("k" in bank):
            verb = "needs" if bank["method"] in CLUSTERING else "takes no"
            raise InputError(f"{where}.bank: method {bank['method']!r} {verb} number of clusters k")
        aligned = bank["method"].startswith("aligned-")
        if aligned != ("layers" in bank):
            verb = "needs" if aligned else "takes no"
            raise InputError(f"{where}.bank: method {bank['method']!r} {verb} number of layers")
        if aligned != (section["initializer"] == "aligned"):
            raise InputError(f"{where}: initializer 'aligned' and bank methods aligned-* belong together")
        if aligned and section.get("layers", 1) > bank["layers"]:
            raise InputError(f"{where}.layers: {section['layers']} layers, but the bank aligns {bank['layers']}")
        if aligned and bank.get("taps") == "live":
            raise InputError(f"{where}.bank.taps: an aligned bank holds whole filters; leave out taps: live")
        if bank["method"] == "gaussian" and bank.get("taps") == "live":
            raise InputError(f"{where}.bank.taps: a gaussian bank speaks about whole filters; leave out taps: live")


def _check_tasks(config: Mapping) -> None:
    for arm, section in config["arms"].items():
        if any(a == b for a, b in section.get("tasks", [])):
            raise InputError(f"arms.{arm}.tasks: a pair names one superclass twice")
    clustering = set(config["sources"]["superclasses"])
    for a, b in config["tasks"]:
        if a == b:
            raise InputError(f"tasks: [{a}, {b}] names one superclass twice")
        shared = clustering & {a, b}
        if shared:
            raise InputError(
                f"tasks: superclass {shared.pop()} of [{a}, {b}] is also one of sources.superclasses; "
                "sources must not see it"
            )
    available = len(source_tasks(config))
    if config["sources"]["count"] > available:
        raise InputError(
            f"sources.count: {config['sources']['count']} sources, but the superclasses have only {available} pairs"
        )
    used = {arm for _, _, arm in cells(config)}
    for arm in used:
        bank = bank_spec(config, arm)
        if bank is None:
            continue
        needed = bank["models"] * (arm_setting(config, arm, "replicas")["count"] if bank["disjoint"] else 1)
        if needed > available:
            sets = " for disjoint replicas" if bank["disjoint"] else ""
            raise InputError(f"arms.{arm}.bank.models: needs {needed} sources{sets}, but sources.count is {available}")


def config_reference() -> str:
    """``config/README.md``: every key of the schema; ``python -m informed_init.checks`` prints it."""
    lines = [
        "# The configuration",
        "",
        "`config.yaml` is run `paper`. An overlay changes keys of it and names another run:",
        "`snakemake --cores 2 --configfile config/demo.yaml` (minutes, offline), `config/study.yaml` (CIFAR-100 on a CPU).",
        "A wrong key or value is named, with the nearest valid one, before anything starts.",
        "",
        "| key | type | meaning |",
        "| --- | --- | --- |",
    ]
    lines += _reference_rows(yaml.safe_load(SCHEMA.read_text()), "")
    return "\n".join(lines) + "\n"


def _reference_rows(section: Mapping, prefix: str) -> list[str]:
    rows = []
    named = dict(section.get("properties", {}))
    if isinstance(section.get("additionalProperties"), dict) and prefix:
        named["<name>"] = section["additionalProperties"]
    for key, entry in named.items():
        path = f"{prefix}{key}"
        kind = entry.get("type", "one of " + ", ".join(map(str, entry["enum"])) if "enum" in entry else "")
        kind = " or ".join(kind) if isinstance(kind, list) else kind
        if "description" in entry:
            rows.append(f"| `{path}` | {kind} | {entry['description'].strip()} |")
        rows += _reference_rows(entry, f"{path}.")
    return rows


if __name__ == "__main__":
    print(config_reference(), end="")
