import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from executor_shared.contracts.vocabulary import AuthMethod, Placement
from executor_shared.document import (
    DocumentError,
    Source,
    catalog_of,
    collect,
    policy_of,
    read,
    request_body,
)
from executor_shared.document.convert import method_of
from executor_shared.document.models import AuthPart
from executor_shared.errors import InvalidRequestError
from executor_shared.sealing import open_values

TEXT = """\
apiVersion: executor/v1
integrations:
  - slug: crm
    kind: openapi
    openapi: {spec: ./crm.yaml}
    auth:
      - {name: signed, type: custom, placements: [{in: header, name: X-Sig, value: "{key}"}]}
connections:
  - {integration: crm, name: main, credential: {env: CRM_KEY}}
policies:
  - name: wait
    match: {tool: crm.*, effect: [write, destructive]}
    effect: require_approval
    approvers: {groups: [leads], expires: 2h}
principals:
  - {subject: alice, key: {file: alice.key}}
  - {subject: bob}
"""


class _Reader:
    def __init__(self, env: dict[str, str], files: dict[str, str]) -> None:
        self._env, self._files = env, files

    def env(self, name: str) -> str | None:
        return self._env.get(name)

    def file(self, document: str, path: str) -> str | None:
        assert document
        return self._files.get(path)


FULL = _Reader({"CRM_KEY": "s3cret"}, {"./crm.yaml": "openapi: 3.1.0", "alice.key": "exe_alice_0123456789\n"})


def test_a_document_becomes_what_catalog_and_policy_take() -> None:
    configuration = read([Source(TEXT)])
    collected = collect(configuration, FULL)
    catalog = catalog_of(configuration, collected.files)
    policy = policy_of(configuration, collected.proofs)
    assert catalog.integrations[0].source == "openapi: 3.1.0"
    assert catalog.integrations[0].config == {"spec": "./crm.yaml"}
    assert catalog.connections[0].credential_text == {"env": "CRM_KEY"}
    assert policy.policies[0].effects == ("write", "destructive")
    assert policy.policies[0].approvers.expires == 7200.0
    assert policy.principals[0].key_proofs == (hashlib.sha256(b"exe_alice_0123456789").hexdigest(),)
    assert policy.principals[1].key_proofs is None


def test_the_request_holds_secrets_only_sealed_to_the_broker() -> None:
    key = X25519PrivateKey.generate()
    sources = [Source(TEXT)]
    collected = collect(read(sources), FULL)
    body = request_body(sources, collected, tenant="default", public_key=key.public_key().public_bytes_raw())
    assert "s3cret" not in str(body)
    assert "exe_alice" not in str(body)
    assert "s3cret" not in repr(collected)
    sealed = base64.b64decode(body["credentials"]["crm/org/main"])
    assert open_values(key, "default", "crm/org/main", sealed) == {"key": "s3cret"}


def test_every_reference_that_leads_nowhere_is_told() -> None:
    with pytest.raises(DocumentError) as refused:
        collect(read([Source(TEXT, "a.yaml")]), _Reader({}, {}))
    assert [str(p) for p in refused.value.problems] == [
        "a.yaml:5: integrations: the file ./crm.yaml cannot be read, or is empty",
        "a.yaml:9: connection crm/org/main.credential: the environment variable CRM_KEY is not set",
        "a.yaml:16: principal alice.key: the file alice.key cannot be read, or is empty",
    ]


def test_an_api_key_that_could_be_guessed_is_refused() -> None:
    short = _Reader({"CRM_KEY": "s3cret"}, {"./crm.yaml": "openapi: 3.1.0", "alice.key": "exe_alice\n"})
    with pytest.raises(DocumentError, match=r"principal alice\.key: an API key needs at least 20") as refused:
        collect(read([Source(TEXT)]), short)
    assert "exe_alice" not in str(refused.value)


def test_a_description_that_was_not_sent_is_asked_for() -> None:
    with pytest.raises(InvalidRequestError, match=r"integration crm: the file './crm.yaml' was not sent"):
        catalog_of(read([Source(TEXT)]), {})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (
            {"name": "b", "type": "basic"},
            AuthMethod(
                name="b",
                type="basic",
                inputs=("username", "password"),
                placements=(
                    Placement(
                        carrier="header",
                        name="Authorization",
                        value="{username}:{password}",
                        prefix="Basic ",
                        base64=True,
                    ),
                ),
            ),
        ),
        (
            {"name": "k", "type": "api_key", "in": "query", "key": "api_key"},
            AuthMethod(name="k", type="api_key", placements=(Placement(carrier="query", name="api_key"),)),
        ),
        (
            {
                "name": "two",
                "type": "custom",
                "placements": [
                    {"in": "header", "name": "X-App", "value": "{app}"},
                    {"in": "cookie", "name": "s", "value": "{app}.{secret}", "base64": True},
                ],
            },
            AuthMethod(
                name="two",
                type="custom",
                inputs=("app", "secret"),
                placements=(
                    Placement(carrier="header", name="X-App", value="{app}"),
                    Placement(carrier="cookie", name="s", value="{app}.{secret}", base64=True),
                ),
            ),
        ),
    ],
)
def test_a_method_says_where_its_values_go(written: dict[str, object], expected: AuthMethod) -> None:
    assert method_of(AuthPart.model_validate(written)) == expected
