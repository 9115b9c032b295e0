"""Wrong values are refused before any work, as wrong keys are: one line with the key, the value and the remedy."""

import copy
import re

import pytest
from informed_init.declarations import architectures, initializers
from informed_init.errors import InputError
from informed_init.plan import families, paths, trainings
from informed_init.plan.checks import check_config, check_repeated_keys
from informed_init.plan.checks.names import file_names, rule_names
from informed_init.plan.checks.schema import schema
from informed_init.tasks import catalog
from repository import ROOT, Repository
from small_config import PAPER

NAN, INFINITE = float("nan"), float("inf")


def changed(path, value, config=PAPER):
    """The paper's config with one value replaced or added; a place in a list is a number."""
    config = copy.deepcopy(config)
    *above, last = path if isinstance(path, tuple) else path.split("/")
    section = config
    for step in above:
        section = section[int(step)] if isinstance(section, list) else section[step]
    section[int(last) if isinstance(section, list) else last] = value
    return config


def refusal(config):
    """The one line that a config is refused with."""
    with pytest.raises(InputError) as error:
        check_config(config)
    line = str(error.value)
    assert re.fullmatch(r"[^\n;]+: [^\n]+; [^\n]+", line), line
    return line


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("arms/clustered-rescaled-k2/rescale", "hee", "got 'hee'; give one of "),
        ("arms/gabor-1/grid", "publised", "got 'publised'; give one of published, centered"),
        ("arms/euclid-l1/layers", "3", "got '3'; give a whole number from 1"),
        ("arms/euclid-l1/layers", 3.0, "got 3.0; give a whole number"),
        ("arms/euclid-l1/layers", 0, "got 0; give a whole number"),
        ("arms/euclid-l1/layers", True, "got True; give a whole number"),
        ("arms/gabor-1/published/filter_seed", -1, "got -1; give a whole number from 0"),
        ("arms/normal/std", INFINITE, "got inf; give a number"),
        ("arms/normal/std", -0.01, "got -0.01; give a number from 0"),
        ("arms/sup-walsh/steps", 600.0, "got 600.0; give a whole number"),
        ("arms/sup-walsh/reducer", "umap", "got 'umap'; give one of tsne"),
        ("arms/sup-walsh/code_length", 24, "got 24; give one of 2, 4, 8, 16"),
        ("arms/lenet-wider/noise", "relativ", "got 'relativ'; give one of none, absolute, relative"),
        ("recipes/stepwise/learning_rate/0/1", NAN, "got nan; give a number of more than 0"),
        ("recipes/stepwise/learning_rate/0/1", INFINITE, "got inf; give a number of more than 0 and at most 1,000"),
        ("recipes/stepwise/momentum", NAN, "got nan; give a number"),
        ("recipes/stepwise/momentum", -0.5, "got -0.5; give a number of at least 0 and less than 1"),
        ("recipes/stepwise/weight_decay", INFINITE, "got inf; give a number"),
        ("recipes/stepwise/epochs", 15.0, "got 15.0; give a whole number"),
        ("replicas/count", 2.0, "got 2.0; give a whole number from 1 to 1,000"),
        ("replicas/count", 1001, "got 1001; give a whole number from 1 to 1,000"),
        ("procedural/seed", 1.0, "got 1.0; give a whole number"),
        ("search/budget", 5e6, "got 5000000.0; give a whole number"),
        ("search/rungs/1/configs", 4.0, "got 4.0; give a whole number"),
        ("search/final/models/dropblock/dropblock", "a", "got 'a'; give a number of at least 0 and less than 1"),
        ("search/final/models/dropblock/feature_dropout", 1.0, "got 1.0; give a number of at least 0 and less than 1"),
        ("search/final/models/dropblock/stem_stride", 3, "got 3; give one of 1, 2"),
        ("figures/figure2/metric", "seed", "metric 'seed' does not exist; known: test_accuracy"),
        ("figures/figure2/metric", "val_acuracy", "metric 'val_acuracy' does not exist; did you mean 'val_accuracy'?"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_choices(path, value, said):
    line = refusal(changed(path, value))
    assert said in line
    assert path.split("/")[-1] in line or path.split("/")[-2] in line


def test_settings_of_the_search_are_those_of_its_network():
    line = refusal(changed("search/settings", {"dropblock": "a"}))
    assert line == "search.settings.dropblock: got 'a'; give a number of at least 0 and less than 1"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("tasks/0", [10, 25], "tasks: superclass 25 does not exist; cifar100 has superclasses 0 to 19"),
        ("tasks/1", [10, 11], "tasks: [10, 11] stands there twice"),
        (
            "tasks/1",
            [11, 10],
            "tasks: [11, 10] stands there twice, and the order of a pair means nothing; leave one out",
        ),
        ("tasks/0", [11, 11], "tasks: [11, 11] names one superclass twice"),
        ("arms/random-four-pairs/tasks/0", [2, 20], "arms.random-four-pairs.tasks: superclass 20 does not exist"),
        ("arms/euclid-k2/tasks", [[2, 12]], "arms.euclid-k2.tasks: superclass 2 of [2, 12] is also one of sources"),
        ("arms/pretrained/tasks", [[2, 12]], "arms.pretrained.tasks: superclass 2 of [2, 12] is also one of sources"),
        (
            "arms/tiny-random/tasks",
            [[10, 11]],
            "arms.tiny-random.tasks: on data set 'tinyimagenet' all classes are one",
        ),
        ("sources/superclasses", [0, 1, 2, 20], "sources.superclasses: superclass 20 does not exist"),
        ("sources/count", 46, "sources.count: 46 sources, but the superclasses have only 45 pairs; give at most 45"),
        (
            "dataset",
            "mnist",
            "arms.random-four-pairs.tasks: on data set 'mnist' all classes are one task; leave out tasks or dataset",
        ),
        ("search/superclasses", [3, 4], "search.superclasses: cifar10 has no superclasses; leave them out"),
    ],
)
def test_superclasses_and_pairs_are_those_of_the_data_set(path, value, said):
    assert refusal(changed(path, value)).startswith(said)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "families/net2net_lenet/shown",
            ["lenet-wide"],
            "families.net2net_lenet.shown: arm of the family 'lenet-wide'",
        ),
        ("families/walsh/baseline", "defualt", "families.walsh.baseline: arm of the family 'defualt' does not exist"),
        (
            "families/walsh/baseline",
            {"initializer": "lsv"},
            "families.walsh.baseline.initializer: initializer 'lsv'",
        ),
        (
            "families/walsh/baseline",
            {"initializer": "lsuv", "batch": 3},
            "families.walsh.baseline: fact 'batch' does not exist",
        ),
        ("families/walsh/baseline", {"std": 1}, "families.walsh.baseline: the key 'initializer' is missing"),
        ("families/walsh/shown", ["random"], "families.walsh.shown: arm of the family 'random' does not exist"),
        (
            "figures/figure4/panels/euclid",
            {"gabr-1": "1"},
            "figures.figure4.panels.euclid: arm 'gabr-1' does not exist",
        ),
        ("search/rungs/1", {"epochs": 3}, "search.rungs.1: the key 'configs' is missing; give the number of shapes"),
        (
            "search/rungs/0/configs",
            3,
            "search.rungs.0.configs: the first rung trains every candidate; leave configs out",
        ),
        ("families/walsh/baseline", {"initializer": "pretrained"}, "families.walsh.baseline: on none of the family's"),
        (
            "families/walsh/baseline",
            {"initializer": "normal", "std": "x"},
            "families.walsh.baseline.std: got 'x'; give a",
        ),
        (
            "tables/walsh_layout/families",
            ["walsh", "gabor"],
            "tables.walsh_layout.families: family 'gabor' has no baseline; name those that",
        ),
        ("families/gabor/protocols", [], "families.gabor.protocols: got []; give a list of at least 1"),
    ],
)
def test_what_a_section_names_is_its_own(path, value, said):
    assert refusal(changed(path, value)).startswith(said)


# ---------------------------------------------------------------- names


BAD_NAMES = [
    "../../README",
    "a/b",
    "..",
    ".hidden",
    "a..b",
    "a b",
    "a\n",
    "",
    "é",
    "a.",
    "-a",
    "a\\b",
    "a:b",
    "*",
    "{a}",
]


@pytest.mark.parametrize("section", ["arms", "recipes", "families", "figures", "search/final/models"])
@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_become_paths_have_one_pattern(section, name):
    path = section.split("/")
    member = PAPER
    for step in path:
        member = member[step]
    line = refusal(changed((*path, name), next(iter(member.values()))))
    assert line.startswith(f"{'.'.join(path)}: {name!r} cannot be used; give ")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_the_name_of_a_run_and_of_a_panel_have_it_too(name):
    assert refusal(changed("run", name)).startswith(f"run: {name!r} cannot be used; give letters and digits")
    arms = PAPER["figures"]["figure4"]["panels"]["euclid"]
    assert f"{name!r} cannot be used" in refusal(changed(("figures", "figure4", "panels", name), arms))


def test_the_rules_match_what_the_config_may_call_something():
    assert schema()["$defs"]["name"]["pattern"] == f"^{paths.NAME}$(?!\\n)"
    for name in (*catalog.names(), *architectures(), *initializers(), "normal-0.05", "my-data.v2", "A_1"):
        assert re.fullmatch(paths.NAME, name), name
    assert not [name for name in BAD_NAMES if re.fullmatch(paths.NAME, name)]


def test_an_arm_with_a_dot_is_trained():
    config = changed(("arms", "normal-0.05"), {"initializer": "normal", "std": 0.05})
    config["families"]["random"]["arms"] = ["random", "normal-0.05"]
    check_config(config)
    cell = ("controlled", "stepwise", "normal-0.05")
    assert cell in families.cells(families.expanded(config))
    assert trainings.arm_spec(families.expanded(config), *cell, "000-000")["parameters"] == {"std": 0.05}


@pytest.mark.slow
def test_a_finished_run_does_not_hide_an_arm_with_a_dot(tmp_path):
    """No rule trained it, and where the figure was there already Snakemake said "Nothing to be done"."""
    repository = Repository(tmp_path)
    results = tmp_path / "results" / "mini"
    data = [f"data/procedural/{split}.safetensors" for split in ("train", "test")]
    files = ["data/procedural/made.txt", *data, *(f"{file}.sha256" for file in data)]
    for arm in ("random", "euclid-k2"):
        files += [f"curves/controlled/stepwise/{arm}/000-001.csv", f"records/controlled/stepwise/{arm}/000-001.json"]
    for name in ("procedural-0-1", "procedural-0-2", "procedural-1-2"):
        files += [f"sources/resnet18-small/{name}.{kind}" for kind in ("csv", "safetensors", "safetensors.sha256")]
    for replica in (0, 1):
        files += [
            f"banks/resnet18-small-euclid-k2-m2/{replica}.{kind}" for kind in ("safetensors", "safetensors.sha256")
        ]
    files += [f"figures/figure2-controlled.{kind}" for kind in ("png", "svg", "csv")]
    for file in files:
        (results / file).parent.mkdir(parents=True, exist_ok=True)
        (results / file).write_text("made before")
    repository.snakemake("--touch", "--forceall", "--cores", "1", "figure2")
    assert repository.would_do("figure2") == []
    repository.config["arms"]["normal-0.05"] = {"initializer": "normal", "std": 0.05}
    repository.config["figures"]["figure2"]["arms"]["normal-0.05"] = "normal"
    repository.write_config()
    training = "Training normal-0.05, replicas 000-001 (controlled, stepwise)"
    assert repository.would_do("figure2") == ["Drawing figure2 (controlled)", training]


def test_figures_and_compared_families_have_names_of_their_own():
    assert {"all", "train_arm", "audit", "search", "figure1"} <= rule_names()
    assert {"final", "attribution", "best_rates", "cosine"} <= file_names()
    figure, family = PAPER["figures"]["figure2"], PAPER["families"]["compact_initializers"]
    assert "a rule of the workflow has this name" in refusal(changed("figures/audit", figure))
    assert "a family that is compared has this name" in refusal(changed("figures/compact_initializers", figure))
    for name in ("search", "final", "train_arm"):
        config = copy.deepcopy(PAPER)
        config["families"] = {name: family, **config["families"]}
        config["families"][name] = family
        assert refusal(config).startswith(f"families.{name}: a rule of the workflow, or a table or figure of one")


@pytest.mark.parametrize("section", ["arms", "recipes"])
def test_names_that_differ_in_capitals_alone_would_be_one_file_somewhere(section):
    name = next(iter(PAPER[section]))
    line = refusal(changed((section, name.upper()), PAPER[section][name]))
    assert line.startswith(f"{section}.{name}: '{name.upper()}' differs from it in capital letters only")


@pytest.mark.parametrize("key, value", [("nesterov", True), ("momentum", 0.5)])
def test_a_setting_that_the_optimizer_would_ignore_is_refused(key, value):
    assert refusal(changed(f"recipes/legacy/{key}", value)).startswith(
        f"recipes.legacy.{key}: optimizer adam has no such"
    )


def test_a_key_that_stands_twice_is_refused_with_its_lines(tmp_path):
    twice, once, broken = (tmp_path / name for name in ("twice.yaml", "once.yaml", "broken.yaml"))
    once.write_text("base: &base {a: 1}\nruns:\n  - {<<: *base, a: 2}\n  - {a: 3}\n")
    broken.write_text("a: [")
    check_repeated_keys([once, broken, tmp_path / "missing.yaml", ROOT / "config.yaml"])
    twice.write_text("run: x\narms:\n  mine:\n    scale: 0.5\n    scale: 0.1\n")
    with pytest.raises(
        InputError, match=r"^arms\.mine\.scale: stands twice in twice\.yaml, in lines 4 and 5; keep one"
    ):
        check_repeated_keys([once, twice])


@pytest.mark.slow
def test_snakemake_says_that_a_key_stands_twice_and_that_an_arm_is_not_there(tmp_path):
    repository = Repository(tmp_path)
    overlay = tmp_path / "twice.yaml"
    overlay.write_text("run: one\nrun: two\n")
    output = repository.snakemake("-n", "--configfile", str(overlay), ok=False)
    assert "run: stands twice in twice.yaml, in lines 1 and 2; keep one of them" in output
    output = repository.snakemake("-n", "results/mini/curves/controlled/stepwise/radnom/000-001.csv", ok=False)
    assert "arms: arm 'radnom' does not exist; did you mean 'random'?" in output
