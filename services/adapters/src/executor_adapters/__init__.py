"""Performs granted calls against upstreams."""
