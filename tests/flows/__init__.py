"""Flows across all five services, on real servers."""
