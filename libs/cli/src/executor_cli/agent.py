"""The principal that agents of this machine act as: not an administrator, so it cannot approve its own calls."""

import hashlib

from executor_cli.client import Server, open_api
from executor_cli.local.home import Home

AGENT = "agent"
_DOCUMENT = f"""apiVersion: executor/v1
principals:
  - {{subject: {AGENT}}}
"""


async def introduce_agent(home: Home, url: str) -> None:
    """Create the principal on the first start; later it is whatever the configuration says it is."""
    if home.agent_token_file.exists():
        return
    proof = hashlib.sha256(home.agent_token().encode()).hexdigest()
    documents = [{"file": "agent.yaml", "text": _DOCUMENT}]
    try:
        async with open_api(Server(url, home.admin_token())) as api:
            await api.post("config/apply", {"documents": documents, "keys": {AGENT: proof}})
    except BaseException:
        home.agent_token_file.unlink(missing_ok=True)
        raise
