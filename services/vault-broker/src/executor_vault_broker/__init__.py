"""The only holder of credentials."""
