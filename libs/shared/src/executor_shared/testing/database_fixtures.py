"""Fixtures of a real PostgreSQL: an empty database for every test."""
