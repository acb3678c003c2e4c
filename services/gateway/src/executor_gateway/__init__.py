"""Terminates MCP and the REST API."""
