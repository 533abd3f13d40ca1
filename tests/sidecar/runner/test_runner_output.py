"""R20, R21: whatever an agent prints, lines are clean, bounded, and the end is not lost."""

from __future__ import annotations

import resource
from typing import IO, cast

import pytest

from sidecar.runner.door import Door
from sidecar.runner.lines import LINE_LIMIT_BYTES, LineSplitter
from sidecar.runner.transcript import Transcript
from tests.sidecar.runner.scene import Scene


def split(*chunks: bytes, limit: int = LINE_LIMIT_BYTES) -> list[str]:
    splitter = LineSplitter(limit)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return lines + splitter.close()


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a", b"b\n", b"c"], ["ab", "c"]),
        ([b"\n\n"], ["", ""]),
        ([b"a\r\nb\r", b"\nc\r\r\n", b"d\r", b"\r\n"], ["a", "b", "c", "d"]),
        ([b"10%\r20%\r100%\ndone\n"], ["100%", "done"]),
        ([b"10%\r", b"20%", b"\r30%", b"\n"], ["30%"]),
        ([b"10%\r", b"20%\r"], ["20%"]),
        (["a\N{GRINNING FACE}b\n".encode()[:3], "a\N{GRINNING FACE}b\n".encode()[3:]], ["a\N{GRINNING FACE}b"]),
        ([b"x\xff\xfe\x80y\0z\n"], ["x\ufffd\ufffd\ufffdy\ufffdz"]),
        ([b"\xed\xa0\x80\n"], ["\ufffd\ufffd\ufffd"]),
        ([b"cut \xf0\x9f"], ["cut \ufffd"]),
    ],
)
def test_r21_bytes_become_clean_lines(chunks: list[bytes], lines: list[str]) -> None:
    assert split(*chunks) == lines


@pytest.mark.parametrize("unit", [b"x", "\N{GRINNING FACE}".encode(), b"\xff", b"\0", b"\x01"])
def test_a_line_over_the_limit_is_cut_with_a_marker(unit: bytes) -> None:
    lines = split(unit * 300, unit * 300, b"\nnext\n", limit=512)
    assert lines[1:] == ["next"]
    assert len(lines[0].encode()) <= 512
    assert lines[0].endswith("more bytes cut]")
    assert lines[0].partition(" [")[0].strip(unit.decode(errors="replace").replace("\0", "\ufffd")) == ""


def test_a_line_of_just_the_limit_is_whole() -> None:
    assert split(b"x" * 512 + b"\n", limit=512) == ["x" * 512]


def test_a_redrawn_line_may_be_long_if_its_last_drawing_is_short() -> None:
    assert split(b"x" * 5000, b"\rshort\n", limit=512) == ["short"]


def test_r20_a_100_mb_line_costs_no_memory_and_the_end_is_told(scene: Scene) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    scene.shell("head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last words; exit 3")
    end = scene.run()
    first, last = scene.door.texts("stdout")
    assert (end["reason"], end["exit_code"], last) == ("exited", 3, "last words")
    assert len(first.encode()) <= LINE_LIMIT_BYTES
    assert "cut]" in first
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 64 * 1024)


def test_r20_past_the_cap_only_the_last_lines_are_kept(scene: Scene) -> None:
    scene.door.claimed = False
    door = Door(str(scene.door.socket))
    door.hello()
    lost: list[str] = []
    transcript = Transcript(door, 5.0, lost.append, limit_lines=10)
    transcript.start()
    printed = scene.path / "printed"
    printed.write_bytes(b"".join(b"%d\n" % number for number in range(2000)))
    with printed.open("rb") as pipe:
        transcript.follow("stdout", pipe)
        assert transcript.read_out(10)
    assert transcript.close(10)
    kept = scene.door.texts("stdout")
    assert kept == [str(number) for number in [*range(10), *range(1500, 2000)]]
    assert any("1490 lines left out" in text for text in scene.door.texts("runner"))
    assert (lost, scene.door.wrongs) == ([], [])


def test_a_full_queue_holds_the_reader_back(scene: Scene) -> None:
    """Backpressure: while the door is away no more is read than the queue takes."""
    door = Door(str(scene.door.socket))
    door.hello()
    scene.door.stop()
    transcript = Transcript(door, 30.0, lambda _: None)
    transcript.start()

    class Endless:
        read_bytes = 0

        def read(self, size: int) -> bytes:
            if self.read_bytes >= 4_000_000:
                return b""
            self.read_bytes += size
            return (b"x" * 1023 + b"\n") * (size // 1024)

    pipe = Endless()
    transcript.follow("stdout", cast("IO[bytes]", pipe))
    assert not transcript.read_out(0.5)
    assert pipe.read_bytes < 2_500_000
    assert transcript.quiet_seconds() == 0.0
    scene.door.start()
    assert transcript.read_out(20)
    assert transcript.close(20)
    assert len(scene.door.texts("stdout")) >= 3900

