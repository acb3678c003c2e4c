"""The official SDK's client, in both eras."""

from typing import TYPE_CHECKING

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

if TYPE_CHECKING:
    from conftest import Gateway, House


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_sdk_client_lists_and_calls(
    house: "House", gateway: "Gateway", mode: str, version: str
) -> None:
    headers = {"authorization": "Bearer alice-key"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
        transport = streamable_http_client(f"{gateway.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:  # pyright: ignore[reportArgumentType] - a literal
            assert client.protocol_version == version
            assert client.server_info
            assert client.server_info.name == "executor"
            listed = await client.list_tools()
            assert [tool.name for tool in listed.tools] == ["crm__read", "crm__write"]
            result = await client.call_tool("crm__read", {"n": 3})
            assert result.structured_content == {"got": {"n": 3}}
            assert result.meta
            assert result.meta["executor/call"]["outcome"] == "ok"
            wrong = await client.call_tool("crm__read", {"n": "three"})
            assert wrong.is_error
            with pytest.raises(MCPError, match="Unknown tool"):
                await client.call_tool("crm__nothing", {})
    assert house.world.decided[0].client == "mcp"
