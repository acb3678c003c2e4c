"""Which settings each service gets in local mode: generated keys, our own servers, nothing from outside."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from executor_cli.local.home import Home
from executor_shared.contracts.base import ServiceName
from executor_shared.grants import GrantSigner
from executor_shared.service.environment import settings_of
from executor_shared.settings import BusSettings, DatabaseSettings, ServiceSettings

_POOL = 5
_OURS_TO_SUGGEST = frozenset({"public_url", "stdio_folder"})
"""Where the environment names something else, it is right."""

_LOOPBACK = ("127.0.0.0/8", "[::1/128]")


@dataclass(frozen=True, slots=True)
class Wiring:
    """What local mode knows about itself.

    Attributes:
        bus: how each service connects to the bus.
        database: how to reach our PostgreSQL, or the one that `EXECUTOR_DATABASE__URL` names.
        own_ports: of our own servers on the loopback address, which no upstream call may reach.

    """

    home: Home
    bus: Callable[[ServiceName], BusSettings]
    database: DatabaseSettings
    host: str
    port: int
    url: str
    own_ports: tuple[int, ...]

    def settings(self, name: ServiceName, kind: type[ServiceSettings]) -> ServiceSettings:
        """The settings of one service; the environment may still say more (log level, limits)."""
        from_environment = settings_of(kind)
        update: dict[str, Any] = {"bus": self.bus(name)}
        for block, given in self._given()[name].items():
            present = getattr(from_environment, block)
            named = present.model_fields_set & _OURS_TO_SUGGEST
            fields = {field: value for field, value in given.items() if field not in named}
            update[block] = type(present).model_validate({**present.model_dump(), **fields})
        return from_environment.model_copy(update=update)

    def _given(self) -> dict[ServiceName, dict[str, dict[str, Any]]]:
        keys = self.home.keys()
        signer = GrantSigner(base64.b64decode(keys["grant_seed"]))
        public = {"public_keys": (base64.b64encode(signer.public_key).decode(),)}
        database = {"url": self.database.url, "pool_size": _POOL}
        forbidden = tuple(f"{where}:{port}" for port in self.own_ports for where in _LOOPBACK)
        proof = hashlib.sha256(self.home.admin_token().encode()).hexdigest()
        policy = {
            "signing_seed": SecretStr(keys["grant_seed"]),
            "arguments_key": SecretStr(keys["arguments_key"]),
            "bootstrap_admin_proof": proof,
        }
        return {
            ServiceName.GATEWAY: {
                "http": {"host": self.host, "port": self.port},
                "gateway": {"public_url": self.url, "session_keys": (SecretStr(keys["session_key"]),)},
            },
            ServiceName.CATALOG: {"database": database},
            ServiceName.POLICY: {"database": database, "policy": policy},
            ServiceName.VAULT_BROKER: {
                "database": database,
                "grants": public,
                "vault_broker": {"master_key": SecretStr(keys["master_key"])},
            },
            ServiceName.ADAPTERS: {
                "grants": public,
                "adapters": {
                    "allow_stdio": True,
                    "stdio_folder": str(Path.cwd()),
                    "allow_loopback": True,
                    "forbidden": forbidden,
                },
            },
        }
