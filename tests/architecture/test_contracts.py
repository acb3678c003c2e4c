"""Facts about the contracts: an acyclic graph, well-formed subjects, fresh generated files, every code translated."""

import dataclasses
import graphlib
import importlib.util
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from executor_gateway.mcp.results import RPC_CODES
from executor_shared.contracts.all import EVENTS, REQUESTS
from executor_shared.contracts.base import Request, ServiceName
from executor_shared.errors import Code
from executor_shared.http.problems import STATUS

_ROOT = Path(__file__).resolve().parents[2]
_SUBJECT = re.compile(r"executor\.(gateway|catalog|policy|vault-broker|adapters)\.v[1-9]\.[a-z]+\.[a-z]+")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("contracts_script", _ROOT / "scripts" / "contracts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _order(requests: tuple[Request, ...]) -> tuple[ServiceName, ...]:  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
    graph: dict[ServiceName, set[ServiceName]] = {name: set() for name in ServiceName}
    for request in requests:
        for caller in request.callers:
            graph[caller].add(request.owner)
    return tuple(graphlib.TopologicalSorter(graph).static_order())


def test_no_service_waits_for_itself_through_others():
    assert set(_order(REQUESTS)) == set(ServiceName)


def test_a_cycle_would_be_found():
    back = dataclasses.replace(
        next(r for r in REQUESTS if r.owner is ServiceName.POLICY),
        callers=frozenset({ServiceName.CATALOG, ServiceName.VAULT_BROKER, ServiceName.ADAPTERS}),
    )
    into = dataclasses.replace(
        next(r for r in REQUESTS if r.owner is ServiceName.ADAPTERS), callers=frozenset({ServiceName.POLICY})
    )
    with pytest.raises(graphlib.CycleError):
        _order((*REQUESTS, back, into))


def test_every_subject_stands_once_and_is_well_formed():
    subjects = Counter([r.subject for r in REQUESTS] + [e.subject for e in EVENTS])
    assert [subject for subject, times in subjects.items() if times > 1] == []
    assert [subject for subject in subjects if not _SUBJECT.fullmatch(subject)] == []


def test_every_contract_has_somebody_on_each_side():
    assert [r.subject for r in REQUESTS if not r.callers or r.owner in r.callers] == []
    assert [e.subject for e in EVENTS if not e.speakers or not e.hearers] == []


def test_generated_files_are_fresh():
    generator = _generator()
    assert generator.stale(_ROOT, generator.generated()) == []


def test_a_stale_file_and_an_orphan_are_found(tmp_path: Path):
    generator = _generator()
    files = generator.generated()
    generator.write(tmp_path, files)
    assert generator.stale(tmp_path, files) == []
    (tmp_path / generator.PAGE).write_text("old")
    orphan = tmp_path / generator.SCHEMAS / "Gone.json"
    orphan.write_text("{}")
    assert generator.stale(tmp_path, files) == [generator.PAGE, generator.SCHEMAS / "Gone.json"]


@pytest.mark.parametrize("table", [STATUS, RPC_CODES], ids=["http", "json-rpc"])
def test_every_code_is_in_every_translation_table(table: dict[Code, int]):
    assert set(table) == set(Code)
