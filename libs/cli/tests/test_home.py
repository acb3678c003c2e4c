"""The data directory keeps its secrets to its owner and is used by one Executor at a time."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from executor_cli.errors import CommandError
from executor_cli.local.home import Home, data_dir


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_secret_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    home = Home(tmp_path / "data")
    home.prepare()
    home.keys()
    home.admin_token()
    assert mode(home.directory) == 0o700
    assert mode(home.directory / "keys.json") == 0o600
    assert mode(home.token_file) == 0o600


def test_keys_and_token_stay_the_same_over_restarts(tmp_path: Path) -> None:
    first = Home(tmp_path)
    first.prepare()
    kept = first.keys(), first.admin_token()
    second = Home(tmp_path)
    assert (second.keys(), second.admin_token()) == kept


def test_two_data_directories_have_nothing_in_common(tmp_path: Path) -> None:
    homes = Home(tmp_path / "a"), Home(tmp_path / "b")
    for home in homes:
        home.prepare()
    one, other = (set(home.keys().values()) | {home.admin_token()} for home in homes)
    assert one.isdisjoint(other)


def test_a_second_executor_on_one_directory_is_told_of_the_first(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    home.say_running("http://127.0.0.1:1")
    with pytest.raises(CommandError, match=r"already runs .* at http://127\.0\.0\.1:1"):
        Home(tmp_path).prepare()


def test_a_record_of_a_dead_process_counts_as_not_running(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    (tmp_path / "running.json").write_text(json.dumps({"url": "http://x", "pid": int(child.stdout)}))
    assert Home(tmp_path).running() is None


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match=r"file/data cannot be used"):
        Home(tmp_path / "file" / "data").prepare()


def test_the_chosen_directory_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXECUTOR_DATA_DIR", str(tmp_path / "named"))
    assert data_dir(tmp_path / "chosen") == tmp_path / "chosen"
    assert data_dir(None) == tmp_path / "named"
    monkeypatch.delenv("EXECUTOR_DATA_DIR")
    assert data_dir(None) != Path(os.sep)
