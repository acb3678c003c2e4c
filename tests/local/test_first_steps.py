"""What README.md tells a new user to type, typed."""

import re
import shlex
from collections.abc import Generator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.local.running import Local, executor, local

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [body for kind, body in _BLOCK.findall(text) if kind == language]


def commands(page: str) -> list[list[str]]:
    """Every `executor …` line of a page, without its comment."""
    lines = [line for block in blocks(page, "") for line in block.splitlines()]
    split = [shlex.split(line, comments=True) for line in lines if line.startswith("executor ")]
    return [words[1:] for words in split]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Local]:
    monkeypatch.chdir(ROOT)
    with local(tmp_path / "data") as running:
        yield running


def typed(here: Local, document: Path, words: list[str]) -> CompletedProcess[str]:
    """Run one of the page's commands on this document, with the id of the approval that waits."""
    known = {"executor.yaml": str(document)}
    if "apr_…" in words:
        known["apr_…"] = executor(here.directory, "approvals", "list").stdout.split("\t")[0]
    return executor(here.directory, *(known.get(word, word) for word in words))


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_the_commands_of_a_page_do_what_it_says(page: str, here: Local, tmp_path: Path) -> None:
    document = tmp_path / "executor.yaml"
    document.write_text(blocks(page, "yaml")[0])
    ended: dict[str, int] = {}
    for words in commands(page):
        done = typed(here, document, words)
        assert "Traceback" not in done.stderr, done.stderr
        if words[0] == "call":
            ended[words[1]] = done.returncode
        else:
            assert done.returncode == 0, f"{words}: {done.stderr}"
    assert set(ended.values()) == {0, 3}
    assert ended["git__git_add"] == 3
    assert "approved" in executor(here.directory, "approvals", "list", "--state", "approved").stdout
