"""What a document must keep to before anything is asked or written."""

from collections.abc import Iterable

from executor_catalog.domain import addresses
from executor_catalog.domain.addresses import invalid
from executor_catalog.domain.state import connection_key
from executor_shared.contracts.catalog import CatalogDocument, IntegrationSpec
from executor_shared.errors import NotAvailableYetError, TooLargeError
from executor_shared.views.patterns import check_pattern

MAX_SOURCE_BYTES = 32 * 1024 * 1024
_MAX_ENTRIES = 10_000


def check_document(document: CatalogDocument, kinds: frozenset[str]) -> None:
    """Refuse a document that is wrong by itself.

    Raises:
        InvalidRequestError: `details["field"]` is the path, e.g. `integrations[2].slug`.
        TooLargeError: a description's text is beyond its bound.
        NotAvailableYetError: a surface that this version does not serve.

    """
    for noun in ("integrations", "connections", "toolkits"):
        if len(getattr(document, noun)) > _MAX_ENTRIES:
            raise invalid(noun, f"more than {_MAX_ENTRIES:,} entries")
    for index, integration in enumerate(document.integrations):
        _check_integration(integration, f"integrations[{index}]", kinds)
    _unique((one.slug for one in document.integrations), "integrations[{}].slug", "slug")
    for index, connection in enumerate(document.connections):
        at = f"connections[{index}]"
        addresses.check_name(connection.name, f"{at}.name")
        addresses.check_owner(connection.owner, f"{at}.owner")
    keys = (connection_key(c.integration, c.owner, c.name) for c in document.connections)
    _unique(keys, "connections[{}].name", "connection")
    for index, toolkit in enumerate(document.toolkits):
        at = f"toolkits[{index}]"
        addresses.check_slug(toolkit.slug, f"{at}.slug")
        for position, pattern in enumerate(toolkit.tools):
            check_pattern(pattern, field=f"{at}.tools[{position}]")
        if toolkit.surface != "native":
            raise NotAvailableYetError(
                f"{at}.surface: {toolkit.surface!r} is not available yet; accepted: native",
                details={"field": f"{at}.surface", "accepted": ["native"]},
            )
    _unique((one.slug for one in document.toolkits), "toolkits[{}].slug", "slug")


def _check_integration(spec: IntegrationSpec, at: str, kinds: frozenset[str]) -> None:
    addresses.check_slug(spec.slug, f"{at}.slug")
    addresses.check_kind(spec.kind, kinds, f"{at}.kind")
    if spec.source is not None and len(spec.source.encode("utf-8", "surrogatepass")) > MAX_SOURCE_BYTES:
        field = f"{at}.{spec.kind}.spec"
        raise TooLargeError(
            f"{field}: the description has more than {MAX_SOURCE_BYTES // 1024**2} MB. Cut it down to the "
            "operations that are needed.",
            details={"field": field, "limit": MAX_SOURCE_BYTES},
        )
    _unique((method.name for method in spec.auth), at + ".auth[{}].name", "name")


def check_lookalikes(specs: tuple[IntegrationSpec, ...], others: Iterable[str]) -> None:
    """Refuse a new slug that a person would take for one that exists."""
    looks = {addresses.skeleton(slug): slug for slug in others}
    for index, spec in enumerate(specs):
        same = looks.setdefault(addresses.skeleton(spec.slug), spec.slug)
        if same != spec.slug:
            raise invalid(
                f"integrations[{index}].slug", f"{spec.slug!r} looks like {same!r}; choose another slug"
            )


def _unique(values: Iterable[str], field: str, noun: str) -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise invalid(
                field.format(index), f"the {noun} {value!r} stands in the document twice", value=value
            )
        seen.add(value)
