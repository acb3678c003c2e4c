import base64
import hashlib
import re
from typing import Any

import pytest


@pytest.mark.parametrize("path", ["/", "/approvals/apr_1"])
async def test_a_page_runs_only_its_own_script_and_cannot_be_framed(client: Any, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        texts = re.findall(rf"<{kind}>(.*?)</{kind}>", answer.text, re.DOTALL)
        assert len(texts) == 1
        digest = base64.b64encode(hashlib.sha256(texts[0].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/approvals/apr_1"])
async def test_a_page_has_no_inline_handlers_and_loads_nothing(client: Any, path: str) -> None:
    text = (await client.get(path)).text
    assert not re.search(r"<[^>]+\son[a-z]+=", text)
    assert not re.search(r"<[^>]+\sstyle=", text)
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert "innerHTML" not in text


async def test_a_page_says_nothing_of_the_approval(client: Any) -> None:
    assert (await client.get("/approvals/apr_1")).text == (await client.get("/approvals/apr_9")).text
