"""What exists already, for documents that name it without defining it."""

from dataclasses import dataclass

from executor_shared.views.catalog import CatalogView


@dataclass(frozen=True, slots=True)
class InView:
    """Implements `executor_shared.document.Known` over the view of one tenant."""

    view: CatalogView
    tenant: str

    def integration(self, slug: str) -> tuple[str, ...] | None:
        """Names of its ways to authenticate; None: there is no such integration."""
        found = self.view.integration(self.tenant, slug)
        return tuple(method.name for method in found.auth) if found else None

    def toolkit(self, slug: str) -> bool:
        """Whether there is such a toolkit."""
        return self.view.toolkit(self.tenant, slug) is not None

    def integrations(self) -> tuple[str, ...]:
        """Slugs of all integrations."""
        return tuple(found.slug for found in self.view.integrations(self.tenant))

    def toolkits(self) -> tuple[str, ...]:
        """Slugs of all toolkits."""
        return tuple(found.slug for found in self.view.toolkits(self.tenant))
