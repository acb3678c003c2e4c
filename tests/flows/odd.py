"""An upstream that misbehaves."""

import contextlib
import http.server
import threading
from collections.abc import Generator
from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Odd:
    """An upstream that misbehaves, by path."""

    url: str
    release: threading.Event


@contextlib.contextmanager
def misbehaving() -> Generator[Odd]:
    """It is slow at `/slow`, and elsewhere sends 50 MiB."""
    release = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/slow":
                release.wait(60)
                return
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):  # whoever asks stops at its bound
                for _ in range(50):
                    self.wfile.write(b"# padding\n" * (_MIB // 10))

        do_POST = do_GET  # noqa: N815 - the base class's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Odd(f"http://127.0.0.1:{server.server_address[1]}", release)
        release.set()
        server.shutdown()
        thread.join(10)
