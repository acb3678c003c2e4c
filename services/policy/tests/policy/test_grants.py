"""A grant of policy verifies, and not with one field changed."""

import base64

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from executor_shared.clock import FakeClock
from executor_shared.errors import GrantRefusedError
from executor_shared.grants import Grant, GrantSigner, GrantVerifier

from .house import SEED

CLOCK = FakeClock()
SIGNER = GrantSigner(SEED)
VERIFIER = GrantVerifier((SIGNER.public_key,), CLOCK)
TEXT = st.text(min_size=1, max_size=20)

grants = st.builds(
    Grant,
    purpose=st.sampled_from(["call", "discover"]),
    call=TEXT,
    tenant=TEXT,
    subject=TEXT,
    connection=TEXT,
    origin=TEXT,
    issued_at=st.just(CLOCK.now()),
    deadline=st.floats(min_value=CLOCK.now() + 1, max_value=CLOCK.now() + 120),
    tool=TEXT,
    definition=TEXT,
    arguments=TEXT,
    effect=st.sampled_from(["read", "write", "destructive"]),
    credential=st.one_of(st.none(), TEXT),
    approval=st.one_of(st.none(), TEXT),
)


@settings(max_examples=100, deadline=None)
@given(grants, st.sampled_from(Grant.__struct_fields__), st.data())
def test_any_changed_field_is_refused(grant: Grant, field: str, data: st.DataObject):
    text = SIGNER.sign(grant)
    assert VERIFIER.verify(text) == grant
    other = (
        getattr(data.draw(grants.filter(lambda g: getattr(g, field) != getattr(grant, field))), field)
        if (field != "issued_at")
        else grant.issued_at - 1
    )
    changed = msgspec.structs.replace(grant, **{field: other})
    payload = base64.urlsafe_b64encode(msgspec.json.encode(changed)).decode().rstrip("=")
    version, _, signature = text.split(".")
    with pytest.raises(GrantRefusedError):
        VERIFIER.verify(f"{version}.{payload}.{signature}")


def test_another_policys_grant_is_refused():
    grant = Grant(
        purpose="call",
        call="c",
        tenant="t",
        subject="s",
        connection="n",
        origin="o",
        issued_at=CLOCK.now(),
        deadline=CLOCK.now() + 1,
    )
    with pytest.raises(GrantRefusedError):
        VERIFIER.verify(GrantSigner(bytes(32)).sign(grant))
