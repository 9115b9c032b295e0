"""What a plan draws without torch is what torch draws."""

import pytest
import torch
from informed_init.draws import choose_source, choose_sources, permutation
from informed_init.errors import InputError
from informed_init.seeds import derive_seed, generator

NAMES = [f"cifar100-{a}-{b}" for a in range(10) for b in range(a)]


@pytest.mark.parametrize("size", [1, 2, 3, 10, 45, 190, 1000])
@pytest.mark.parametrize("names", [("sources", 0), ("sources", 41), ("sources", "disjoint"), ("other",)])
def test_a_permutation_is_that_of_torch(size, names):
    assert list(permutation(size, *names)) == torch.randperm(size, generator=generator(*names)).tolist()


@pytest.mark.parametrize("replica", [0, 3])
def test_the_sources_of_a_bank_are_drawn_without_replacement(replica):
    order = torch.randperm(45, generator=generator("sources", replica)).tolist()
    assert choose_sources(NAMES, 10, replica) == [NAMES[place] for place in order[:10]]


def test_disjoint_replicas_share_no_source():
    drawn = [name for replica in range(4) for name in choose_sources(NAMES, 11, replica, disjoint=True)]
    assert len(set(drawn)) == 44
    with pytest.raises(InputError, match="5 disjoint sets of 11 source models were asked for, but only 45 exist"):
        choose_sources(NAMES, 11, 4, disjoint=True)


def test_the_source_of_a_pretrained_arm_does_not_depend_on_how_many_others_a_job_was_given():
    chosen = choose_source(NAMES, 2)
    assert chosen == min(NAMES, key=lambda name: derive_seed("pretrained", 2, name))
    assert choose_source([NAMES[5], chosen], 2) == chosen
