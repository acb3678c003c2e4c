"""What the gateway decides for itself; no transport, no I/O."""
