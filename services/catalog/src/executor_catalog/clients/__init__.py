"""Whom the catalog asks and tells."""
