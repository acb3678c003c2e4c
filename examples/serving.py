"""Serving an example on a port, announced in one line of JSON when it is ready."""

import argparse
import json
import socket

import uvicorn
from starlette.types import ASGIApp


def arguments(description: str) -> argparse.ArgumentParser:
    """The options that every example has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    return parser


def serve(app: ASGIApp, host: str, port: int, path: str = "") -> None:
    """Serve until a signal; prints `{"url": …}` once the port accepts connections."""
    with socket.create_server((host, port), backlog=256) as listening:
        url = f"http://{host}:{listening.getsockname()[1]}{path}"
        print(json.dumps({"url": url}), flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on")
        uvicorn.Server(config).run(sockets=[listening])
