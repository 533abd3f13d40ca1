"""A file that GitHub's API leads to: whole, cut in its middle, or given up where it never ends."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from app.core.line.turns import Unpaced
from tests.github_at_work import any_credential, hearing
from triggers.github.connection import GitHubConnection


@contextmanager
def connection(port: int, download_seconds: float = 60.0) -> Iterator[GitHubConnection]:
    made = GitHubConnection(api_url=f"http://127.0.0.1:{port}", ca_bundle=None, proxy=None, pace=Unpaced(), download_seconds=download_seconds)
    yield made
    made.close()


class Dribbling(http.server.BaseHTTPRequestHandler):
    """Sends a byte from time to time, for as long as anybody listens, and for ten minutes at most."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "100000000")
        self.end_headers()
        until = time.monotonic() + 600
        try:
            while time.monotonic() < until:
                self.wfile.write(b".")
                time.sleep(0.02)
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


def test_t67_a_log_that_comes_byte_by_byte_is_given_up_as_a_whole() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dribbling)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        # Each byte comes well within the time that one may take.
        with connection(int(server.server_address[1]), 0.3) as made, pytest.raises(requests.exceptions.ReadTimeout, match="did not come within"):
            made.download(any_credential(), "/logs", 1024)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_a_file_is_whole_or_has_its_beginning_and_its_end() -> None:
    with hearing("x" * 5000 + "y" * 5000) as heard, connection(heard.port) as made:
        assert len(made.download(any_credential(), "/logs", 100_000)) == 10_002
        cut = made.download(any_credential(), "/logs", 200)
    assert (cut[:3], cut[-3:]) == (b'"xx', b'yy"')
    assert b"bytes in the middle were left out" in cut
