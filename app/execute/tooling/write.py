"""Writing a tree to disk: files, loaders and library paths, compiled Python, and nothing that differs between hosts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from app.errors import ToolingError
from app.execute.tooling import assemble, layout
from app.execute.tooling.programs import run

PATCH_SECONDS = 120.0
COMPILE_SECONDS = 300.0
# 1980-01-01, the oldest time that every archive format can hold.
TIME = 315532800


def everything(root: Path, files: assemble.Files, python: str) -> None:
    """Write the tree below the new directory `root`, ready to be hashed. Raises ToolingError `tool_failed`, `compile`."""
    for path, member in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if member.target is not None:
            file.symlink_to(member.target)
        else:
            file.write_bytes(member.data)
            file.chmod(0o755 if member.executable or path == f"lib/{assemble.LOADER_NAME}" else 0o644)
    patch(root, *assemble.to_patch(files))
    applets(root)
    compile_python(root, python)
    normalise(root)


def patch(root: Path, found: list[str], shared: list[str], *, program: str = "patchelf") -> None:
    """Give every program our loader, and every program and library our library path; both by their paths below `root`.

    An rpath, not a runpath: it is searched before LD_LIBRARY_PATH, which an image may set for its own programs
    (https://man7.org/linux/man-pages/man8/ld.so.8.html).
    """
    rpath = ("--force-rpath", "--set-rpath", layout.LIB)
    for options, paths in ((("--set-interpreter", layout.LOADER), found), ((), shared)):
        if paths:
            run((program, *options, *rpath, *(str(root / path) for path in paths)), timeout_seconds=PATCH_SECONDS)


def patchelf_version() -> str:
    """Return what patchelf says of itself: another version may write other bytes. Raises ToolingError."""
    return run(("patchelf", "--version"), timeout_seconds=PATCH_SECONDS).decode().strip()


def applets(root: Path) -> None:
    """Link every busybox applet that the tree does not hold as a program of its own."""
    for name in run((str(root / "bin" / "busybox"), "--list"), timeout_seconds=PATCH_SECONDS).decode().split():
        link = root / "bin" / name
        if not link.exists() and not link.is_symlink():
            link.symlink_to("busybox")


def compile_python(root: Path, python: str) -> None:
    """Compile all Python by the tree's own interpreter, run through the tree's own loader.

    A read-only volume cannot keep caches, so without this each start would compile again. Unchecked hashes
    hold no times; the fixed seed and the single process keep the bytes the same from build to build.
    """
    lib = root / "lib"
    argv = (
        str(lib / assemble.LOADER_NAME), "--library-path", str(lib), str(root / "bin" / python), "-s", "-B", "-m", "compileall",
        "-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", layout.ROOT, str(lib / python), str(lib / "bellhop"),
    )
    try:
        done = subprocess.run(
            argv, env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}, capture_output=True, timeout=COMPILE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ToolingError("compiling the tree's Python took too long: is this host overloaded?", reason="compile", retryable=True) from error
    if done.returncode != 0:
        raise ToolingError(f"the tree's Python does not compile: {(done.stdout + done.stderr).decode()[-1500:]}", reason="compile")


def normalise(root: Path) -> None:
    """Set every mode to 0755 or 0644 and every time to one and the same."""
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (TIME, TIME), follow_symlinks=False)


def text(file: Path, content: str) -> None:
    """Write a small file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.new")
    temporary.write_text(content, encoding="ascii")
    temporary.chmod(0o644)
    os.utime(temporary, (TIME, TIME))
    temporary.rename(file)
