"""`policies`, `principals`, `api-keys`, `me` and the broker's sealing key."""

import base64
import hashlib
import secrets

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from executor_gateway.domain.identify import Identity
from executor_gateway.domain.plan import Wanted
from executor_gateway.http.replies import Administrator, Caller, page, reply, shown
from executor_gateway.http.use_cases import UseCases
from executor_shared.contracts.policy import PolicyDocument, PrincipalSpec
from executor_shared.document.convert import principal_of, rule_of
from executor_shared.document.models import PolicyPart, PrincipalPart, Subject
from executor_shared.errors import NotFoundError


class KeyBody(BaseModel):
    """Whose key shall be made."""

    model_config = ConfigDict(extra="forbid")

    subject: Subject


def _plain(principal: PrincipalSpec) -> dict[str, object]:
    return shown(principal, "key_proofs", "key_text")


async def _changed(use: UseCases, identity: Identity, wanted: Wanted, status: int = 200) -> Response:
    applied = await use.apply(identity, wanted)
    return reply({"changes": [shown(change) for change in applied.changes]}, status)


def policies(use: UseCases) -> APIRouter:
    """The routes of policies."""
    routes = APIRouter(prefix="/policies", tags=["policies"])

    @routes.get("")
    async def list_policies(identity: Administrator) -> Response:
        """The tenant's rules."""
        found = await use.policy.export(identity.proof)
        return page(
            [{**shown(rule, "approvers"), "approvers": shown(rule.approvers)} for rule in found.policies],
            None,
        )

    @routes.post("", status_code=201)
    async def put_policy(identity: Administrator, body: PolicyPart) -> Response:
        """Create or change a rule, by its name."""
        return await _changed(use, identity, Wanted(policy=PolicyDocument(policies=(rule_of(body),))), 201)

    @routes.delete("/{name}")
    async def delete_policy(identity: Administrator, name: str) -> Response:
        """Remove a rule."""
        found = await use.policy.export(identity.proof)
        if name not in {rule.name for rule in found.policies}:
            raise NotFoundError(f"There is no policy {name!r}.")
        return await _changed(use, identity, Wanted(remove_policies=(name,)))

    return routes


def principals(use: UseCases) -> APIRouter:
    """The routes of principals."""
    routes = APIRouter(prefix="/principals", tags=["principals"])

    @routes.get("")
    async def list_principals(identity: Administrator) -> Response:
        """The tenant's principals; never a key."""
        found = await use.policy.export(identity.proof)
        return page([_plain(principal) for principal in found.principals], None)

    @routes.post("", status_code=201)
    async def put_principal(identity: Administrator, body: PrincipalPart) -> Response:
        """Create or change a principal; its keys stay as they are."""
        spec = principal_of(body, {})
        return await _changed(use, identity, Wanted(policy=PolicyDocument(principals=(spec,))), 201)

    @routes.delete("/{subject}")
    async def delete_principal(identity: Administrator, subject: str) -> Response:
        """Remove a principal with its keys."""
        await _principal(use, identity, subject)
        return await _changed(use, identity, Wanted(remove_principals=(subject,)))

    return routes


async def _principal(use: UseCases, identity: Identity, subject: str) -> PrincipalSpec:
    found = await use.policy.export(identity.proof)
    principal = next((p for p in found.principals if p.subject == subject), None)
    if principal is None:
        raise NotFoundError(f"There is no principal {subject!r}; create it first.")
    return principal


def api_keys(use: UseCases) -> APIRouter:
    """The routes of API keys."""
    routes = APIRouter(prefix="/api-keys", tags=["api-keys"])

    @routes.post("", status_code=201)
    async def make_key(identity: Administrator, body: KeyBody) -> Response:
        """Make a key for a principal in place of its present ones. It is shown now and never again."""
        principal = await _principal(use, identity, body.subject)
        key = f"exe_{secrets.token_urlsafe(32)}"
        proof = hashlib.sha256(key.encode()).hexdigest()
        spec = msgspec.structs.replace(principal, key_proofs=(proof,))
        await use.apply(identity, Wanted(policy=PolicyDocument(principals=(spec,))))
        return reply({"subject": body.subject, "key": key}, 201)

    @routes.delete("/{subject}")
    async def revoke_keys(identity: Administrator, subject: str) -> Response:
        """Revoke every key of a principal."""
        principal = await _principal(use, identity, subject)
        spec = msgspec.structs.replace(principal, key_proofs=())
        return await _changed(use, identity, Wanted(policy=PolicyDocument(principals=(spec,))))

    return routes


def me(use: UseCases) -> APIRouter:
    """Who asks, and what they seal credentials to."""
    routes = APIRouter(tags=["me"])

    @routes.get("/me")
    async def who_am_i(identity: Caller) -> Response:
        """The caller."""
        return reply(shown(identity.principal))

    @routes.get("/credentials/sealing-key")
    async def sealing_key(identity: Administrator) -> Response:
        """The vault-broker's X25519 public key in base64, for sealing credentials of this tenant."""
        key = await use.credentials.sealing_key()
        return reply({"tenant": identity.principal.tenant, "public_key": base64.b64encode(key).decode()})

    return routes
