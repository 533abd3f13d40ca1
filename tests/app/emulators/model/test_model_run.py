"""`bellhop emulate model` as a process, and the socket it listens on."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.emulators.model import ANTHROPIC_KEY, OPENAI_KEY, Record, RecordedExchange
from app.emulators.model.run import run_model
from app.errors import ConfigurationError
from app.serving import listen
from tests.app.emulators.model.model_kit import OPENAI_HEADERS, body, headers, said_in

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("mode", ["script", "replay"])
def test_the_command_serves_until_it_is_interrupted(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "file"
    if mode == "script":
        file.write_text("turns: [{text: hello}]")
    else:
        answer = '{"choices":[{"message":{"content":"hello"}}]}'
        Record(exchanges=(RecordedExchange(
            api="openai", path="/v1/chat/completions", request=body("chat", "go"), status=200,
            content_type="application/json", response=answer,
        ),)).save(file)
    argv = [sys.executable, "-u", "-m", "app.cli", "emulate", "model", "--port", "0", f"--{mode}", str(file)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            address = re.search(r"http://127\.0\.0\.1:\d+", said)
            assert address, said + process.communicate(timeout=10)[1]
            keys = process.stdout.readline()
            assert ANTHROPIC_KEY in keys
            assert OPENAI_KEY in keys
            url = address[0] + "/v1/chat/completions"
            assert said_in("chat", httpx.post(url, json=body("chat", "go"), headers=headers("chat"))) == "hello"
            assert httpx.post(url, json=body("chat", "no", "a", "b"), headers=OPENAI_HEADERS).status_code in (409, 500)
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=10)
            assert "not answered: " in rest
            assert (process.returncode, errors) == (0, "")
        finally:
            process.kill()


def test_one_file_is_needed_and_not_two(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="either"):
        run_model(port=0)
    with pytest.raises(ConfigurationError, match="either"):
        run_model(port=0, script=tmp_path, replay=tmp_path)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("turns: [{text: hello}]")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"{port}: give another --port"):
            run_model(port=port, script=script)


def test_connections_do_not_wait_for_delayed_acknowledgements() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), timeout=5):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
