"""The commands say what they did, and how a call ended is their exit status."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.local.running import Local, executor, local
from tests.local.test_up import KEY, document
from tests.upstreams import crm

RULES = """apiVersion: executor/v1
policies:
  - {name: never, scope: org, match: {tool: crm.org.main.customers.delete}, effect: block, reason: Archive instead.}
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Generator[Local]:
    folder = tmp_path_factory.mktemp("commands")
    with crm(KEY) as upstream, local(folder / "data") as running:
        path = document(folder, upstream.url)
        applied = executor(running.directory, "apply", "-f", str(path), CRM_KEY=KEY)
        assert applied.returncode == 0, applied.stderr
        (folder / "rules.yaml").write_text(RULES)
        assert executor(running.directory, "apply", "-f", str(folder / "rules.yaml")).returncode == 0
        yield running


def test_planning_changes_nothing_and_applying_again_finds_nothing_to_do(here: Local, tmp_path: Path) -> None:
    path = tmp_path / "more.yaml"
    path.write_text(
        "apiVersion: executor/v1\ntoolkits:\n  - {slug: support, tools: ['crm.org.main.*'], surface: native}\n"
    )
    before = executor(here.directory, "export").stdout
    planned = executor(here.directory, "plan", "-f", str(path))
    assert "+ toolkit support" in planned.stdout
    assert executor(here.directory, "export").stdout == before
    assert executor(here.directory, "apply", "-f", str(path)).returncode == 0
    assert executor(here.directory, "apply", "-f", str(path)).stdout == "Nothing to change.\n"


def test_what_is_exported_can_be_applied_and_holds_no_credential(here: Local, tmp_path: Path) -> None:
    exported = executor(here.directory, "export")
    assert KEY not in exported.stdout
    assert "env: CRM_KEY" in exported.stdout


def test_every_error_of_a_document_names_file_line_and_field(here: Local, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("apiVersion: executor/v1\nintegrations:\n  - slug: x\n    kind: soap\n    color: red\n")
    refused = executor(here.directory, "plan", "-f", str(path))
    assert refused.returncode == 1
    assert f"{path}:4: integrations[0].kind" in refused.stderr
    assert f"{path}:5: integrations[0].color: unknown key; accepted:" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_missing_variable_is_named_before_anything_is_sent(here: Local, tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text(
        "apiVersion: executor/v1\nprincipals:\n  - {subject: carol, key: {env: NO_SUCH_VARIABLE_HERE}}\n"
    )
    refused = executor(here.directory, "apply", "-f", str(path))
    assert refused.returncode == 1
    assert "NO_SUCH_VARIABLE_HERE" in refused.stderr


def test_tools_are_listed_found_and_described(here: Local) -> None:
    listed = executor(here.directory, "tools", "list").stdout
    assert "crm__customers_list\tread\tcrm.org.main.customers.list\n" in listed
    assert "crm__customers_create" in executor(here.directory, "tools", "search", "create", "customer").stdout
    described = json.loads(
        executor(here.directory, "tools", "describe", "crm.org.main.customers.list").stdout
    )
    assert described["definition"]["inputSchema"]["type"] == "object"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("crm__customers_list", "city=London"), 0, "Ada Lovelace"),
        (("crm.org.main.customers.get", "id=c99"), 1, "404"),
        (("crm__customers_create", '--json={"body": {"name": "X"}}'), 3, "approval"),
        (("crm__customers_delete", "id=c1"), 4, "Archive instead."),
        (("crm__customers_list", "colour=red"), 5, "colour"),
        (("crm__nothing",), 1, ""),
    ],
    ids=["ok", "tool error", "approval", "blocked", "not executed", "unknown tool"],
)
def test_the_exit_status_says_how_a_call_ended(
    here: Local, arguments: tuple[str, ...], status: int, words: str
) -> None:
    called = executor(here.directory, "call", *arguments)
    assert called.returncode == status, called.stdout + called.stderr
    assert words in called.stdout + called.stderr


def test_the_record_shows_calls_and_how_they_ended(here: Local) -> None:
    executor(here.directory, "call", "crm__customers_list")
    newest = executor(here.directory, "calls", "list").stdout.splitlines()[0].split("\t")
    assert newest[2:] == ["agent", "ok", "crm.org.main.customers.list"]
    assert json.loads(executor(here.directory, "calls", "show", newest[0]).stdout)["outcome"] == "ok"


def test_without_a_running_executor_the_commands_say_how_to_start_one(tmp_path: Path) -> None:
    refused = executor(tmp_path, "tools", "list")
    assert refused.returncode == 1
    assert "executor up" in refused.stderr
