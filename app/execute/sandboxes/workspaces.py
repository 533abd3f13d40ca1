"""How `/workspace` and HOME come to be: overlays, or a copy and a plain directory where that is enough.

    /workspace      scratch/upper  over  lower (the checkout)  over  layer/workspace (what a setup has left, if it stands on one)
    /home/bellhop   scratch/home   over  layer/home; scratch/home itself without a layer

Files of the checkout always win over those of the layer. Without overlays the checkout is copied, which a layer does not go with.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from app.errors import SandboxRefused, SandboxUnavailable
from app.ports import PreparedWorkspace, SandboxBackend

COPY_TIMEOUT_SECONDS = 600.0


def require(workspace: PreparedWorkspace) -> None:
    """Raise SandboxUnavailable unless the checkout, the scratch directories and the layer are there."""
    scratch = workspace.scratch
    layer = () if workspace.layer is None else (workspace.layer / "workspace", workspace.layer / "home", scratch / "home-work")
    for directory in (workspace.lower, scratch / "upper", scratch / "work", scratch / "home", *layer):
        if not directory.is_dir():
            raise SandboxUnavailable(
                f"the workspace lacks {directory}: it is prepared anew on the next attempt", reason="workspace_missing"
            )


# What a sandbox writes may lie over another checkout one day, so that it must not say where in this one a file or directory came from.
# https://docs.kernel.org/filesystems/overlayfs.html#sharing-and-copying-layers
_BY_ITSELF = "index=off,metacopy=off,redirect_dir=off"


def overlay_options(workspace: PreparedWorkspace) -> str | None:
    """Return the mount options of the overlay at `/workspace`, or None where a path holds a character that separates them."""
    below = [] if workspace.layer is None else [workspace.layer / "workspace"]
    return _options([workspace.lower, *below], workspace.scratch / "upper", workspace.scratch / "work")


def home_options(workspace: PreparedWorkspace) -> str | None:
    """Return the mount options of the overlay at HOME; None where it is a plain directory, because there is no layer."""
    if workspace.layer is None:
        return None
    return _options([workspace.layer / "home"], workspace.scratch / "home", workspace.scratch / "home-work")


def _options(lower: Sequence[Path], upper: Path, work: Path) -> str | None:
    if any(character in str(path) for path in (*lower, upper, work) for character in ',:\\"'):
        return None
    return f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work},{_BY_ITSELF}"


def has_overlays(backend: SandboxBackend) -> bool:
    """Return whether its sandboxes can stand on a layer; one of another package may not know of them."""
    return getattr(backend, "has_overlays", False)


def no_overlay(why: str = "") -> SandboxRefused:
    """Return the refusal where only an overlay will do and there is none, or none that could be mounted: `why`."""
    what = f"none could be mounted ({why})" if why else "this host has no overlay file system"
    return SandboxRefused(
        f"what `setup:` installs is kept as a layer, an overlay, and {what}: use Docker or run the worker as root "
        "(bubblewrap), keep `BELLHOP_STATE_DIR` on a local file system whose path has no comma, colon or quote in it, or take `setup:` out "
        "of the profile", reason="no_overlay",
    )


def refuse_copy(workspace: PreparedWorkspace, why: str = "") -> None:
    """Raise SandboxRefused where only an overlay will do; `why` none could be mounted, where one was tried."""
    if workspace.needs_overlay:
        raise no_overlay(why)


def copy(workspace: PreparedWorkspace) -> Path:
    """Copy the checkout to `scratch/copy`, once, and return it; to what an earlier run has left there, its `.git` alone.

    Raises SandboxUnavailable, SandboxRefused.
    """
    refuse_copy(workspace)
    target = workspace.scratch / "copy"
    source, place = workspace.lower, target
    if target.is_dir():
        source, place = workspace.lower / ".git", target / ".git"
        if os.path.lexists(place) or not source.is_dir():
            return target
    partial = workspace.scratch / "copy.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        subprocess.run(
            ["cp", "-a", "--reflink=auto", "--", str(source), str(partial)],
            check=True, capture_output=True, timeout=COPY_TIMEOUT_SECONDS,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise SandboxUnavailable(
            f"the workspace cannot be copied to {target}: {error}; look at the space left there", reason="workspace_copy"
        ) from error
    partial.rename(place)
    return target
