"""Fixtures of a real NATS with our permissions, and of the memory bus."""
