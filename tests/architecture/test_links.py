"""Every link of the documentation leads somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
_ELSEWHERE = re.compile(r"^(https?|mailto):")
_SKIPPED = {".venv", ".tools", "node_modules", "run"}


def _pages() -> list[Path]:
    found = (p for p in _ROOT.rglob("*.md") if not _SKIPPED & {*p.relative_to(_ROOT).parts})
    return sorted(p for p in found if not any(part.startswith(".venv") for part in p.parts))


def _prose(text: str) -> str:
    return _FENCE.sub("", text)


def _anchors(text: str) -> set[str]:
    """As GitHub makes them: lower case, spaces to hyphens, most punctuation dropped."""
    heads = (re.sub(r"[*`]|\[([^\]]*)\]\([^)]*\)", r"\1", head) for head in _HEADING.findall(_prose(text)))
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def _broken(page: Path, text: str) -> Iterator[str]:
    for pair in _LINK.findall(_CODE.sub("", _prose(text))):
        link = pair[0] or pair[1]
        if _ELSEWHERE.match(link):
            continue
        path, _, anchor = link.partition("#")
        if not _leads(page.parent / path if path else page, anchor):
            yield link


def _leads(target: Path, anchor: str) -> bool:
    if not target.exists() or not anchor or target.suffix != ".md":
        return target.exists()
    return anchor in _anchors(target.read_text(encoding="utf-8"))


def test_there_are_pages():
    assert _ROOT / "README.md" in _pages()
    assert len(_pages()) > 10


@pytest.mark.parametrize("page", _pages(), ids=lambda page: str(page.relative_to(_ROOT)))
def test_every_relative_link_and_anchor_leads_somewhere(page: Path):
    assert list(_broken(page, page.read_text(encoding="utf-8"))) == []


def test_a_link_to_nowhere_would_be_found(tmp_path: Path):
    page = tmp_path / "page.md"
    text = (
        "# One thing: `two`\n[a](gone.md) [b](#one-thing-two) [c](#three) [d](page.md#four) [e](https://x.example)"
        "\n`[f](code.md)`\n```\n[g](fenced.md)\n```\n"
    )
    page.write_text(text)
    assert list(_broken(page, text)) == ["gone.md", "#three", "page.md#four"]
