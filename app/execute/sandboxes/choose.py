"""Which backends work on this host."""

from __future__ import annotations

import hashlib

import structlog

from app.errors import BellhopError
from app.execute.sandboxes.options import BackendOptions
from app.execute.sandboxes.registry import open_backend
from app.ports import SandboxBackend
from app.settings import Settings

log = structlog.get_logger()

# Weakest isolation first, as a run takes the weakest that keeps what its profile requires.
AUTOMATIC = ("bubblewrap", "docker", "gvisor")


def backend_named(name: str, settings: Settings) -> SandboxBackend:
    """Return a backend for this host, not yet checked. Raises ConfigurationError for a name that is none."""
    return open_backend(name, backend_options(settings))


def backend_options(settings: Settings) -> BackendOptions:
    """Return what every backend of this installation is opened with."""
    digest = hashlib.sha256(str(settings.state_dir).encode()).hexdigest()[:8]
    return BackendOptions(
        installation=f"{settings.host_name}-{digest}", state_dir=settings.state_dir, docker_host=settings.docker_host
    )


def usable_backends(settings: Settings) -> tuple[SandboxBackend, ...]:
    """Return the backends that the settings name and that work here, weakest isolation first."""
    names = AUTOMATIC if settings.sandbox_backend == "auto" else (settings.sandbox_backend,)
    usable = []
    for name in names:
        backend = backend_named(name, settings)
        try:
            backend.check()
        except BellhopError as error:
            log.info("backend_unavailable", backend=name, why=str(error))
        else:
            usable.append(backend)
    return tuple(usable)
