"""Run with `make demo`: exit status 0 when everything was as it should be, and nothing left running."""

import asyncio
import json
import os
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from examples.demo.agent import Agent, connected
from examples.demo.stage import Stage
from examples.demo.story import Story, check
from executor_cli.client import Server, open_api
from executor_cli.commands.documents import apply_files


def main() -> None:
    """The whole story."""
    story = Story()
    with tempfile.TemporaryDirectory(prefix="executor-demo-") as folder, ExitStack() as stack:
        stage = Stage(Path(folder))
        with story.step("Executor starts on its embedded defaults"):
            for line in stack.enter_context(stage.executor()):
                story.say(line)
        with story.step("Three upstreams start"):
            crm = stack.enter_context(
                stage.upstream("examples.crm.server", "--key", stage.secrets["CRM_KEY"])
            )
            graph = stack.enter_context(
                stage.upstream("examples.graph.server", "--token", stage.secrets["PROJECTS_TOKEN"])
            )
            story.say(f"a REST API at {crm}, which checks an API key")
            story.say(f"a GraphQL API at {graph}, which checks a bearer token")
            story.say("mcp-server-git from PyPI, which Executor will start itself, over stdio")
        document = stage.document(crm, graph)
        asyncio.run(_tell(story, stage, document))
    story.end()


async def _tell(story: Story, stage: Stage, document: Path) -> None:
    await _configure(story, stage, document)
    async with connected(stage.executor_url, stage.secrets["ALICE_KEY"]) as agent:
        with story.step("An MCP client connects to the one endpoint and lists one catalog"):
            tools = await agent.tools()
            story.say(f"Alice's agent speaks MCP {agent.protocol} and sees {len(tools)} tools:")
            story.say(", ".join(tools), dim=True)
            check("crm__customers_delete" not in tools, "a blocked tool is in the list")
        await _read(story, stage, agent)
        await _write(story, stage, agent)
        await _blocked(story, stage, agent)
    await _record(story, stage)


async def _configure(story: Story, stage: Stage, document: Path) -> None:
    with story.step("They are added, with credentials and policies: executor apply -f executor.yaml"):
        os.environ.update(stage.secrets)  # the document names them: {env: CRM_KEY}
        applied = await apply_files(Server(stage.executor_url, stage.admin_token), [document])
        for change in applied["changes"]:
            story.say(f"+ {change['noun']} {change['key']}")
        story.say(
            "Keys and tokens were read from the environment, sealed to the vault-broker before they left this process, "
            "and are kept encrypted.",
            dim=True,
        )


async def _read(story: Story, stage: Stage, agent: Agent) -> None:
    with story.step("It calls one tool of each kind; Executor attaches the credential of each"):
        log = await agent.call("git__git_log", repo_path=str(stage.repository()), max_count=2)
        story.say("git__git_log (MCP over stdio)")
        story.show(log.text)
        customers = await agent.call("crm__customers_list", city="London")
        story.say("crm__customers_list (REST, X-Api-Key)")
        story.show(customers.text)
        projects = await agent.call("projects__query_tasks")
        story.say("projects__query_tasks (GraphQL, bearer token)")
        story.show(projects.text)
        for answer in (log, customers, projects):
            check(answer.outcome == "ok", f"a call that reads ended as {answer.outcome}: {answer.text}")
        headers = await agent.call("crm__echo_headers")
        key = stage.secrets["CRM_KEY"]
        check(
            "[redacted]" in headers.text and key not in headers.text, "the credential came back to the agent"
        )
        story.say("crm__echo_headers, an API that repeats the key that it was sent: the agent sees")
        story.show(f"x-api-key: {json.loads(headers.text)['x-api-key']}")


async def _write(story: Story, stage: Stage, agent: Agent) -> None:
    with story.step("A call that writes stops for approval"):
        asked = await agent.call(
            "crm__customers_create", body={"name": "Katherine Johnson", "city": "Hampton"}
        )
        check(asked.outcome == "approval_required", f"a write ended as {asked.outcome}: {asked.text}")
        story.show(asked.text, limit=600)
        check(await _created(stage) == 0, "something was written before it was approved")
    approval = str(asked.facts["approval"]["id"])
    with story.step("Bob, who is a lead, looks at exactly what would run, and approves it"):
        async with open_api(Server(stage.executor_url, stage.secrets["BOB_KEY"])) as api:
            shown = await api.get(f"approvals/{approval}")
            story.say(f"{shown['requester']} wants {shown['tool']} with")
            story.show(shown["arguments"])
            await api.post(f"approvals/{approval}/decision", {"decision": "approve", "reason": "Welcome!"})
    with story.step("The agent calls again: it runs, once"):
        body = {"name": "Katherine Johnson", "city": "Hampton"}
        done = await agent.call("crm__customers_create", body=body)
        check(done.outcome == "ok", f"the approved call ended as {done.outcome}: {done.text}")
        story.show(done.text)
        again = await agent.call("crm__customers_create", body=body)
        check(again.outcome == "approval_required", "one approval ran twice")
        story.say("… and a third time: that needs a new approval.")
        created = await _created(stage)
        check(created == 1, f"the API saw {created} writes")
        story.say("The REST API's own journal shows exactly one POST.")


async def _blocked(story: Story, stage: Stage, agent: Agent) -> None:
    with story.step("A blocked tool refuses"):
        refused = await agent.call("crm__customers_delete", id="c1")
        check(refused.outcome == "blocked", f"a blocked call ended as {refused.outcome}: {refused.text}")
        story.show(refused.text)
        check(not [e for e in await _journal(stage) if e["method"] == "DELETE"], "a blocked call was sent")


async def _record(story: Story, stage: Stage) -> None:
    with story.step("The record of each call"):
        async with open_api(Server(stage.executor_url, stage.admin_token)) as api:
            calls: list[dict[str, Any]] = (await api.get("calls", limit=50))["items"]
        for call in reversed(calls):
            ended = call.get("outcome") or call["state"]
            story.say(f"{ended:<18} {call['tool']:<30} {call['id']}")
        check(calls, "there is no record")


async def _journal(stage: Stage) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        f"{stage.crm_url}/journal", headers={"X-Api-Key": stage.secrets["CRM_KEY"]}
    )

    def read() -> list[dict[str, Any]]:
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    return await asyncio.to_thread(read)


async def _created(stage: Stage) -> int:
    return sum(entry["method"] == "POST" for entry in await _journal(stage))


if __name__ == "__main__":
    main()
