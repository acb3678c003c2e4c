"""Getting hold of a schema: from a given text, or by asking the upstream."""

from typing import cast

import msgspec
from graphql import (
    GraphQLError,
    GraphQLSchema,
    build_client_schema,
    build_schema,
    get_introspection_query,
)

from executor_shared.errors import DescriptionInvalidError

INTROSPECTION = get_introspection_query(descriptions=True)
_MAX_TOKENS = 2_000_000
_SHOWN = 200


def from_text(text: str) -> GraphQLSchema:
    """The schema in a file: SDL, or the JSON of an introspection result.

    Raises:
        DescriptionInvalidError: it is neither, or contradicts itself; says where.

    """
    if text.lstrip().startswith("{"):
        return from_introspection(text.encode())
    try:
        return build_schema(text, no_location=False, max_tokens=_MAX_TOKENS)
    except GraphQLError as error:
        where = f"line {error.locations[0].line}: " if error.locations else ""
        raise DescriptionInvalidError(
            f"The GraphQL schema cannot be used. {where}{error.message[:_SHOWN]}"
        ) from error
    except (TypeError, RecursionError) as error:
        raise DescriptionInvalidError(f"The GraphQL schema cannot be used. {str(error)[:_SHOWN]}") from error


def from_introspection(body: bytes) -> GraphQLSchema:
    """The schema in an introspection result, with or without its `data`.

    Raises:
        DescriptionInvalidError: it is not one, or holds errors instead.

    """
    try:
        answer: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DescriptionInvalidError("The introspection result is not JSON.") from error
    whole = cast("dict[str, object]", answer) if isinstance(answer, dict) else {}
    data = whole.get("data", whole)
    found = cast("dict[str, object]", data) if isinstance(data, dict) else {}
    if not isinstance(found.get("__schema"), dict):
        raise DescriptionInvalidError(
            "The API does not tell its schema (introspection is refused or switched off)."
            " Give the schema as a file: SDL, or an introspection result as JSON."
        )
    try:
        return build_client_schema(cast("msgspec.Raw", found))  # pyright: ignore[reportArgumentType]  checked inside
    except (GraphQLError, TypeError, KeyError, ValueError, AttributeError, RecursionError) as error:
        raise DescriptionInvalidError(
            f"The introspection result cannot be used. {str(error)[:_SHOWN]}"
        ) from error
