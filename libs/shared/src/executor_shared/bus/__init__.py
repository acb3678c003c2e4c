"""The typed bus and its transports."""

from executor_shared.bus.bus import Bus, BusTelemetry, Handler, Listener
from executor_shared.bus.memory import MemoryHub, MemoryTransport

__all__ = ["Bus", "BusTelemetry", "Handler", "Listener", "MemoryHub", "MemoryTransport"]
