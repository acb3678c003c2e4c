"""Real upstream servers as child processes: for flows, the kinds' own tests, the demo and the benchmark."""

from tests.upstreams.process import ROOT, Running, Unavailable, running
from tests.upstreams.servers import (
    crm,
    everything_command,
    everything_http,
    git_command,
    github_description,
    github_mock,
    graph,
    sdk_command,
    sdk_http,
)

__all__ = [
    "ROOT",
    "Running",
    "Unavailable",
    "crm",
    "everything_command",
    "everything_http",
    "git_command",
    "github_description",
    "github_mock",
    "graph",
    "running",
    "sdk_command",
    "sdk_http",
]
