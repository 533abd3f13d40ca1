"""What a composition root tells a sandbox backend about this host."""

from __future__ import annotations

from pathlib import Path

from app.core.noun import Noun


class BackendOptions(Noun):
    """`installation` sets this Bellhop's sandboxes apart from another's on the same engine.

    `state_dir` is where a backend that has no daemon keeps what it knows; `call_timeout_seconds` bounds each
    call to a daemon.
    """

    installation: str
    state_dir: Path
    docker_host: str = "unix:///var/run/docker.sock"
    call_timeout_seconds: float = 30.0
