import base64
import hashlib
from typing import Any

import pytest
import yaml

from executor_shared.document import Source, collect, read, request_body
from executor_shared.errors import DescriptionInvalidError, UnavailableError

DOCUMENT = """\
apiVersion: executor/v1
integrations:
  - {slug: crm, kind: openapi, openapi: {spec: ./crm.yaml}}
connections:
  - {integration: crm, name: main, auth: api-key, credential: {env: CRM_KEY}}
principals:
  - {subject: alice, key: {env: ALICE_KEY}}
"""


class _Reader:
    def env(self, name: str) -> str | None:
        return {"CRM_KEY": "s3cret", "ALICE_KEY": "exe_alice_0123456789abcdef"}.get(name)

    def file(self, document: str, path: str) -> str | None:
        assert document == "a.yaml"
        return "openapi: 3.1.0" if path == "./crm.yaml" else None


async def _applied(client: Any, admin: dict[str, str]) -> Any:
    key = (await client.get("/api/v1/credentials/sealing-key", headers=admin)).json()
    sources = [Source(DOCUMENT, "a.yaml")]
    body = request_body(
        sources,
        collect(read(sources), _Reader()),
        tenant=key["tenant"],
        public_key=base64.b64decode(key["public_key"]),
    )
    assert "s3cret" not in str(body)
    return await client.post("/api/v1/config/apply", headers=admin, json=body)


async def test_what_the_command_sends_is_applied(world: Any, client: Any, admin: dict[str, str]) -> None:
    answer = await _applied(client, admin)
    assert answer.status_code == 200, answer.text
    assert {(c["action"], c["noun"], c["key"]) for c in answer.json()["changes"]} == {
        ("create", "principal", "alice"),
        ("create", "integration", "crm"),
        ("create", "connection", "crm/org/main"),
    }
    assert world.credentials.values == {"cred:crm/org/main": [{"token": "s3cret"}]}
    assert world.catalog.integrations["crm"].source == "openapi: 3.1.0"
    alice = next(p for p in world.policy.document.principals if p.subject == "alice")
    assert alice.key_proofs == (hashlib.sha256(b"exe_alice_0123456789abcdef").hexdigest(),)


async def test_an_export_is_a_document_without_secrets(
    world: Any, client: Any, admin: dict[str, str]
) -> None:
    await _applied(client, admin)
    answer = await client.get("/api/v1/config", headers=admin)
    assert answer.headers["content-type"].startswith("application/yaml")
    found = read([Source(answer.text)])
    assert found.tenant == "default"
    assert found.connections[0].credential == {"env": "CRM_KEY"}
    assert "s3cret" not in answer.text
    assert "cred:" not in answer.text


async def test_a_bare_document_is_planned(client: Any, admin: dict[str, str]) -> None:
    text = "apiVersion: executor/v1\npolicies:\n  - {name: a, match: {tool: '*'}, effect: block}\n"
    answer = await client.post(
        "/api/v1/config/plan", headers={**admin, "Content-Type": "application/yaml"}, content=text
    )
    assert answer.json() == {"changes": [{"action": "create", "noun": "policy", "key": "a", "fields": []}]}


async def test_every_error_of_a_document_is_told_with_its_line(client: Any, admin: dict[str, str]) -> None:
    lines = ["connections:", "  - {integration: erp, name: a}", "  - {integration: crm, name: b, auth: x}"]
    text = "\n".join(["apiVersion: executor/v1", *lines])
    answer = await client.post("/api/v1/config/plan", headers=admin, content=text)
    assert answer.status_code == 400
    assert answer.json()["details"]["errors"] == [
        "configuration.yaml:3: connections[0].integration: there is no integration 'erp'; known: crm",
        "configuration.yaml:4: connections[1].auth: the integration has no such method; accepted: api-key",
    ]


async def test_another_tenants_document_is_refused(client: Any, admin: dict[str, str]) -> None:
    answer = await client.post(
        "/api/v1/config/apply", headers=admin, content="apiVersion: executor/v1\ntenant: other\n"
    )
    assert (answer.status_code, answer.json()["details"]) == (403, {"field": "tenant"})


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"documents": []}', b'{"documents": [{"text": 1}]}'])
async def test_a_wrong_request_is_refused_by_field(client: Any, admin: dict[str, str], body: bytes) -> None:
    answer = await client.post(
        "/api/v1/config/apply", headers={**admin, "Content-Type": "application/json"}, content=body
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_an_unusable_description_keeps_its_code(world: Any, client: Any, admin: dict[str, str]) -> None:
    world.steps.fails["catalog dry"] = DescriptionInvalidError("integration x: /paths is missing.")
    body = {"slug": "x", "kind": "openapi", "openapi": {"spec": "./x.yaml"}, "source": "openapi: 3.1.0"}
    answer = await client.post("/api/v1/integrations", headers=admin, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "description_invalid")


async def test_an_unavailable_neighbour_is_told_with_when_to_ask_again(
    world: Any, client: Any, admin: dict[str, str]
) -> None:
    world.steps.fails["policy dry"] = UnavailableError("No service answers; nothing was done.")
    answer = await client.post("/api/v1/toolkits", headers=admin, json={"slug": "a", "tools": ["*"]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_connection_is_made_with_its_credential_sealed_at_once(
    world: Any, client: Any, admin: dict[str, str]
) -> None:
    body = {"integration": "crm", "name": "second", "values": {"token": "s3cret"}}
    answer = await client.post("/api/v1/connections", headers=admin, json=body)
    assert answer.status_code == 201, answer.text
    assert b"s3cret" not in world.credentials.stored[0].sealed
    assert world.credentials.values == {"cred:crm/org/second": [{"token": "s3cret"}]}
    assert world.catalog.connections["crm/org/second"].credential_text == {"env": "EXPORTED_CRM_SECOND"}


async def test_lists_show_what_the_caller_may_use(
    client: Any, admin: dict[str, str], agent: dict[str, str]
) -> None:
    mine = (await client.get("/api/v1/connections", headers=agent)).json()["items"]
    assert [c["id"] for c in mine] == ["conn_1"]
    assert "credential" not in mine[0]
    assert mine[0]["has_credential"] is True
    everyone = (await client.get("/api/v1/connections", headers=admin)).json()["items"]
    assert [c["id"] for c in everyone] == ["conn_1", "conn_2"]
    assert (await client.get("/api/v1/connections/conn_2", headers=agent)).status_code == 404
    slugs = (await client.get("/api/v1/integrations", headers=agent)).json()["items"]
    assert [i["slug"] for i in slugs] == ["crm"]
    assert (await client.get("/api/v1/integrations/theirs", headers=admin)).status_code == 404
    kits = (await client.get("/api/v1/toolkits", headers=agent)).json()["items"]
    assert kits == [{"slug": "support", "revision": 4, "tools": ["crm.*"], "surface": "native"}]


async def test_tools_come_in_pages(client: Any, agent: dict[str, str]) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        found = (await client.get("/api/v1/tools", headers=agent, params=query)).json()
        seen += [item["name"] for item in found["items"]]
        if (cursor := found["next"]) is None:
            break
    assert seen == ["crm_customers_get", "crm_customers_list", "crm_orders_list"]


async def test_a_cursor_that_is_none_is_refused(client: Any, agent: dict[str, str]) -> None:
    answer = await client.get("/api/v1/tools?cursor=x", headers=agent)
    assert (answer.status_code, answer.json()["details"]) == (400, {"field": "cursor"})


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("query=orders", ["crm_orders_list"]),
        ("query=LIST customers", ["crm_customers_list", "crm_customers_get", "crm_orders_list"]),
        ("query=crm_orders_list", ["crm_orders_list"]),
        ("query=tool_orders_list", []),
        ("query=paged&integration=none", []),
        ("connection=main&query=get", ["crm_customers_get"]),
    ],
)
async def test_a_search_finds_the_best_first(
    client: Any, agent: dict[str, str], query: str, names: list[str]
) -> None:
    found = (await client.get(f"/api/v1/tools?{query}", headers=agent)).json()["items"]
    assert [item["name"] for item in found] == names


async def test_a_tool_is_shown_with_its_definition(client: Any, agent: dict[str, str]) -> None:
    found = (await client.get("/api/v1/tools/tool_orders_list", headers=agent)).json()
    assert found["definition"] == {"title": "List customers", "description": "All customers, paged"}
    assert len(found["hash"]) == 64
    foreign = await client.get("/api/v1/tools/tool_x", headers=agent)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "tool_not_found")
    assert (await client.get("/api/v1/tools/tool_p", headers=agent)).status_code == 404


async def test_a_key_is_made_and_shown_once(world: Any, client: Any, admin: dict[str, str]) -> None:
    made = (await client.post("/api/v1/api-keys", headers=admin, json={"subject": "bot"})).json()
    bot = world.policy.document.principals[0]
    assert bot.key_proofs == (hashlib.sha256(made["key"].encode()).hexdigest(),)
    assert bot.groups == ("support",)
    listed = await client.get("/api/v1/principals", headers=admin)
    assert made["key"] not in listed.text
    assert bot.key_proofs[0] not in listed.text
    await client.delete("/api/v1/api-keys/bot", headers=admin)
    assert world.policy.document.principals[0].key_proofs == ()
    nobody = await client.post("/api/v1/api-keys", headers=admin, json={"subject": "eve"})
    assert nobody.status_code == 404


async def test_policies_are_written_one_by_one(world: Any, client: Any, admin: dict[str, str]) -> None:
    body = {"name": "new", "match": {"tool": "crm.*", "effect": "write"}, "effect": "require_approval"}
    assert (await client.post("/api/v1/policies", headers=admin, json=body)).status_code == 201
    assert [r.name for r in world.policy.document.policies] == ["old", "new"]
    assert (await client.delete("/api/v1/policies/old", headers=admin)).status_code == 200
    listed = (await client.get("/api/v1/policies", headers=admin)).json()["items"]
    assert [(r["name"], r["effects"], r["approvers"]["expires"]) for r in listed] == [
        ("new", ["write"], 900.0)
    ]
    assert (await client.delete("/api/v1/policies/old", headers=admin)).status_code == 404
    bad = await client.post("/api/v1/policies", headers=admin, json={**body, "match": {"tool": "crm.x*"}})
    assert "not a tool pattern" in bad.json()["detail"]


async def test_a_refresh_asks_through_every_connection(
    world: Any, client: Any, admin: dict[str, str]
) -> None:
    answer = await client.post("/api/v1/integrations/crm/refresh", headers=admin)
    assert [r.connection for r in world.catalog.refreshed] == ["conn_1", "conn_2"]
    assert world.catalog.refreshed[0].discovery == "grant:crm/org/main"
    assert answer.json()["items"][0]["added"] == ["crm_list"]


async def test_held_definitions_are_accepted_and_rejected(
    world: Any, client: Any, admin: dict[str, str]
) -> None:
    listed = (await client.get("/api/v1/definitions", headers=admin)).json()["items"]
    assert listed[0]["tool"] == "tool_h"
    await client.post("/api/v1/definitions/tool_h/accept", headers=admin)
    await client.post("/api/v1/definitions/tool_h/reject", headers=admin)
    assert [r.accept for r in world.catalog.resolved] == [True, False]


async def test_held_definitions_come_page_by_page(client: Any, admin: dict[str, str]) -> None:
    first = (await client.get("/api/v1/definitions", headers=admin)).json()
    following = await client.get(f"/api/v1/definitions?cursor={first['next']}", headers=admin)
    assert ([d["tool"] for d in following.json()["items"]], following.json()["next"]) == (["tool_i"], None)


async def test_an_approval_shows_exactly_what_will_run(client: Any, agent: dict[str, str]) -> None:
    found = (await client.get("/api/v1/approvals/apr_1", headers=agent)).json()
    assert found["arguments"] == {"count": 1, "name": "x"}
    assert found["arguments_text"] == '{"count":1,"name":"x"}'
    assert (await client.get("/api/v1/approvals/apr_9", headers=agent)).status_code == 404


async def test_a_decision_carries_the_proof_of_who_decides(
    world: Any, client: Any, agent: dict[str, str]
) -> None:
    body = {"decision": "approve", "reason": "looks right"}
    answer = await client.post("/api/v1/approvals/apr_1/decision", headers=agent, json=body)
    assert answer.json()["state"] == "approved"
    asked = world.records.asked[-1]
    assert (asked.decision, asked.reason) == ("approve", "looks right")
    assert asked.proof == hashlib.sha256(b"exe_agent").hexdigest()
    wrong = await client.post("/api/v1/approvals/apr_1/decision", headers=agent, json={"decision": "maybe"})
    assert wrong.status_code == 400


async def test_calls_are_listed_and_shown(world: Any, client: Any, agent: dict[str, str]) -> None:
    assert (await client.get("/api/v1/calls?limit=5&outcome=unknown", headers=agent)).json() == {
        "items": [],
        "next": None,
    }
    assert (world.records.asked[0].limit, world.records.asked[0].outcome) == (5, "unknown")
    assert (await client.get("/api/v1/calls?limit=0", headers=agent)).status_code == 400
    assert (await client.get("/api/v1/calls/call_1", headers=agent)).json()["state"] == "finished"


async def test_the_description_of_the_api_is_valid_and_complete(client: Any, admin: dict[str, str]) -> None:
    found = (await client.get("/api/v1/openapi.json", headers=admin)).json()
    assert "/api/v1/config/apply" in found["paths"]
    body = found["paths"]["/api/v1/config/apply"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/yaml", "application/json"}
    assert yaml.safe_dump(found)
