"""How the gateway asks the other services."""
