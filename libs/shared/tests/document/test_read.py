import pytest

from executor_shared.document import DocumentError, Source, read

GOOD = """\
apiVersion: executor/v1
tenant: default
integrations:
  - slug: crm
    name: Customer records
    kind: openapi
    openapi:
      spec: ./crm.yaml
      server: https://crm.example.internal
    network: {allow: ["10.20.0.0/16:443"]}
    auth:
      - {name: api-key, type: api_key, in: header, key: X-Api-Key}
  - slug: everything
    kind: mcp
    mcp: {url: "http://127.0.0.1:3001/mcp"}
  - slug: graph
    kind: graphql
    graphql: {url: "https://graph.example.com/graphql", schema: ./graph.graphql}
connections:
  - {integration: crm, name: main, owner: org, auth: api-key, credential: {env: CRM_KEY}}
  - {integration: everything, name: main, owner: org}
policies:
  - name: deletes need the support leads
    match: {tool: crm.*.*.customers.delete, groups: [support], when: args.count > 10}
    effect: require_approval
    approvers: {groups: [support-leads], expires: 15m}
toolkits:
  - {slug: support, tools: ["crm.org.main.*"]}
principals:
  - {subject: alice, groups: [support], key: {file: ./alice.key}}
"""


def errors(text: str) -> list[str]:
    with pytest.raises(DocumentError) as refused:
        read([Source(text, "executor.yaml")])
    return [str(problem) for problem in refused.value.problems]


def document(*lines: str) -> str:
    return "\n".join(["apiVersion: executor/v1", *lines, ""])


def test_a_good_document_is_read_with_what_it_refers_to() -> None:
    found = read([Source(GOOD, "executor.yaml")])
    assert [i.slug for i in found.integrations] == ["crm", "everything", "graph"]
    assert [(r.kind, r.name, r.line, r.connection, r.principal) for r in found.references] == [
        ("text", "./crm.yaml", 7, None, None),
        ("text", "./graph.graphql", 18, None, None),
        ("env", "CRM_KEY", 20, "crm/org/main", None),
        ("file", "./alice.key", 30, None, "alice"),
    ]


def test_an_unknown_key_names_line_and_accepted_names() -> None:
    found = errors(document("integrations:", "  - slug: crm", "    kind: mcp", "    mpc: {url: 'http://a'}"))
    assert found[0].startswith(
        "executor.yaml:5: integrations[0].mpc: unknown key; did you mean 'mcp'? accepted: slug,"
    )


def test_every_error_of_every_document_is_told() -> None:
    broken = document("policies:", "  - name: a", "    match: {tool: 'crm.*'}", "    effect: alow")
    with pytest.raises(DocumentError) as refused:
        read(
            [
                Source(broken, "one.yaml"),
                Source("apiVersion: executor/v2\n", "two.yaml"),
                Source("[", "three.yaml"),
            ]
        )
    assert [(p.file, p.line) for p in refused.value.problems] == [
        ("one.yaml", 5),
        ("three.yaml", 2),
        ("two.yaml", 1),
    ]
    assert "expected 'allow', 'require_approval' or 'block'" in str(refused.value.problems[0])
    assert refused.value.details["errors"] == [str(p) for p in refused.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "executor.yaml:1: the document: the document is empty"),
        ("- a\n", "executor.yaml:1: the document: expected a mapping"),
        ("tenant: x\n", "executor.yaml:1: apiVersion: this key is required"),
        ("a: &x 1\nb: *x\n", "executor.yaml:1: the document: anchors and aliases"),
        ("a: !!python/object:os.system 1\n", "executor.yaml:1: the document: tags (!)"),
        (
            "apiVersion: executor/v1\napiVersion: executor/v1\n",
            "executor.yaml:2: apiVersion: this key stands here twice",
        ),
        ("a: 1\n---\nb: 2\n", "executor.yaml:2: the document: a second document begins"),
        ("a: [1,\nb: }\n", "executor.yaml:2: the document: not valid YAML"),
        ("? [a]\n: 1\n", "executor.yaml:1: the document: a key must be text"),
        ("a: \x07\n", "executor.yaml:1: the document: not valid YAML"),
        ("[" * 5000, "nested deeper than 32 levels"),
        ("- " * 5000 + "\n", "nested deeper than 32 levels"),
        ("#" * (1024 * 1024 + 1), "executor.yaml:1: the document: larger than 1024 KiB"),
        ("a: [" + "1," * 250_000 + "]", "more than 200000 values"),
    ],
)
def test_what_is_no_document_is_refused_in_words(text: str, expected: str) -> None:
    assert expected in errors(text)[0]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{slug: CRM, kind: mcp, mcp: {url: 'http://a'}}", "slug: expected lower-case letters"),
        (f"{{slug: {'a' * 33}, kind: mcp, mcp: {{url: 'http://a'}}}}", "slug: longer than 32"),
        ("{slug: crm, kind: openapi}", "[0]: kind openapi needs a block 'openapi:'"),
        ("{slug: crm, kind: mcp, mcp: {}}", "mcp: expected either 'url'"),
        ("{slug: crm, kind: mcp, mcp: {url: 'http://a', command: [x]}}", "mcp: expected either 'url'"),
        ("{slug: crm, kind: mcp, mcp: {command: []}}", "mcp.command: must not be empty"),
        ("{slug: crm, kind: mcp, mcp: {url: 5}}", "mcp.url: expected text; put a number"),
        ("{slug: crm, kind: mcp, mcp: {url: 'file:///etc'}}", "mcp.url: expected text of the form"),
        ("{slug: crm, kind: soap}", "kind: expected 'openapi', 'graphql' or 'mcp'"),
        (
            "{slug: crm, kind: mcp, mcp: {url: 'http://a'}, network: {allow: ['10.0.0.0']}}",
            "allow[0]: expected CIDR:port",
        ),
        (
            "{slug: crm, kind: mcp, mcp: {url: 'http://a'}, auth: [{name: k, type: api_key}]}",
            "an api_key needs 'in'",
        ),
        (
            "{slug: crm, kind: mcp, mcp: {url: 'http://a'}, auth: [{name: k, type: custom}]}",
            "needs at least one",
        ),
    ],
)
def test_an_integration_is_checked_field_by_field(line: str, expected: str) -> None:
    found = errors(document("integrations:", f"  - {line}"))
    assert expected in found[0]
    assert found[0].startswith("executor.yaml:3: integrations[0]")


def test_a_secret_written_in_the_clear_is_refused_and_not_repeated() -> None:
    for written in (
        "hunter2",
        "{token: hunter2}",
        "{env: [hunter2]}",
        "{env: 'hunter2 !'}",
        "{env: a, file: hunter2}",
    ):
        found = errors(
            document("connections:", f"  - {{integration: crm, name: main, credential: {written}}}")
        )
        assert "connections[0].credential: expected" in found[0] or "env: expected" in found[0]
        assert "hunter2" not in found[0]


@pytest.mark.parametrize("duration", ["15", "0m", "31d", "1w", "-5m", "10s"])
def test_a_duration_has_a_unit_and_a_bound(duration: str) -> None:
    lines = ["policies:", "  - name: a", "    match: {tool: '*'}", "    effect: require_approval"]
    assert "approvers.expires: " in errors(document(*lines, f"    approvers: {{expires: '{duration}'}}"))[0]


@pytest.mark.parametrize("pattern", ["crm.del*", "*.*", "crm..x", ""])
def test_a_pattern_outside_the_grammar_is_an_error(pattern: str) -> None:
    found = errors(document("toolkits:", f"  - {{slug: a, tools: ['{pattern}']}}"))
    assert "toolkits[0].tools[0]: not a tool pattern; accepted:" in found[0]


class _Known:
    def integration(self, slug: str) -> tuple[str, ...] | None:
        return ("api-key",) if slug == "crm" else None

    def toolkit(self, slug: str) -> bool:
        return slug == "there"

    def integrations(self) -> tuple[str, ...]:
        return ("crm",)

    def toolkits(self) -> tuple[str, ...]:
        return ("there",)


def test_what_stands_nowhere_is_dangling() -> None:
    text = document(
        "connections:",
        "  - {integration: crm, name: a, auth: api-key}",
        "  - {integration: crm, name: b, auth: oauth}",
        "  - {integration: erp, name: c}",
        "policies:",
        "  - {name: a, scope: 'toolkit:there', match: {tool: '*'}, effect: block}",
        "  - {name: b, scope: 'toolkit:gone', match: {tool: '*'}, effect: block}",
    )
    with pytest.raises(DocumentError) as refused:
        read([Source(text, "executor.yaml")], _Known())
    assert [str(p) for p in refused.value.problems] == [
        "executor.yaml:4: connections[1].auth: the integration has no such method; accepted: api-key",
        "executor.yaml:5: connections[2].integration: there is no integration 'erp'; known: crm",
        "executor.yaml:8: policies[1].scope: there is no toolkit 'gone'; known: there",
    ]


def test_the_same_thing_twice_is_an_error_across_files() -> None:
    text = document("toolkits:", "  - {slug: a, tools: ['*']}")
    with pytest.raises(DocumentError, match=r"two.yaml:3: toolkits\[0\].slug: the toolkit 'a' stands twice"):
        read([Source(text, "one.yaml"), Source(text, "two.yaml")])


def test_a_credential_gives_exactly_the_inputs_of_its_method() -> None:
    head = ["integrations:", "  - slug: crm", "    kind: mcp", "    mcp: {url: 'http://a'}"]
    head += ["    auth: [{name: b, type: basic}]", "connections:"]
    found = errors(document(*head, "  - {integration: crm, name: a, credential: {env: X}}"))
    assert "executor.yaml:8: connections[0].credential: b needs several inputs" in found[0]
    found = errors(document(*head, "  - {integration: crm, name: a, credential: {username: {env: X}}}"))
    assert "b needs exactly these inputs: username, password" in found[0]


def test_words_that_yaml_once_took_for_booleans_are_text() -> None:
    text = document("principals:", "  - {subject: no, groups: [on, 2024-01-01]}")
    assert read([Source(text)]).principals[0].groups == ["on", "2024-01-01"]
