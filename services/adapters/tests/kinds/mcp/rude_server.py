"""A stdio server of a test's choice: dies on what it does not know, floods, talks on stderr."""

import json
import os
import sys


def line_out(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(request: dict[str, object], **body: object) -> None:
    line_out(json.dumps({"jsonrpc": "2.0", "id": request.get("id"), **body}))


def main(mode: str) -> None:
    line_out("a stray line that is no JSON")
    sys.stderr.write(f"token is {os.environ.get('TOKEN')}\n")
    for line in sys.stdin:
        request = json.loads(line)
        method = request.get("method")
        if method == "initialize":
            say(
                request,
                result={"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {"name": mode}},
            )
        elif method == "server/discover" and mode == "dies":
            sys.exit(3)
        elif method == "server/discover" and mode == "silent":
            continue
        elif method == "server/discover":
            say(request, error={"code": -32602, "message": "Invalid request parameters"})
        elif method == "tools/list":
            say(request, result={"tools": [{"name": "run", "inputSchema": {"type": "object"}}]})
        elif method == "tools/call" and mode == "floods":
            line_out("x" * (17 * 1024 * 1024))
        elif method == "tools/call" and mode == "asks":
            line_out(json.dumps({"jsonrpc": "2.0", "id": "q", "method": "roots/list"}))
            answer = json.loads(sys.stdin.readline())
            say(request, result={"content": [{"type": "text", "text": json.dumps(answer)}]})
        elif method == "tools/call":
            say(request, result={"content": [{"type": "text", "text": "done"}]})


main(sys.argv[1])
