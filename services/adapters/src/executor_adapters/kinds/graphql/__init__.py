"""GraphQL APIs: queries and mutations as tools."""

from executor_adapters.domain.kind import API_VERSION, AdapterKind
from executor_adapters.kinds.graphql.adapter import open_graphql

__all__ = ["KIND"]

KIND = AdapterKind(name="graphql", api_version=API_VERSION, open=open_graphql)
