"""In-memory views of the catalog, the same in every service that keeps one."""

from executor_shared.views.catalog import CatalogView, Routed
from executor_shared.views.follow import Follower

__all__ = ["CatalogView", "Follower", "Routed"]
