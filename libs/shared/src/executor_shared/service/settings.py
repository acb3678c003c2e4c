"""Moved to `executor_shared.settings`."""

from executor_shared.settings import *  # noqa: F403
