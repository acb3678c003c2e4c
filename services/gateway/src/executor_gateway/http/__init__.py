"""The REST API and the pages."""

from executor_gateway.http.app import rest
from executor_gateway.http.use_cases import UseCases

__all__ = ["UseCases", "rest"]
