"""KV version 2."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from tests.standins.vault.answers import Answer, Asked, Body, Refused, absent

_CAS = "check-and-set parameter did not match the current version"


def stamp(seconds: float) -> str:
    """A time as Vault writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


@dataclass(slots=True)
class _Version:
    data: Body | None
    created: str
    deleted: str = ""
    destroyed: bool = False

    def facts(self) -> Body:
        return {"created_time": self.created, "deletion_time": self.deleted, "destroyed": self.destroyed}


@dataclass(slots=True)
class _Secret:
    created: str
    versions: dict[int, _Version] = field(default_factory=dict[int, _Version])
    current: int = 0


@dataclass(slots=True)
class KeyValues:
    """One mount."""

    now: Callable[[], float]
    max_versions: int = 10
    cas_required: bool = False
    secrets: dict[str, _Secret] = field(default_factory=dict[str, _Secret])

    def knows(self, path: str) -> bool:
        """Whether a write to this path (`data/…`) is an update."""
        return path.partition("/")[2] in self.secrets

    def answer(self, asked: Asked) -> Answer:
        """Answer below the mount."""
        section, _, path = asked.path.partition("/")
        doors = {
            ("GET", "data"): self._read,
            ("POST", "data"): self._write,
            ("PUT", "data"): self._write,
            ("DELETE", "data"): self._delete_newest,
            ("GET", "metadata"): self._metadata,
            ("DELETE", "metadata"): self._forget,
            ("POST", "delete"): self._delete,
            ("PUT", "delete"): self._delete,
            ("POST", "undelete"): self._undelete,
            ("PUT", "undelete"): self._undelete,
            ("POST", "destroy"): self._destroy,
            ("PUT", "destroy"): self._destroy,
        }
        if section == "config" and not path:
            return self._config(asked)
        door = doors.get((asked.method, section))
        if door is None or not path:
            raise Refused(405, "1 error occurred:\n\t* unsupported operation\n\n")
        return door(path, asked)

    def _config(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer({"cas_required": self.cas_required, "max_versions": self.max_versions})
        self.cas_required = bool(asked.body.get("cas_required", self.cas_required))
        self.max_versions = int(asked.body.get("max_versions", 0)) or self.max_versions
        return Answer()

    def _secret(self, path: str) -> _Secret:
        if path not in self.secrets:
            raise absent()
        return self.secrets[path]

    def _read(self, path: str, asked: Asked) -> Answer:
        secret = self._secret(path)
        number = int(asked.query.get("version", "0")) or secret.current
        version = secret.versions.get(number)
        if version is None:
            raise absent()
        metadata = {**version.facts(), "version": number, "custom_metadata": None}
        if version.deleted or version.destroyed:
            raise Refused(404, data={"data": None, "metadata": metadata})
        return Answer({"data": version.data, "metadata": metadata})

    def _write(self, path: str, asked: Asked) -> Answer:
        secret = self.secrets.get(path)
        current = secret.current if secret else 0
        options = cast("Body", asked.body.get("options") or {})
        if "cas" not in options and self.cas_required:
            raise Refused(400, "check-and-set parameter required for this call")
        if "cas" in options and options["cas"] != current:
            raise Refused(400, _CAS)
        if not isinstance(asked.body.get("data"), dict):
            raise Refused(400, "no data provided")
        secret = self.secrets.setdefault(path, _Secret(stamp(self.now())))
        secret.current = current + 1
        version = secret.versions[secret.current] = _Version(asked.body["data"], stamp(self.now()))
        for old in [n for n in secret.versions if n <= secret.current - self.max_versions]:
            del secret.versions[old]
        return Answer({**version.facts(), "version": secret.current, "custom_metadata": None})

    def _metadata(self, path: str, _asked: Asked) -> Answer:
        secret = self._secret(path)
        return Answer(
            {
                "cas_required": False,
                "created_time": secret.created,
                "current_version": secret.current,
                "max_versions": 0,
                "oldest_version": min(secret.versions, default=0),
                "versions": {str(n): version.facts() for n, version in secret.versions.items()},
            }
        )

    def _forget(self, path: str, _asked: Asked) -> Answer:
        self.secrets.pop(path, None)
        return Answer()

    def _chosen(self, path: str, asked: Asked) -> list[_Version]:
        wanted = [int(n) for n in cast("list[int]", asked.body.get("versions") or [])]
        if not wanted:
            raise Refused(400, "no version number provided")
        secret = self.secrets.get(path)
        return [secret.versions[n] for n in wanted if n in secret.versions] if secret else []

    def _delete_newest(self, path: str, _asked: Asked) -> Answer:
        secret = self.secrets.get(path)
        if secret and secret.current in secret.versions:
            secret.versions[secret.current].deleted = stamp(self.now())
        return Answer()

    def _delete(self, path: str, asked: Asked) -> Answer:
        for version in self._chosen(path, asked):
            version.deleted = version.deleted or stamp(self.now())
        return Answer()

    def _undelete(self, path: str, asked: Asked) -> Answer:
        for version in self._chosen(path, asked):
            version.deleted = ""
        return Answer()

    def _destroy(self, path: str, asked: Asked) -> Answer:
        for version in self._chosen(path, asked):
            version.destroyed, version.data = True, None
        return Answer()
