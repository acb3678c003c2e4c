"""A REST API with its OpenAPI description, behind an API key."""
