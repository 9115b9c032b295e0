"""Locks of GPUs lie where everybody may write: what others put there in advance is neither followed nor used."""

import os
import stat

import pytest
from informed_init.errors import InputError
from informed_init.training import devices


@pytest.fixture
def victim(tmp_path):
    file = tmp_path / "victim.txt"
    file.write_text("precious")
    yield file
    assert file.read_text() == "precious"


def refused(folder, said):
    with pytest.raises(InputError, match=said) as error:
        devices.take_gpu(1, folder)
    assert "TMPDIR" in str(error.value) and "\n" not in str(error.value)


def test_a_link_in_place_of_a_lock_file_is_not_followed(tmp_path, victim):
    folder = tmp_path / "gpus"
    folder.mkdir(mode=0o700)
    (folder / "gpu-0-slot-0.lock").symlink_to(victim)
    refused(folder, "gpus: cannot hold the locks of GPUs")


def test_a_second_name_of_a_file_in_place_of_a_lock_file_keeps_its_content(tmp_path, victim):
    folder = tmp_path / "gpus"
    folder.mkdir(mode=0o700)
    os.link(victim, folder / "gpu-0-slot-0.lock")
    assert devices.take_gpu(1, folder) == 0


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "gpus").symlink_to(tmp_path / "elsewhere")
    refused(tmp_path / "gpus", "gpus: cannot hold the locks of GPUs")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_folder_of_another_user_is_not_used(tmp_path, monkeypatch):
    (tmp_path / "gpus").mkdir()
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    refused(tmp_path / "gpus", "gpus: belongs to another user")


def test_the_folder_is_closed_to_others_even_if_it_was_open(tmp_path):
    (tmp_path / "gpus").mkdir(mode=0o755)
    for folder in (tmp_path / "gpus", tmp_path / "new"):
        assert devices.take_gpu(1, folder) == 0
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_place_where_nothing_can_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file" / "gpus", "cannot hold the locks")
