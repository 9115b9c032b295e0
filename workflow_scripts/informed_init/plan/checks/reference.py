"""``config/README.md``: every key of the schema, and every setting of an initializer or an architecture.

``python -m informed_init.plan.checks.reference`` prints it.
"""

from collections.abc import Mapping

from ...declarations import Declaration, architectures, initializers
from ...settings import describe
from .schema import resolved, schema

HEAD = """# The configuration

`config.yaml` is run `paper`. An overlay changes keys of it and names another run:
`snakemake --cores 2 --configfile config/demo.yaml` (minutes, offline), `config/study.yaml` (CIFAR-100 on a CPU).
A wrong key or value is refused, with the remedy, before anything starts.

| key | what | meaning |
| --- | --- | --- |
"""
SETTINGS = """
## Settings of initializers and architectures

An arm gives those of its initializer, a final model and the search those of their architecture, beside their other keys.

| of | setting | what | if not given |
| --- | --- | --- | --- |
"""


def config_reference() -> str:
    """The text of ``config/README.md``."""
    declared = [*initializers().values(), *architectures().values()]
    settings = [row for one in declared for row in _setting_rows(one)]
    return HEAD + "\n".join(_key_rows(schema(), "")) + "\n" + SETTINGS + "\n".join(settings) + "\n"


def _key_rows(section: Mapping, prefix: str) -> list[str]:
    rows = []
    section = resolved(section)
    named = dict(section.get("properties", {}))
    if isinstance(section.get("additionalProperties"), dict):
        named["<name>"] = section["additionalProperties"]
    for key, entry in named.items():
        path, entry = f"{prefix}{key}", resolved(entry)
        if "description" in entry:
            rows.append(f"| `{path}` | {_kind(entry)} | {entry['description'].strip()} |")
        rows += _key_rows(entry, f"{path}.")
    if "items" in section:
        rows += _key_rows(section["items"], f"{prefix}<n>.")
    return rows


def _kind(entry: Mapping) -> str:
    kinds = entry.get("type", [])
    if "pattern" in entry:
        return entry["title"]
    if (isinstance(kinds, list) and "object" in kinds) or kinds == "object":
        return "keys and values"
    items = {"items": resolved(entry["items"])} if "items" in entry else {}
    return describe({**entry, **items})


def _setting_rows(declared: Declaration) -> list[str]:
    rows = []
    for name in declared.settings:
        wanted = describe(declared.schemas[name]) if name in declared.schemas else ""
        rows.append(f"| `{declared.name}` | `{name}` | {wanted} | {_yaml(declared.defaults.get(name, ''))} |")
    return rows


def _yaml(default: str) -> str:
    """A default as a config would say it."""
    return {"None": "null", "True": "true", "False": "false"}.get(default, default.strip("'\""))


if __name__ == "__main__":
    print(config_reference(), end="")
