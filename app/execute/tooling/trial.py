"""Whether the parts' programs start in sandboxes of an image: sealed as every sandbox is, each part by itself."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from pathlib import Path

from app.core.profile import Container
from app.errors import BellhopError
from app.execute.sandboxes import places
from app.execute.tooling import layout
from app.ports import Handle, PreparedWorkspace, SandboxBackend, SandboxSpec

TRY_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.05
BASE_SCRIPT = f"{layout.PYTHON} -I -c 'import ssl, sqlite3' && {layout.GIT} --version && {layout.BIN}/bash -c :"
PART_SCRIPT = 'for program in "$0"/bin/*; do "$program" --version || exit 1; done'


def tried(backend: SandboxBackend, image: str, base: str, parts: dict[str, str], wanted: tuple[str, ...], place: Path) -> str:
    """Start every program of the part `wanted[0]` (none: the base's) in a sandbox, and return what went wrong, or nothing.

    `parts` are the places of built parts as SandboxSpec takes them, `wanted` names those to show; `place` is a directory to
    work in, on this host. Raises SandboxUnavailable when the engine does not answer.
    """
    script = PART_SCRIPT if wanted else BASE_SCRIPT
    argv = (layout.SHELL, "-c", f"{{ {script}; }} >/dev/null 2>&1 </dev/null", *(places.part(name) for name in wanted[:1]))
    with tempfile.TemporaryDirectory(dir=place, prefix="try-", ignore_cleanup_errors=True) as directory:
        spec = _spec(Path(directory), image, base, {name: parts[name] for name in wanted}, argv)
        try:
            handle = backend.create(spec)
        except BellhopError as error:
            return str(error)
        try:
            return _outcome(backend, handle)
        finally:
            backend.destroy(handle)


def _outcome(backend: SandboxBackend, handle: Handle) -> str:
    deadline = time.monotonic() + TRY_SECONDS
    while (status := backend.poll(handle)).state == "running":
        if time.monotonic() > deadline:
            return f"it did not end within {TRY_SECONDS:.0f} s"
        time.sleep(LOOK_EVERY_SECONDS)
    if status.exit_code == 0:
        return ""
    return "it ran out of memory" if status.out_of_memory else f"exit code {status.exit_code}"


def _spec(directory: Path, image: str, base: str, parts: dict[str, str], argv: tuple[str, ...]) -> SandboxSpec:
    uid = Container().user if os.geteuid() == 0 else os.geteuid()
    scratch = directory / "scratch"
    for made in (directory / "door", directory / "lower", *(scratch / name for name in ("upper", "work", "home"))):
        made.mkdir(parents=True)
    for given in (directory / "lower", scratch / "upper", scratch / "home"):
        if os.geteuid() == 0:
            os.chown(given, uid, uid)
    name = f"try-{secrets.token_hex(6)}"
    return SandboxSpec(
        id=f"{name}-work", run_id=name, door=directory / "door", tooling=base, parts=parts, container=Container(image=image), uid=uid,
        workspace=PreparedWorkspace(lower=directory / "lower", scratch=scratch, base_commit="0" * 40), argv=argv, ttl_seconds=TRY_SECONDS,
    )
