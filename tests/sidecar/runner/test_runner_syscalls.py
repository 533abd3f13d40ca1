"""T43, T51, T62: what the kernel does not do for anything that an agent starts, whatever the sandbox's own filter."""

from __future__ import annotations

import errno
import json
import platform
import re
import struct
import sys
from pathlib import Path

import pytest

from sidecar.runner.syscalls import filter_program
from tests.sidecar.runner.scene import Scene

PROBE = """
import ctypes, errno, json, os, socket, subprocess
libc = ctypes.CDLL(None, use_errno=True)
CALLS = json.loads(os.environ["CALLS"])
def call(number, *arguments):
    ctypes.set_errno(0)
    libc.syscall(number, *arguments)
    return ctypes.get_errno()
found = {name: call(*numbers) for name, numbers in CALLS.items()}
for name, family, kind in (("vsock", 40, 1), ("alg", 38, 5), ("packet", 17, 3), ("bluetooth", 31, 3), ("inet", 2, 1),
                           ("inet6", 10, 1), ("unix", 1, 1), ("netlink", 16, 3)):
    try:
        socket.socket(family, kind).close()
        found[name] = 0
    except OSError as error:
        found[name] = error.errno
found["thread"] = 0
import threading
thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
found["child"] = subprocess.run(["true"]).returncode
found["nested"] = subprocess.run(["sh", "-c", "sh -c true"]).returncode
with open("/proc/self/status") as status:
    found["filters"] = int(next(line.split()[1] for line in status if line.startswith("Seccomp_filters")))
print(json.dumps(found))
"""
# unshare, keyctl (join a session keyring), keyctl (the user's persistent keyring), add_key, io_uring_setup, bpf,
# perf_event_open, syslog, clone3, mount, and unshare of files, which needs no privilege and stays allowed.
X86 = {
    "user_namespace": [272, 0x10000000], "mixed_namespace": [272, 0x10000000 | 0x400], "keyring": [250, 0, 0],
    "persistent_keyring": [250, 22, -1, -2], "add_key": [248, 0, 0, 0, 0, 0], "io_uring": [425, 1, 0], "bpf": [321, 0, 0, 0],
    "perf": [298, 0, 0, -1, -1, 0], "kernel_log": [103, 3, 0, 0], "clone3": [435, 0, 0], "mount": [165, 0, 0, 0, 0, 0],
    "clone_user": [56, 0x10000000 | 17, 0, 0, 0, 0], "unshare_files": [272, 0x400],
}
REFUSED = dict.fromkeys(X86, errno.EPERM) | {"clone3": errno.ENOSYS, "unshare_files": 0}
SOCKETS = {"inet": 0, "inet6": 0, "unix": 0, "netlink": 0} | dict.fromkeys(("vsock", "alg", "packet", "bluetooth"), errno.EAFNOSUPPORT)
on_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the probe's numbers are x86_64's")


def filters_here() -> int:
    found = re.search(r"^Seccomp_filters:\s*([0-9]+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found.group(1)) if found else 0


@on_x86
def test_the_agent_gets_neither_namespaces_nor_keyrings_nor_foreign_sockets(scene: Scene) -> None:
    scene.assign(sys.executable, "-I", "-c", PROBE, env={"CALLS": json.dumps(X86)})
    scene.run()
    assert scene.door.texts("stdout"), (scene.door.lines, scene.door.end, scene.stderr)
    found = json.loads(scene.door.texts("stdout")[-1])
    assert {name: found[name] for name in REFUSED} == REFUSED
    assert {name: found[name] for name in SOCKETS} == SOCKETS
    assert (found["thread"], found["child"], found["nested"]) == (0, 0, 0)
    assert found["filters"] == filters_here() + 1


@on_x86
def test_without_a_filter_nothing_is_started_and_why_is_told(scene: Scene) -> None:
    """`setarch` makes the kernel call itself an i686, whose numbers are not known here."""
    scene.shell(f"touch {scene.home}/begun")
    end = scene.ended(scene.begin(under=("setarch", "i686")))
    assert (end["reason"], "no system-call filter is known for i686" in end["text"]) == ("refused", True)
    assert not (scene.home / "begun").exists()


class Kernel:
    """Classic BPF as the kernel runs it, for programs of the opcodes in use."""

    def __init__(self, program: bytes) -> None:
        self.code: list[tuple[int, int, int, int]] = list(struct.iter_unpack("=HBBI", program))

    def ask(self, machine: int, number: int, first: int = 0) -> int:
        data = struct.pack("<iIQ6Q", number, machine, 0, first, 0, 0, 0, 0, 0)
        at = word = 0
        while True:
            opcode, if_true, if_false, value = self.code[at]
            at += 1
            if opcode == 0x06:
                return value
            if opcode == 0x20:
                word = int.from_bytes(data[value:value + 4], "little")
                continue
            true = {0x15: word == value, 0x35: word >= value, 0x45: bool(word & value)}[opcode]
            at += if_true if true else if_false


ALLOW = 0x7FFF0000


@pytest.mark.parametrize(("machine", "architecture", "numbers"), [
    ("x86_64", 0xC000003E, {"read": 0, "clone": 56, "unshare": 272, "socket": 41, "keyctl": 250, "execve": 59, "clone3": 435}),
    ("aarch64", 0xC00000B7, {"read": 63, "clone": 220, "unshare": 97, "socket": 198, "keyctl": 219, "execve": 221, "clone3": 435}),
])
def test_the_program_says_the_same_on_both_machines(machine: str, architecture: int, numbers: dict[str, int]) -> None:
    kernel = Kernel(filter_program(machine))

    def ask(name: str, first: int = 0) -> int:
        return kernel.ask(architecture, numbers[name], first)

    assert (ask("read"), ask("execve"), ask("clone", 17), ask("unshare", 0x400)) == (ALLOW,) * 4
    assert ask("clone", 0x10000011) == ask("unshare", 0x10000000) == ask("keyctl") == 0x50000 | errno.EPERM
    assert ask("clone3") == 0x50000 | errno.ENOSYS
    assert [ask("socket", family) == ALLOW for family in (1, 2, 10, 16)] == [True] * 4
    assert {ask("socket", family) for family in (0, 3, 17, 31, 38, 40, 44)} == {0x50000 | errno.EAFNOSUPPORT}
    assert kernel.ask(0x40000003, numbers["read"]) == 0x50000 | errno.ENOSYS, "a 32-bit program's calls"


def test_x32_numbers_are_no_way_around() -> None:
    assert Kernel(filter_program("x86_64")).ask(0xC000003E, 0x40000000 | 250) == 0x50000 | errno.ENOSYS


def test_an_unknown_machine_is_refused_not_left_open() -> None:
    with pytest.raises(OSError, match="no system-call filter"):
        filter_program("riscv64")
