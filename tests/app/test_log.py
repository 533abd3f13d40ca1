"""The log: one JSON object per line on standard error, no secret in it, libraries quiet."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from app.log import configure_logging

TOKEN = "ghs_" + "a1B2" * 130


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    said = capsys.readouterr()
    assert said.out == ""
    return [json.loads(line) for line in said.err.splitlines()]


def test_an_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    structlog.get_logger().info("run_done", run_id="abc", text='two\nlines {"level":"error"}', path=object)
    structlog.get_logger().debug("not_said")
    [line] = lines(capsys)
    assert (line["event"], line["level"], line["run_id"]) == ("run_done", "info", "abc")
    assert line["text"] == 'two\nlines {"level":"error"}'
    assert str(line["timestamp"]).endswith("Z")


def test_t63_no_known_shape_of_a_secret_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for readable in (False, True):
        configure_logging("INFO", readable=readable)
        try:
            raise ValueError(f"token {TOKEN}")
        except ValueError:
            structlog.get_logger().exception("step_crashed", why=f"it said {TOKEN}")
        logging.getLogger("some.library").error("Authorization: %s", TOKEN)
        said = capsys.readouterr().err
        assert "step_crashed" in said
        assert "a1B2a1B2" not in said


def test_t70_a_field_cannot_begin_a_line_or_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for readable in (False, True):
        configure_logging("INFO", readable=readable)
        structlog.get_logger().info("refused", source='x\n{"event": "forged"}\x1b]52;c;ZQ==\x07\r\u202e')
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1
        assert not [c for c in said if not c.isprintable() and c != "\n"]


def test_libraries_are_quiet_and_speak_json_when_they_must(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    for name in ("httpx", "celery.worker", "uvicorn.error", "kombu", "docker", "some.library"):
        logging.getLogger(name).info("a whole request")
        logging.getLogger(name).warning("something is %s", "wrong")
    found = lines(capsys)
    assert [line["logger"] for line in found] == ["httpx", "celery.worker", "uvicorn.error", "kombu", "docker", "some.library"]
    assert {(line["event"], line["message"], line["level"]) for line in found} == {("library", "something is wrong", "warning")}


def test_an_unknown_level_is_info_and_setting_it_up_twice_doubles_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    configure_logging("loud")
    structlog.get_logger().info("once")
    logging.getLogger("some.library").warning("once")
    assert len(lines(capsys)) == 2
