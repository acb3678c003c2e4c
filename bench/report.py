"""Results as a table and as JSON."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Row:
    """One target at one concurrency, over all rounds."""

    target: str
    concurrency: int
    calls: int
    errors: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: dict[str, float] = field(default_factory=dict[str, float])


def table(rows: list[Row], base: str) -> str:
    """A Markdown table; added latency is against `base` at the same concurrency."""
    direct = {row.concurrency: row for row in rows if row.target == base}
    lines = [
        "| target | c | calls/s | p50 ms | p99 ms | added p50 | added p99 | errors | CPU µs per call |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        against = direct[row.concurrency]
        cost = ", ".join(f"{name} {spent:.0f}" for name, spent in sorted(row.cpu_us.items()))
        lines.append(
            f"| {row.target} | {row.concurrency} | {row.per_second:,.0f} | {row.p50_ms:.2f} | {row.p99_ms:.2f} "
            f"| {row.p50_ms - against.p50_ms:.2f} | {row.p99_ms - against.p99_ms:.2f} | {row.errors} | {cost} |"
        )
    return "\n".join(lines)


def save(rows: list[Row], facts: dict[str, object]) -> Path:
    """Write everything to `bench/results/<time>.json`."""
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps({"facts": facts, "rows": [asdict(row) for row in rows]}, indent=1))
    return path
