"""Writes what the five services need to run apart: keys, nats.conf, database.sql, an environment file for each.

Run once: what it writes are this installation's secrets. `docs/operate/run-the-services.md` shows the use.
"""

import argparse
import base64
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from executor_shared.grants import GrantSigner

PERMISSIONS = Path(__file__).parent.parent / "deploy" / "nats" / "permissions.json"
PORTS = {"gateway": 0, "vault-broker": 1, "adapters": 2, "catalog": 3, "policy": 4}
SCHEMAS = {"catalog": "catalog", "policy": "policy", "vault-broker": "vault_broker"}
MAX_PAYLOAD = 8 * 1024 * 1024


def _random() -> bytes:
    return secrets.token_bytes(32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass(frozen=True)
class Installation:
    """One installation: where it is, and its secrets.

    Attributes:
        nats: host:port that nats-server listens on.
        database: host:port/name of the PostgreSQL database; /name?host=FOLDER for a socket there.
        port: of the gateway; the other services take the four after it, for health and metrics.

    """

    nats: str
    database: str
    port: int
    seed: bytes = field(default_factory=_random, repr=False)
    admin_token: str = field(default_factory=lambda: f"exe_{secrets.token_urlsafe(32)}", repr=False)
    passwords: Mapping[str, str] = field(
        default_factory=lambda: {name: secrets.token_urlsafe(24) for name in PORTS}, repr=False
    )

    def files(self) -> dict[str, str]:
        """Every file by its name."""
        environments = {f"{name}.env": self.environment(name) for name in PORTS}
        return {
            **environments,
            "nats.conf": self.nats_conf(),
            "database.sql": self.database_sql(),
            "admin-token": f"{self.admin_token}\n",
        }

    def nats_conf(self) -> str:
        """A user for each service, with the rights that the contracts give it. nats-server reads JSON."""
        permissions = json.loads(PERMISSIONS.read_text(encoding="utf-8"))
        users = [
            {"user": name, "password": self.passwords[name], "permissions": permissions[name]}
            for name in PORTS
        ]
        whole = {"listen": self.nats, "max_payload": MAX_PAYLOAD, "authorization": {"users": users}}
        return json.dumps(whole, indent=1) + "\n"

    def database_sql(self) -> str:
        """A role and a schema for each service that stores something; none may look into another's."""
        lines = ["REVOKE ALL ON SCHEMA public FROM PUBLIC;"]
        for name, schema in SCHEMAS.items():
            role = f"executor_{schema}"
            lines += [
                f"CREATE ROLE {role} LOGIN PASSWORD '{self.passwords[name]}';",
                f"CREATE SCHEMA {schema} AUTHORIZATION {role};",
            ]
        return "\n".join(lines) + "\n"

    def environment(self, name: str) -> str:
        """The settings of one service, for `set -a; . FILE` or systemd's `EnvironmentFile`."""
        settings = {
            "BUS__URL": f"nats://{self.nats}",
            "BUS__USER": name,
            "BUS__PASSWORD": self.passwords[name],
            "HTTP__PORT": str(self.port + PORTS[name]),
            **self._own(name),
        }
        if name in SCHEMAS:
            role = f"executor_{SCHEMAS[name]}:{self.passwords[name]}"
            settings["DATABASE__URL"] = f"postgresql+asyncpg://{role}@{self.database}"
        return "".join(f"EXECUTOR_{key}='{value}'\n" for key, value in settings.items())

    def _own(self, name: str) -> dict[str, str]:
        public = json.dumps([_text(GrantSigner(self.seed).public_key)])
        match name:
            case "gateway":
                return {
                    "GATEWAY__PUBLIC_URL": f"http://127.0.0.1:{self.port}",
                    "GATEWAY__SESSION_KEYS": json.dumps([_text(_random())]),
                }
            case "policy":
                return {
                    "POLICY__SIGNING_SEED": _text(self.seed),
                    "POLICY__ARGUMENTS_KEY": _text(_random()),
                    "POLICY__BOOTSTRAP_ADMIN_PROOF": hashlib.sha256(self.admin_token.encode()).hexdigest(),
                }
            case "vault-broker":
                return {"GRANTS__PUBLIC_KEYS": public, "VAULT_BROKER__MASTER_KEY": _text(_random())}
            case "adapters":
                return {"GRANTS__PUBLIC_KEYS": public, "ADAPTERS__FORBIDDEN": json.dumps(self._own_servers())}
            case _:
                return {}

    def _own_servers(self) -> list[str]:
        """What no upstream call may reach."""
        ours = [f"127.0.0.1:{self.port + offset}" for offset in PORTS.values()]
        database = self.database.partition("/")[0]
        return [self.nats, *([database] if database else []), *ours]


def main() -> None:
    """Write the files into a new folder that only its owner can read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--nats", default="127.0.0.1:4222", help="host:port (default: %(default)s)")
    parser.add_argument(
        "--database", default="127.0.0.1:5432/executor", help="host:port/name (default: %(default)s)"
    )
    parser.add_argument("--port", type=int, default=8484, help="of the gateway (default: %(default)s)")
    given = parser.parse_args()
    folder: Path = given.folder
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        sys.exit(f"{folder} exists. What it holds are the secrets of an installation: choose another folder.")
    for name, text in Installation(given.nats, given.database, given.port).files().items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    print(f"Written to {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


if __name__ == "__main__":
    main()
