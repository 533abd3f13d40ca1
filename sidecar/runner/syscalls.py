"""A system-call filter for everything in the sandbox, put in force by PID 1 before the agent's first instruction.

Not every sandbox comes with one (bubblewrap has none, an older engine's default lets io_uring and vsock through). What is
refused here no build or test needs: new user namespaces and mounts, keyrings (they belong to a uid, so one run could
leave words there for the next), the kernel's log, tracing and loading code into it, and every kind of socket that is
not confined to the sandbox's own network: a vsock reaches the host under a virtual machine.

https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html, https://man7.org/linux/man-pages/man2/seccomp.2.html
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_PR_SET_SECCOMP, _FILTER_MODE = 22, 2
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: all of the sandbox's own network namespace

# Offsets in struct seccomp_data; of an argument its lower half, as both machines are little-endian.
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16
# Opcodes of classic BPF: load a word, jump if equal / at least / any bit set, return.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000

# By machine: its AUDIT_ARCH number, then clone, clone3, unshare, socket, and the numbers that are always refused.
_MACHINES: dict[str, tuple[int, int, int, int, int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, 56, 435, 272, 41, (
        103,                                              # syslog
        155, 165, 166, 428, 429, 430, 431, 432, 433, 442,  # pivot_root, mount, umount2 and the newer mount calls
        163, 164, 167, 168, 169, 179, 227, 443,           # acct, settimeofday, swap, reboot, quota, clock_settime
        175, 176, 246, 313, 320,                          # kernel modules, kexec
        248, 249, 250,                                    # add_key, request_key, keyctl
        298, 304, 308, 321, 323,                          # perf_event_open, open_by_handle_at, setns, bpf, userfaultfd
        425, 426, 427,                                    # io_uring
    )),
    "aarch64": (0xC00000B7, 220, 435, 97, 198, (
        116, 41, 40, 39, 428, 429, 430, 431, 432, 433, 442, 89, 170, 224, 225, 142, 60, 112, 443, 105, 106, 104, 273, 294,
        217, 218, 219, 241, 265, 268, 280, 282, 425, 426, 427,
    )),
}
# On x86_64 the x32 calls are the same ones under other numbers.
_X32 = 0x40000000


def confine() -> None:
    """Put the filter in force for this process and all that it will start; it cannot be taken off. Raises OSError."""
    program = filter_program(os.uname().machine)
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count, padding, a pointer.
    descriptor = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    for option, first, second in ((_PR_SET_NO_NEW_PRIVS, 1, None), (_PR_SET_SECCOMP, _FILTER_MODE, descriptor)):
        if libc.prctl(option, first, second, 0, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"the system-call filter is not in force: {os.strerror(number)}")


def filter_program(machine: str) -> bytes:
    """Return the BPF program for a machine. Raises OSError for one whose numbers are not known here."""
    if machine not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no system-call filter is known for {machine}")
    architecture, clone, clone3, unshare, socket, refused = _MACHINES[machine]
    code = [
        _step(_LOAD, _MACHINE),
        # Another machine's calls (a 32-bit program's) have other numbers: none of them.
        _step(_EQUAL, architecture, 1, 0), _fail(errno.ENOSYS),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32, 0, 1), _fail(errno.ENOSYS),
        # The C library falls back to clone, whose flags can be looked at.
        _step(_EQUAL, clone3, 0, 1), _fail(errno.ENOSYS),
    ]
    for number in refused:
        code += [_step(_EQUAL, number, 0, 1), _fail(errno.EPERM)]
    for number in (clone, unshare):
        code += [
            _step(_EQUAL, number, 0, 4), _step(_LOAD, _FIRST_ARGUMENT),
            _step(_ANY_BIT, _CLONE_NEWUSER, 0, 1), _fail(errno.EPERM), _step(_RETURN, _ALLOW),
        ]
    families = [_step(_EQUAL, family, len(_FAMILIES) - place, 0) for place, family in enumerate(_FAMILIES)]
    code += [
        _step(_EQUAL, socket, 0, len(families) + 2), _step(_LOAD, _FIRST_ARGUMENT), *families,
        _fail(errno.EAFNOSUPPORT), _step(_RETURN, _ALLOW),
    ]
    return b"".join(code)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _fail(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)
