"""Knows integrations, connections, tools and toolkits."""
