"""What local mode decides for each service, and what it leaves to the environment."""

from pathlib import Path
from typing import TypeVar

import pytest

from executor_adapters.settings import AdaptersSettings
from executor_cli.local.home import Home
from executor_cli.local.wiring import Wiring
from executor_gateway.settings import GatewaySettings
from executor_shared.contracts.base import ServiceName
from executor_shared.settings import BusSettings, DatabaseSettings, ServiceSettings

S = TypeVar("S", bound=ServiceSettings)


def wired(tmp_path: Path, name: ServiceName, kind: type[S]) -> S:
    home = Home(tmp_path)
    home.prepare()
    bus, database = BusSettings(), DatabaseSettings()  # pyright: ignore[reportCallIssue]
    wiring = Wiring(home, lambda _: bus, database, "127.0.0.1", 8484, "http://127.0.0.1:8484", (4222, 8484))
    settings = wiring.settings(name, kind)
    assert isinstance(settings, kind)
    return settings


def test_local_servers_run_in_the_folder_where_executor_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    block = wired(tmp_path, ServiceName.ADAPTERS, AdaptersSettings).adapters
    assert (block.allow_stdio, block.stdio_folder) == (True, str(tmp_path))
    assert "127.0.0.0/8:4222" in block.forbidden


def test_the_environment_may_name_another_folder_and_a_public_address_but_not_our_own_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXECUTOR_ADAPTERS__STDIO_FOLDER", "/srv")
    monkeypatch.setenv("EXECUTOR_ADAPTERS__FORBIDDEN", "[]")
    monkeypatch.setenv("EXECUTOR_ADAPTERS__CALLS", "7")
    monkeypatch.setenv("EXECUTOR_GATEWAY__PUBLIC_URL", "https://executor.example.com")
    block = wired(tmp_path, ServiceName.ADAPTERS, AdaptersSettings).adapters
    assert (block.stdio_folder, block.calls) == ("/srv", 7)
    assert "127.0.0.0/8:4222" in block.forbidden
    gateway = wired(tmp_path, ServiceName.GATEWAY, GatewaySettings).gateway
    assert gateway.public_url == "https://executor.example.com"
