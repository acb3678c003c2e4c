"""What is wrong with a document: each with its place, and all of them at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from executor_shared.errors import InvalidRequestError

Path = tuple[str | int, ...]
_SHOWN = 100


def dotted(path: Path) -> str:
    """`("integrations", 0, "kind")` as `integrations[0].kind`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the document"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where. The message never repeats a value that may be a secret."""

    file: str
    line: int
    path: Path
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {dotted(self.path)}: {self.message}"


class DocumentError(InvalidRequestError):
    """A configuration that cannot be used; nothing of it was applied.

    `details["errors"]` has every problem as one line of text.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Tell them in the order of the files."""
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line)))
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        count = len(self.problems)
        what = "1 error" if count == 1 else f"{count} errors"
        first = f" First: {lines[0]}" if lines else ""
        super().__init__(
            f"{what} in the configuration; nothing was applied.{first}",
            details={"errors": lines, "field": dotted(self.problems[0].path) if self.problems else ""},
        )
