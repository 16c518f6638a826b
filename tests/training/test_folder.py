import os
import subprocess
import sys

import pytest

from charnn.errors import BusyError, SettingError, StorageError
from charnn.training.folder import LOCK_FILE, Lock, check_free

OWNER = """
import sys, time
from pathlib import Path
from charnn.training.folder import Lock
lock = Lock(Path(sys.argv[1]))
print(".", flush=True)
time.sleep(60)
"""


def test_a_lock_keeps_others_out_and_names_its_owner(tmp_path):
    folder = tmp_path / "run"
    lock = Lock(folder)
    sentence = f"{folder} is in use by another trainer, process {os.getpid()}; wait for it, or name another folder"
    for take in (Lock, check_free):
        with pytest.raises(BusyError) as caught:
            take(folder)
        assert str(caught.value) == sentence
        assert caught.value.exit_code == 1
    lock.release()
    Lock(folder).release()
    assert list(folder.iterdir()) == []


def test_another_process_is_kept_out_until_the_owner_ends_however_it_ends(tmp_path):
    folder = tmp_path / "run"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE)
    assert owner.stdout.readline() == b".\n"
    with pytest.raises(BusyError, match=f"process {owner.pid};"):
        Lock(folder)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    Lock(folder).release()


def test_what_a_killed_trainer_left_half_written_goes(tmp_path):
    (tmp_path / ".model.safetensors.123.tmp").write_bytes(b"half")
    (tmp_path / "mine.tmp").write_bytes(b"mine")
    Lock(tmp_path).release()
    assert {path.name for path in tmp_path.iterdir()} == {"mine.tmp"}


def test_a_place_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        Lock(tmp_path / "file" / "run")
    assert str(caught.value) == f"{tmp_path / 'file' / 'run'} cannot be written: Not a directory; choose another --to"


def test_a_run_that_was_broken_off_is_not_overwritten_by_mistake(tmp_path):
    (tmp_path / "training.safetensors").write_bytes(b"")
    with pytest.raises(SettingError) as caught:
        check_free(tmp_path)
    assert str(caught.value) == (
        f"to {tmp_path} holds an interrupted run; continue it with --resume, name another folder, or give --overwrite"
    )
    check_free(tmp_path, resume=True)
    check_free(tmp_path, overwrite=True)


def test_an_unlocked_lock_file_is_in_nobodys_way(tmp_path):
    (tmp_path / LOCK_FILE).write_text("1\n")
    check_free(tmp_path)
    Lock(tmp_path).release()
