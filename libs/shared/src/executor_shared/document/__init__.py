"""Configuration documents (`apiVersion: executor/v1`): read, checked, resolved, converted, written."""

from executor_shared.document.collect import Collected, Reader, collect, request_body
from executor_shared.document.convert import catalog_of, policy_of
from executor_shared.document.dump import dump
from executor_shared.document.problems import DocumentError, Problem
from executor_shared.document.read import Configuration, Known, NothingKnown, Reference, Source, read

__all__ = [
    "Collected",
    "Configuration",
    "DocumentError",
    "Known",
    "NothingKnown",
    "Problem",
    "Reader",
    "Reference",
    "Source",
    "catalog_of",
    "collect",
    "dump",
    "policy_of",
    "read",
    "request_body",
]
