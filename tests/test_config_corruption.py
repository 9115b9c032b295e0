"""However a config is damaged, what comes out is one readable line, or a config that works."""

import copy
import math
import random

import pytest
import yaml
from informed_init.errors import InputError
from informed_init.plan import arms, banks, drawings, families, figures, sources, tables, tasks, trainings, work
from informed_init.plan.checks import check_config
from repository import ROOT, Repository

CORRUPTIONS = 200
OTHER_TYPES = [None, True, 3, -1, 0, 2.5, math.nan, 10**30, "", "text", "5", "../x", [], [[1]], {}, {"a": 1}]


PAPER = yaml.safe_load((ROOT / "config.yaml").read_text())


def places(value, path=()):
    """Every key and list position of a nested config, as paths."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield (*path, key)
        yield from places(child, (*path, key))


def misspelled(word, rng):
    """A slip of the finger: two letters exchanged, one dropped or doubled, or the case changed."""
    place = rng.randrange(max(len(word) - 1, 1))
    pair = word[place : place + 2]
    return rng.choice(
        [
            word[:place] + pair[::-1] + word[place + 2 :],
            word[:place] + word[place + 1 :],
            word[:place] + pair[:1] + word[place:],
            word.swapcase(),
        ]
    )


def corrupt(config, rng):
    """Damage one place of a config; says what was done."""
    path = rng.choice(list(places(config)))
    *above, key = path
    section = config
    for step in above:
        section = section[step]
    value = section[key]
    kind = rng.choice(["delete", "type", "type", "misspell", "value", "nest", "hoist"])
    if kind == "delete":
        del section[key]
    elif kind == "misspell" and isinstance(key, str):
        section[misspelled(key, rng)] = section.pop(key)
    elif kind == "value" and isinstance(value, str):
        section[key] = misspelled(value, rng)
    elif kind == "value" and isinstance(value, int | float):
        section[key] = rng.choice([-value, value * 1000, value + 0.5, 0])
    elif kind == "nest":
        section[key] = rng.choice([[value], {str(key): value}])
    elif kind == "hoist" and isinstance(section, dict):
        config[f"{key}"] = section.pop(key)
    else:
        kind, section[key] = "type", rng.choice(OTHER_TYPES)
    return f"{kind} {'.'.join(map(str, path))}"


def plan(config):
    """Everything that the rules ask of a config while Snakemake parses."""
    for protocol, recipe, arm in families.cells(config):
        arms.plugin_modules(config, arm)
        for block in arms.replica_blocks(config, arm):
            trainings.arm_spec(config, protocol, recipe, arm, block)
    for block in sources.source_blocks(config):
        sources.source_spec(config, config["architecture"], block)
    for figure, protocol in figures.drawn_figures(config):
        figures.figure_spec(config, figure, protocol)
    banks.banks(config), drawings.drawn(config), tables.table_cells(config, "table1")
    drawings.alignment_architecture(config), tasks.chance(config), tables.rate_recipes(config)
    work.gpus_per_job(config["device"])


@pytest.mark.parametrize("seed", range(CORRUPTIONS))
def test_a_damaged_config_is_one_readable_line_or_still_works(seed):
    rng = random.Random(seed)
    config = copy.deepcopy(PAPER)
    done = [corrupt(config, rng) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    given = copy.deepcopy(config)
    try:
        check_config(config)
    except InputError as error:
        said = str(error)
        assert "\n" not in said and 10 < len(said) < 400, (done, said)
        assert not any(word in said for word in ("Traceback", "Error(", "object at 0x")), (done, said)
    else:
        plan(families.expanded(config))
    assert repr(config) == repr(given)  # a check changes nothing


def test_most_damage_is_noticed():
    noticed = 0
    for seed in range(CORRUPTIONS):
        rng = random.Random(seed)
        config = copy.deepcopy(PAPER)
        corrupt(config, rng)
        try:
            check_config(config)
        except InputError:
            noticed += 1
    assert (
        noticed > CORRUPTIONS / 2
    )  # the rest are other valid configs: a figure or an arm less, another number of epochs


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return Repository(tmp_path_factory.mktemp("damaged"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("replicas: [1]\n", "replicas: got [1]; give a mapping"),
        ("arms: {random: {initialiser: default}}\n", "initialiser"),
        ("tasks: 7\n", "tasks: got 7; give a list"),
        ("recipes: {stepwise: {epochs: 0}}\n", "recipes.stepwise.epochs"),
        ("run: ../outside\n", "run"),
        ("arms: {random: {initializer: default\n", "not valid JSON or YAML"),
    ],
)
def test_snakemake_shows_the_line_and_no_traceback(repository, damage, said):
    (repository.folder / "damaged.yaml").write_text(damage)
    output = repository.snakemake("-n", "--configfile", "damaged.yaml", ok=False)
    assert said in output
    assert "Traceback (most recent call last)" not in output
    assert not (repository.folder / "results").exists()
