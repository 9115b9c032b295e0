"""Arms whose bank is there before the run: one that ships, by its name, or a file of a user's own."""

import copy

import pytest
import torch
from informed_init.banks.bank import Bank, LayerBank
from informed_init.banks.shipped import FOLDER
from informed_init.errors import InputError
from informed_init.facts import columns, method
from informed_init.plan import arm_facts, banks, estimate, families, inputs, trainings
from informed_init.plan.asked import arms_of
from informed_init.plan.checks import check_config
from informed_init.runs.arm_job import Inputs
from small_config import PAPER

NAME = "resnet18-cifar100-euclid-k2"


@pytest.fixture
def own(tmp_path):
    """A bank of one's own, as `informed-init build` writes it."""
    path = tmp_path / "my bank.safetensors"
    Bank("euclid", {"0": LayerBank(torch.ones(3, 3, 3), torch.ones(3) / 3, 1.0)}, ["a", "b"], {"k": 3}).save(path)
    return path


def with_arm(bank, **changes):
    config = copy.deepcopy(PAPER)
    config["arms"] |= {"ready": {"initializer": "clustered", "bank": str(bank)} | changes}
    config["families"] |= {"own": {"arms": ["random", "ready"], "protocols": ["controlled"], "baseline": "random"}}
    return config | {"only": ["own"], "figures": {}, "search": None}


def test_an_arm_may_name_a_bank_that_ships_and_nothing_is_made_for_it():
    config = with_arm(NAME)
    check_config(config)
    config = families.expanded(config)
    assert banks.shared_banks(config) == [] and banks.bank_spec(config, "ready") is None
    files = inputs.arm_inputs(config, "ready", "controlled", "000-000")
    assert [FOLDER.joinpath(path).name for path in files["ready_banks"]] == [f"{NAME}.safetensors"]
    assert not {"banks", "sources"} & set(files)
    jobs = {job.rule for job in estimate.estimate(config, {}).jobs}
    assert not {"train_sources", "build_bank"} & jobs


def test_the_job_is_told_the_name_and_runs_again_when_the_file_changes(own, tmp_path):
    config = families.expanded(with_arm(own))
    job = trainings.arm_of_job(config, "controlled", config["recipe"], "ready", "000-000")
    assert job["spec"]["parameters"]["bank"] == str(own) and job["bank"] is None
    (tmp_path / "data").write_text("images")
    data = str(tmp_path / "data")
    before = Inputs({"train": data, "test": data, "code": []}).digest(job, 0)
    Bank("euclid", {"0": LayerBank(torch.zeros(3, 3, 3) + 2, torch.ones(3) / 3, 1.0)}, ["a"], {"k": 3}).save(own)
    assert Inputs({"train": data, "test": data, "code": []}).digest(job, 0) != before


def test_tables_say_which_bank_it_was_and_what_it_is_made_of():
    facts = arm_facts.arm_facts(with_arm(NAME), "ready")
    said = columns(facts)
    assert (said["method"], said["k"], said["models"]) == ("euclid", 2, 10)
    assert f"bank = {NAME}" in said["settings"] and method(facts) == "euclid"
    made = arm_facts.arm_facts(PAPER, "euclid-k2")
    assert made != facts  # the study's own bank, another one for every replica, is another experiment


def test_names_become_arms_after_the_baseline(own):
    found = arms_of(f"gabor, default,{NAME},he-scaled:{NAME},{own},", "default", "--initializers")
    assert list(found) == ["default", "gabor", NAME, f"he-scaled-{NAME}", "my-bank"]
    assert found[NAME] == {"initializer": "clustered", "bank": NAME}
    assert found["my-bank"] == {"initializer": "clustered", "bank": str(own)}
    config = copy.deepcopy(PAPER)
    config["arms"] |= found
    check_config(config)  # what is asked for is what a config may say


@pytest.mark.parametrize(
    ("bank", "message"),
    [
        (f"{NAME}3", f"arms.ready.bank: bank '{NAME}3' does not exist; did you mean '{NAME}'?"),
        ("none.safetensors", "arms.ready.bank: none.safetensors: no such file"),
        ("pickled.pt", "arms.ready.bank: pickled.pt: not a bank"),
        ("cut.safetensors", "arms.ready.bank: cut.safetensors: not a bank"),
        ("weights.safetensors", "arms.ready.bank: weights.safetensors: not a bank"),
        ("", "arms.ready.bank: it is empty"),
    ],
)  # fmt: skip
def test_what_is_no_bank_is_refused_by_the_plan_in_a_line(tmp_path, monkeypatch, bank, message):
    from safetensors.torch import save_file

    monkeypatch.chdir(tmp_path)
    (tmp_path / "pickled.pt").write_bytes(b"\x80\x02}q\x00.")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")
    save_file({"weight": torch.zeros(2)}, tmp_path / "weights.safetensors")
    with pytest.raises(InputError) as caught:
        check_config(with_arm(bank))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_an_initializer_of_aligned_filters_takes_no_bank_of_centers():
    with pytest.raises(InputError, match="'aligned' and method 'euclid' do not go together"):
        check_config(with_arm(NAME, initializer="aligned"))
