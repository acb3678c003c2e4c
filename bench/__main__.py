"""`python -m bench`: direct upstream against through Executor, interleaved."""

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop

from bench import house, report
from bench.client import Connection, Window, load

_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
}


@dataclass(frozen=True, slots=True)
class Target:
    """Something to send the call to."""

    name: str
    url: str
    tool: str
    arguments: dict[str, object]
    token: str | None = None

    def headers(self, method: str) -> dict[str, str]:
        found = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": method,
        }
        if method == "tools/call":
            found["Mcp-Name"] = self.tool
        if self.token:
            found["Authorization"] = f"Bearer {self.token}"
        return found

    def body(self, method: str) -> bytes:
        params: dict[str, object] = {"_meta": _META}
        if method == "tools/call":
            params |= {"name": self.tool, "arguments": self.arguments}
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()

    async def run(self, concurrency: int, seconds: float, method: str = "tools/call") -> Window:
        return await load(
            self.url,
            self.headers(method),
            self.body(method),
            expect=b"hello" if method == "tools/call" else b"echo_",
            concurrency=concurrency,
            seconds=seconds,
        )


def _merged(target: str, concurrency: int, windows: list[Window], spent: dict[str, float]) -> report.Row:
    calls = sum(window.calls for window in windows)
    return report.Row(
        target=target,
        concurrency=concurrency,
        calls=calls,
        errors=sum(window.errors for window in windows),
        per_second=statistics.median(window.calls / window.seconds for window in windows),
        p50_ms=statistics.median(window.percentile(0.5) for window in windows),
        p99_ms=statistics.median(window.percentile(0.99) for window in windows),
        cpu_us={name: 1e6 * seconds / max(calls, 1) for name, seconds in spent.items()},
    )


async def _measure(
    targets: list[Target], options: argparse.Namespace, executor: psutil.Process, upstream: psutil.Process
) -> list[report.Row]:
    rows: list[report.Row] = []
    for concurrency in options.concurrency:
        windows: dict[str, list[Window]] = {target.name: [] for target in targets}
        spent: dict[str, dict[str, float]] = {target.name: {} for target in targets}
        for _ in range(options.rounds):
            for target in targets:
                before = house.cpu(executor) | {"upstream": sum(house.cpu(upstream).values())}
                windows[target.name].append(await target.run(concurrency, options.seconds))
                after = house.cpu(executor) | {"upstream": sum(house.cpu(upstream).values())}
                for name, value in after.items():
                    spent[target.name][name] = (
                        spent[target.name].get(name, 0.0) + value - before.get(name, 0.0)
                    )
        rows += [_merged(t.name, concurrency, windows[t.name], spent[t.name]) for t in targets]
    return rows


async def _list_times(target: Target) -> dict[str, float]:
    """Milliseconds of the first and of a repeated `tools/list`."""
    connection = await Connection(target.url, target.headers("tools/list")).open()
    body, times = target.body("tools/list"), list[float]()
    for _ in range(12):
        before = time.perf_counter()
        await connection.post(body)
        times.append(1000 * (time.perf_counter() - before))
    connection.close()
    return {"first_ms": times[0], "repeated_ms": statistics.median(times[1:])}


async def _run(options: argparse.Namespace) -> int:
    port = house.free_port()
    upstream_command = (sys.executable, "-m", "bench.upstream", str(port), str(options.tools))
    with (
        tempfile.TemporaryDirectory(prefix="executor-bench-") as folder,
        house.child(*upstream_command) as upstream,
        house.executor(Path(folder) / "data") as started,
    ):
        house.wait_for_port(port)
        seconds = house.configure(started, Path(folder), port)
        idle = house.memory(started.process)
        mcp, token = f"{started.url}/mcp", started.token
        direct = Target("direct", f"http://127.0.0.1:{port}/mcp", "echo_00000", {"text": "hello"})
        through = Target("executor", mcp, "bench__echo_00000", {"text": "hello"}, token)
        rest = Target("executor rest", mcp, options.rest_tool, {"text": "hello"}, token)
        targets = [direct, through, rest]
        for target in targets:
            await target.run(8, 1.0)
        rows = await _measure(targets, options, started.process, upstream)
        facts: dict[str, object] = {
            "python": platform.python_version(),
            "cores": psutil.cpu_count(),
            "tools": options.tools,
            "start_seconds": round(started.seconds, 2),
            "configure_seconds": round(seconds, 2),
            "idle_mb": {name: round(value) for name, value in idle.items()},
            "loaded_mb": {name: round(value) for name, value in house.memory(started.process).items()},
            "list_direct": await _list_times(direct),
            "list_executor": await _list_times(through),
        }
    print(report.table(rows, "direct"))
    print(json.dumps(facts, indent=1))
    print(f"Saved to {report.save(rows, facts)}")
    return 1 if any(row.errors for row in rows) else 0


def main() -> int:
    """Parse, run, report; exit status 1 when a call was answered wrongly."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one window")
    parser.add_argument("--rounds", type=int, default=3, help="windows per target and concurrency")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--tools", type=int, default=5, help="size of the upstream's catalog")
    parser.add_argument(
        "--rest-tool", default="rest__bench_echo", help="name of the REST tool in the catalog"
    )
    return uvloop.run(_run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
