"""Planted credentials are found nowhere: not on the bus, not in logs, not in the database."""

import base64
import io
import itertools
import logging
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import asyncpg
import msgspec
import pytest
import structlog

from executor_shared.bus import MemoryHub
from executor_shared.errors import ExecutorError
from executor_shared.settings import DatabaseSettings
from executor_vault_broker.domain.keyring import KeyRing
from executor_vault_broker.domain.record import Record

from .house import BASIC, BEARER, MASTER, ORIGIN, House, grant_of, opened, settings_of

pytestmark = pytest.mark.connected
CANARIES = ("canary-T0ken/+value", "canary-Pa55word")


def forms(secret: str) -> Iterator[bytes]:
    """The text in forms in which it might hide; base64 at every alignment."""
    raw = secret.encode()
    yield from (
        raw,
        raw.hex().encode(),
        raw.hex().upper().encode(),
        quote(secret, safe="").encode(),
        raw[::-1],
    )
    yield raw.hex(" ").encode()
    for shift, encode in itertools.product(range(3), (base64.b64encode, base64.urlsafe_b64encode)):
        inner = encode(b"\0" * shift + raw)
        yield inner[(0, 2, 3)[shift] : len(inner) - 4]


def found_in(haystack: bytes) -> list[bytes]:
    return [form for secret in CANARIES for form in forms(secret) if form in haystack]


async def use_everything(house: House) -> None:
    """Store, lease, fail, revert, delete."""
    one = await house.store({"token": CANARIES[0]})
    two = await house.store(
        {"username": "ann", "password": CANARIES[1]}, method=BASIC, connection="crm/org/b"
    )
    for stored in (one, two):
        for effect in ("read", "write"):
            leased = await house.lease(grant_of(stored.credential, effect=effect))
            assert leased is not None
            assert found_in(msgspec.json.encode(leased))
        with pytest.raises(ExecutorError):
            await house.lease(grant_of(stored.credential, origin="https://evil.example:443"))
    for bad in (f"{CANARIES[0]}\r\n", f"{CANARIES[0]}é", f" {CANARIES[0]}"):
        with pytest.raises(ExecutorError) as refused:
            await house.store({"token": bad})
        assert not found_in(f"{refused.value!r} {refused.value.details}".encode())
    third = await house.store({"token": f"{CANARIES[0]}-3"})
    await house.revert(third.credential, third.version)


@contextmanager
def logs() -> Generator[io.StringIO]:
    """Everything that anybody logs, at the lowest level."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    kept: dict[str, Any] = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=repr)],
        logger_factory=structlog.PrintLoggerFactory(written),
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        cache_logger_on_first_use=False,
    )
    try:
        yield written
    finally:
        structlog.configure(**kept)
        root.removeHandler(handler)
        root.setLevel(before)


async def test_neither_the_bus_nor_the_logs_carry_a_credential(house: House, hub: MemoryHub):
    with logs() as written:
        await use_everything(house)
    assert "credential.leased" in written.getvalue()
    assert not found_in(written.getvalue().encode())
    taps = [frame.body + repr(frame.headers).encode() for _, frame in hub.taps]
    assert len(taps) > 20
    assert not [form for tap in taps for form in found_in(tap)]
    unsealed = [base64.b64decode(part + b"==") for tap in taps for part in _base64_parts(tap)]
    assert not [form for part in unsealed for form in found_in(part)]


def _base64_parts(tap: bytes) -> list[bytes]:
    words = b"".join(bytes([c]) if chr(c).isalnum() or c in b"+/" else b" " for c in tap).split()
    return [word[: len(word) // 4 * 4] for word in words if len(word) > 40]


async def test_no_row_of_the_database_shows_a_credential(hub: MemoryHub, migrated: DatabaseSettings):
    async with opened(hub, settings_of(migrated)) as house:
        await use_everything(house)
    dumped = await _dump(migrated)
    assert b"sealed_record" in dumped
    assert b"crm/org/b" in dumped
    assert not found_in(dumped)
    assert not found_in(_unhexed(dumped))
    assert not [f for f in (MASTER.hex().encode(), base64.b64encode(MASTER)) if f in dumped]


async def _dump(settings: DatabaseSettings) -> bytes:
    """Every row of every table as text, in place of a dump program."""
    connection = await asyncpg.connect(settings.url.get_secret_value().replace("+asyncpg", ""))
    try:
        tables = await connection.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'vault_broker'"
        )
        out: list[str] = []
        for (table,) in tables:
            rows = await connection.fetch(f"SELECT t::text FROM vault_broker.{table} t")
            out += [table, *(row[0] for row in rows)]
        return "\n".join(out).encode()
    finally:
        await connection.close()


def _unhexed(dumped: bytes) -> bytes:
    """What stands in binary columns."""
    return b"\n".join(bytes.fromhex(part.decode()) for part in re.findall(rb"\\x((?:[0-9a-f]{2})+)", dumped))


async def test_the_search_itself_finds_what_is_there():
    for secret in CANARIES:
        raw = secret.encode()
        for planted in (
            raw,
            raw.hex().encode(),
            base64.b64encode(b"x" + raw),
            base64.b64encode(b"ann:" + raw),
        ):
            assert found_in(b"before " + planted + b" after")


def test_a_record_and_a_lease_time_never_show_values_as_text():
    record = Record(connection="crm/org/main", origin=ORIGIN, method=BEARER, values={"token": CANARIES[0]})
    assert not found_in(f"{record} {record!r} {[record]}".encode())


def test_a_digest_cannot_be_guessed_without_the_master_key():
    record = Record(connection="crm/org/main", origin=ORIGIN, method=BEARER, values={"token": "1234"})
    assert KeyRing(MASTER).digests(record) != KeyRing(bytes(32)).digests(record)
