"""The OpenAPI kind: any API that has a description (OpenAPI 3.0 or 3.1)."""

from executor_adapters.domain.kind import API_VERSION, AdapterKind
from executor_adapters.kinds.openapi.adapter import open_openapi

__all__ = ["KIND"]

KIND = AdapterKind(name="openapi", api_version=API_VERSION, open=open_openapi)
