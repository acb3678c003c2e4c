"""Ids: a prefix that says what it is, and 128 random bits that nobody can guess."""

import base64
import secrets
from typing import NewType

CallId = NewType("CallId", str)
ApprovalId = NewType("ApprovalId", str)
ConnectionId = NewType("ConnectionId", str)
ToolId = NewType("ToolId", str)
CredentialRef = NewType("CredentialRef", str)


def _token() -> str:
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def new_call_id() -> CallId:
    """`call_` and 26 characters."""
    return CallId(f"call_{_token()}")


def new_approval_id() -> ApprovalId:
    """`apr_` and 26 characters."""
    return ApprovalId(f"apr_{_token()}")


def new_connection_id() -> ConnectionId:
    """`conn_` and 26 characters."""
    return ConnectionId(f"conn_{_token()}")


def new_tool_id() -> ToolId:
    """`tool_` and 26 characters."""
    return ToolId(f"tool_{_token()}")


def new_credential_ref() -> CredentialRef:
    """`cred_` and 26 characters."""
    return CredentialRef(f"cred_{_token()}")


def new_id(prefix: str) -> str:
    """Any other id: `<prefix>_` and 26 characters."""
    return f"{prefix}_{_token()}"
