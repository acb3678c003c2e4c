"""The upstreams themselves: they check credentials, keep what was written, and die with their parent."""

import os
import signal
import subprocess
import sys
import time

import httpx2
import psutil
import yaml

from tests.upstreams import ROOT, crm, graph


def test_the_customer_api_wants_its_key_and_keeps_a_journal():
    with crm("k1") as server, httpx2.Client(base_url=server.url) as client:
        assert client.get("/customers").status_code == 401
        assert client.get("/customers", headers={"X-Api-Key": "wrong"}).status_code == 401
        client.headers["X-Api-Key"] = "k1"
        made = client.post("/customers", json={"name": "New"}).json()
        assert client.get(f"/customers/{made['id']}").json()["name"] == "New"
        assert client.delete(f"/customers/{made['id']}").status_code == 204
        assert client.get(f"/customers/{made['id']}").status_code == 404
        assert client.get("/echo-headers").json()["x-api-key"] == "k1"
        journal = client.get("/journal").json()
    assert [entry["accepted"] for entry in journal[:3]] == [False, False, True]
    assert [entry["method"] for entry in journal].count("DELETE") == 1


def test_the_customer_api_is_described_as_it_is():
    described = yaml.safe_load((ROOT / "examples/crm/openapi.yaml").read_text())
    assert described["components"]["securitySchemes"]["apiKey"]["name"] == "X-Api-Key"
    assert set(described["paths"]) == {"/customers", "/customers/{id}", "/echo-headers"}


def test_the_task_api_wants_its_token():
    with graph("t1") as server, httpx2.Client() as client:
        question = {"query": "{ version }"}
        assert client.post(server.url, json=question).status_code == 401
        answer = client.post(server.url, json=question, headers={"Authorization": "Bearer t1"})
        assert answer.json() == {"data": {"version": "1.0"}}


KILLED = "from tests.upstreams import crm; import time\nwith crm('k') as s: print(s.pid, flush=True); time.sleep(60)"


def test_a_server_dies_with_its_killed_parent():
    if not sys.platform.startswith("linux"):
        return
    parent = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
