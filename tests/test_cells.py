"""A design in which every training of an arm has its own pair of superclasses, seeds, bank and order of images."""

import copy
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import yaml
from informed_init.errors import InputError
from informed_init.plan import arms, banks, sources
from informed_init.plan.checks import check_config
from informed_init.plan.families import cells, expanded
from informed_init.plan.inputs import arm_inputs
from informed_init.plan.trainings import arm_spec
from informed_init.report.curves import cell_matrix
from repository import ROOT
from small_config import PAPER, SMALL
from snakemake.utils import update_config
from test_figures import make_curves

PAIRS = list(combinations(range(10, 15), 2))


def celled(rounds=1, **changes):
    config = copy.deepcopy(SMALL)
    config |= {
        "protocols": ["controlled"],
        "only": ["main"],
        "cells": {"pairs_of": [14, 12, 13, 10, 11], "rounds": rounds},
    }
    return config | changes


def specs(config, arm):
    config = expanded(config)
    return [arm_spec(config, "controlled", config["recipe"], arm, b) for b in arms.replica_blocks(config, arm)]


def test_every_pair_is_trained_in_a_replica_of_its_own():
    check_config(celled())
    found = specs(celled(), "euclid-k2")
    assert [spec["tasks"][0]["superclasses"] for spec in found] == [list(pair) for pair in PAIRS]
    assert [spec["replicas"] for spec in found] == [[r] for r in range(10)] and {len(s["tasks"]) for s in found} == {1}


def test_another_round_leaves_the_first_as_it_is():
    once, twice = (specs(celled(rounds), "random") for rounds in (1, 2))
    assert twice[:10] == once and [spec["tasks"] for spec in twice[10:]] == [spec["tasks"] for spec in once]
    assert twice[10]["replicas"] == [10]


def test_every_cell_draws_a_bank_of_its_own():
    config = expanded(celled())
    files = [
        arm_inputs(config, "euclid-k2", "controlled", b)["banks"] for b in arms.replica_blocks(config, "euclid-k2")
    ]
    assert len({tuple(bank) for bank in files}) == 10
    spec = banks.bank_spec(config, "euclid-k2")
    drawn = {tuple(sources.bank_sources(config, spec, [replica])) for replica in range(10)}
    assert len(drawn) == 10 and {len(names) for names in drawn} == {10}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocols": ["published", "controlled"]}, "cells: protocol published carries a network"),
        ({"cells": {"pairs_of": [9, 10, 11], "rounds": 1}}, "superclass 9 of .* is also one of sources"),
        ({"cells": {"pairs_of": [10, 11, 20], "rounds": 1}}, "superclass 20 does not exist"),
        ({"cells": {"pairs_of": [10, 11], "rounds": 1}}, "cells.pairs_of: got .*; give a list of at least 3"),
        ({"cells": {"pairs_of": [10, 11, 12]}}, "cells: the key 'rounds' is missing"),
        ({"only": ["main", "tiny"]}, "arms.tiny-.*.dataset: under cells every arm is trained on the same pairs"),
    ],
)
def test_what_cannot_be_trained_cell_by_cell_is_refused(changes, words):
    with pytest.raises(InputError, match=words) as refused:
        check_config(celled(**changes))
    assert "\n" not in str(refused.value)


def test_without_the_key_nothing_changes():
    config = expanded(copy.deepcopy(SMALL))
    spec = arm_spec(config, "controlled", config["recipe"], "random", "000-003")
    assert len(spec["tasks"]) == 2 and spec["replicas"] == [0, 1, 2, 3]


def test_the_decisive_study_plans_45_cells_of_every_arm():
    config = copy.deepcopy(PAPER)
    update_config(config, yaml.safe_load((ROOT / "config" / "decisive.yaml").read_text()))
    check_config(config)
    config = expanded(config)
    for _, recipe, arm in cells(config):
        blocks = arms.replica_blocks(config, arm)
        tasks = [arm_spec(config, "controlled", recipe, arm, block)["tasks"] for block in blocks]
        assert len(tasks) == len({task["name"] for (task,) in tasks}) == 45


# ---------------------------------------------------------------- in tables


def test_replicas_that_no_two_tasks_share_are_rounds():
    curves = make_curves({"random": 60, "x": 63}, tasks=("a", "b", "c"), replicas=6, epochs=1)
    numbers = {"a": (0, 3), "b": (1, 4), "c": (2, 5)}
    own = pd.concat([curves[(curves.task == task) & curves.replica.isin(kept)] for task, kept in numbers.items()])
    matrix = cell_matrix(own, "random", "test_accuracy")
    assert matrix.shape == (3, 2) and matrix.columns.tolist() == [0, 1]
    of_b = own[(own.arm == "random") & (own.task == "b")].set_index("replica")["test_accuracy"]
    assert np.array_equal(matrix.loc["b"], of_b.loc[[1, 4]])
    # replicas that tasks share are what they were, and a hole in them is still a fault
    assert cell_matrix(curves, "random", "test_accuracy").shape == (3, 6)
    with pytest.raises(InputError, match="every task needs the same replicas"):
        cell_matrix(curves.drop(curves.index[(curves.task == "a") & (curves.replica == 1)]), "x", "test_accuracy")
