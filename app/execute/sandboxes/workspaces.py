"""How `/workspace` comes to be: an overlay over the prepared checkout, or a copy where that is impossible."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from app.errors import SandboxUnavailable
from app.ports import PreparedWorkspace

COPY_TIMEOUT_SECONDS = 600.0


def require(workspace: PreparedWorkspace) -> None:
    """Raise SandboxUnavailable unless the checkout and the scratch directories are there."""
    scratch = workspace.scratch
    for directory in (workspace.lower, scratch / "upper", scratch / "work", scratch / "home"):
        if not directory.is_dir():
            raise SandboxUnavailable(
                f"the workspace lacks {directory}: it is prepared anew on the next attempt", reason="workspace_missing"
            )


# What a sandbox writes may lie over another checkout one day, so that it must not say where in this one a file or directory came from.
# https://docs.kernel.org/filesystems/overlayfs.html#sharing-and-copying-layers
_BY_ITSELF = "index=off,metacopy=off,redirect_dir=off"


def overlay_options(workspace: PreparedWorkspace) -> str | None:
    """Return the overlay's mount options, or None where a path holds a character that separates them."""
    paths = [str(workspace.lower), str(workspace.scratch / "upper"), str(workspace.scratch / "work")]
    if any(character in path for path in paths for character in ',:\\"'):
        return None
    return f"lowerdir={paths[0]},upperdir={paths[1]},workdir={paths[2]},{_BY_ITSELF}"


def copy(workspace: PreparedWorkspace) -> Path:
    """Copy the checkout to `scratch/copy`, once, and return it. Raises SandboxUnavailable."""
    target = workspace.scratch / "copy"
    if target.is_dir():
        return target
    partial = workspace.scratch / "copy.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        subprocess.run(
            ["cp", "-a", "--reflink=auto", "--", str(workspace.lower), str(partial)],
            check=True, capture_output=True, timeout=COPY_TIMEOUT_SECONDS,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise SandboxUnavailable(
            f"the workspace cannot be copied to {target}: {error}; look at the space left there", reason="workspace_copy"
        ) from error
    partial.rename(target)
    return target
