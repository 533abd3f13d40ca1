"""The images of the tests, made here where they are missing: no registry is asked.

    python -m tests.environment.images      makes all of them on DOCKER_HOST

`bellhop-test/debian:bookworm` is debootstrap's minbase (kept as a tar in the user's cache), `bellhop-test/busybox:static`
has no C library, `bellhop-test/empty:0` has nothing at all, `bellhop-test/musl:0` is the busybox one with Debian's `musl` package.
"""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import docker
import docker.errors

DEBIAN = "bellhop-test/debian:bookworm"
BUSYBOX = "bellhop-test/busybox:static"
EMPTY = "bellhop-test/empty:0"
MUSL = "bellhop-test/musl:0"
NAMES = (DEBIAN, BUSYBOX, EMPTY, MUSL)
APPLETS = ("sh", "cat", "env", "id", "ls", "mkdir", "sleep", "touch")
DEBOOTSTRAP_SECONDS = 900
DOWNLOAD_SECONDS = 120


def ensure(client: docker.APIClient, name: str) -> None:
    """Make the image unless it is there. Raises RuntimeError with what is missing on this host."""
    try:
        client.inspect_image(name)  # type: ignore[no-untyped-call]
    except docker.errors.ImageNotFound:
        data = _debian() if name == DEBIAN else _tar(_members(name))
        repository, _, tag = name.partition(":")
        client.import_image_from_data(data, repository=repository, tag=tag)


def static_busybox() -> Path:
    """Return the host's static busybox. Raises RuntimeError when there is none."""
    found = shutil.which("busybox", path="/bin:/usr/bin:/usr/local/bin")
    if found is None:
        raise RuntimeError("no busybox: run `apt-get install busybox-static`")
    if _has_interpreter(Path(found).read_bytes()):
        raise RuntimeError(f"{found} is not static: run `apt-get install busybox-static`")
    return Path(found)


def _has_interpreter(elf: bytes) -> bool:
    """Return whether a 64-bit ELF program asks for a dynamic loader (PT_INTERP): https://man7.org/linux/man-pages/man5/elf.5.html"""
    (offset,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    return any(struct.unpack_from("<I", elf, offset + number * size)[0] == 3 for number in range(count))


def _debian() -> bytes:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bellhop" / "debian-bookworm.tar"
    if not cache.is_file():
        if shutil.which("debootstrap") is None or os.geteuid() != 0:
            raise RuntimeError("the Debian image needs root and debootstrap: run `apt-get install debootstrap`")
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="bellhop-debootstrap-") as directory:
            root = Path(directory) / "root"
            subprocess.run(
                ["debootstrap", "--variant=minbase", "bookworm", str(root)], check=True, capture_output=True,
                timeout=DEBOOTSTRAP_SECONDS,
            )
            shutil.rmtree(root / "var" / "cache" / "apt" / "archives", ignore_errors=True)
            partial = cache.with_suffix(".partial")
            subprocess.run(
                ["tar", "--numeric-owner", "--one-file-system", "-C", str(root), "-cf", str(partial), "."], check=True,
                timeout=120,
            )
            partial.rename(cache)
    return cache.read_bytes()


def _busybox_members() -> list[tuple[tarfile.TarInfo, bytes]]:
    program = static_busybox().read_bytes()
    directory = tarfile.TarInfo("bin")
    directory.type, directory.mode = tarfile.DIRTYPE, 0o755
    busybox = tarfile.TarInfo("bin/busybox")
    busybox.mode, busybox.size = 0o755, len(program)
    members = [(directory, b""), (busybox, program)]
    for applet in APPLETS:
        link = tarfile.TarInfo(f"bin/{applet}")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        members.append((link, b""))
    return members


def _members(name: str) -> list[tuple[tarfile.TarInfo, bytes]]:
    if name == MUSL:
        return _busybox_members() + _musl_members()
    return _busybox_members() if name == BUSYBOX else []


def _musl_members() -> list[tuple[tarfile.TarInfo, bytes]]:
    """musl's one library and loader, and the link by which programs ask for it."""
    with tempfile.TemporaryDirectory(prefix="bellhop-musl-") as directory:
        try:
            subprocess.run(
                ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "musl"], cwd=directory, check=True, capture_output=True,
                timeout=DOWNLOAD_SECONDS,
            )
            (package,) = Path(directory).glob("musl_*.deb")
            data = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True, timeout=60).stdout
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise RuntimeError(f"the musl image needs Debian's package `musl`: run `apt-get update` ({error})") from error
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = [info for info in archive if info.name.startswith("./lib/") and not info.isdir()]
        return [(info, stream.read() if (stream := archive.extractfile(info)) and info.isreg() else b"") for info in found]


def _tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return buffer.getvalue()


if __name__ == "__main__":
    engine = docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), version="auto", timeout=600)
    for image in NAMES:
        ensure(engine, image)
        sys.stdout.write(f"{image}\n")
    engine.close()
