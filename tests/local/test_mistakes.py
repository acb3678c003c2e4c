"""Mistakes that people make with the commands, each answered in a sentence."""

import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.local.running import Local, executor, local

EMPTY = "apiVersion: executor/v1\ntoolkits: []\n"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Generator[Local]:
    with local(tmp_path_factory.mktemp("mistakes") / "data") as running:
        yield running


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"EXECUTOR_URL": "127.0.0.1:8484", "EXECUTOR_TOKEN": "x"}, "EXECUTOR_URL: expected an address"),
        ({"EXECUTOR_URL": "http://127.0.0.1:1"}, "set EXECUTOR_TOKEN too"),
        ({"EXECUTOR_URL": "http://127.0.0.1:1", "EXECUTOR_TOKEN": "x"}, "cannot be reached"),
        ({"EXECUTOR_TOKN": "x"}, "EXECUTOR_TOKN is not a setting"),
        ({"EXECUTOR_TOKEN": "wrong"}, "The token is not known. Send a valid API key as bearer token. Check"),
    ],
)
def test_a_wrong_environment_is_named(here: Local, environment: dict[str, str], said: str) -> None:
    refused = executor(here.directory, "tools", "list", **environment)
    assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--port", "99999"), "There is no port 99999"),
        (("--host", "192.0.2.1", "--port", "0"), "Choose another address with --host"),
        (("--port", "0", "--config", "gone.yaml"), "The document gone.yaml cannot be read: No such file"),
    ],
)
def test_a_start_that_cannot_succeed_starts_nothing(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    refused = executor(tmp_path / "data", "up", *options)
    assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_setting_of_the_wrong_type_is_told_before_anything_starts(tmp_path: Path) -> None:
    refused = executor(tmp_path / "data", "up", EXECUTOR_GATEWAY__CALLS="many")
    assert "EXECUTOR_GATEWAY__CALLS: Input should be a valid integer" in refused.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tools", "list"), "No tools."),
        (("tools", "search", "nothing", "fits"), "No tool fits all of these words."),
        (("approvals", "list"), "No approval is pending."),
        (("calls", "list"), "No calls."),
    ],
)
def test_an_empty_list_is_said_beside_the_pipe(here: Local, words: tuple[str, ...], said: str) -> None:
    done = executor(here.directory, *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{said}\n")


def test_a_fresh_installation_is_exported_and_applied_elsewhere(here: Local, tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(executor(here.directory, "export").stdout)
    assert executor(here.directory, "apply", "--prune", "-f", str(path)).stdout == "Nothing to change.\n"
    with local(tmp_path / "other") as other:
        assert executor(other.directory, "apply", "-f", str(path)).stdout == "Nothing to change.\n"


def test_an_agent_that_was_pruned_is_told_how_to_come_back(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text(EMPTY)
    with local(tmp_path / "data") as running:
        assert executor(running.directory, "apply", "--prune", "-f", str(path)).stdout.startswith(
            "- principal agent"
        )
        refused = executor(running.directory, "call", "anything").stderr
        entry = refused.splitlines()[-1].strip()
        path.write_text(f"apiVersion: executor/v1\n{entry}\n")
        assert executor(running.directory, "apply", "-f", str(path)).returncode == 0
        assert "There is no tool" in executor(running.directory, "call", "anything").stderr


def test_the_port_may_stand_in_the_environment(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = executor(tmp_path / "data", "up", EXECUTOR_HTTP__PORT=port)
    assert refused.stderr.startswith(f"Cannot listen on 127.0.0.1:{port}: Address already in use.")
