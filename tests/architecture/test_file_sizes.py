"""Small files and small functions, held by a machine."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_MAX_FILE = 300
_MAX_FUNCTION = 60


def _sources() -> Iterator[Path]:
    # Contracts are tables of types, easier to read on one page per owner.
    for pattern in ("libs/*/src/**/*.py", "services/*/src/**/*.py", "scripts/*.py", "bench/*.py"):
        yield from (path for path in sorted(_ROOT.glob(pattern)) if path.parent.name != "contracts")


def _long_functions(source: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > _MAX_FUNCTION:
                found.append((node.name, lines))
    return found


def test_there_is_something_to_measure():
    assert len(list(_sources())) > 50


@pytest.mark.parametrize("path", list(_sources()), ids=lambda path: str(path.relative_to(_ROOT)))
def test_a_file_is_small(path: Path):
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= _MAX_FILE
    assert _long_functions(source) == []


def test_a_long_function_would_be_found():
    body = "\n".join(f"    x = {n}" for n in range(_MAX_FUNCTION))
    assert _long_functions(f"def long():\n{body}\n") == [("long", _MAX_FUNCTION + 1)]
