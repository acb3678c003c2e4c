"""Upstreams to try Executor with, and the demonstration that uses them."""
