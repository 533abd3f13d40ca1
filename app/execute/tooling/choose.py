"""Which tree a sandbox backend shows at `/agent`."""

from __future__ import annotations

import sys
from pathlib import Path

from app.execute.sandboxes.docker.engine import Engine
from app.execute.tooling.build import agent_tree
from app.execute.tooling.parts.build import part_tree
from app.execute.tooling.parts.part import closure
from app.execute.tooling.process import process_tree
from app.execute.tooling.volume import AgentVolumes
from app.ports import SandboxBackend
from app.settings import Settings

# Storing the whole tree is one call; a slow disk may take a while over it.
ENGINE_SECONDS = 300.0
ON_DOCKER = ("docker", "gvisor")


class Tooling:
    """Gives each backend its `/agent`; nothing is built or connected before the first `ensure`."""

    def __init__(self, settings: Settings) -> None:
        self._state_dir = settings.state_dir
        self._engine = Engine(settings.docker_host, ENGINE_SECONDS)
        self._volumes = AgentVolumes(self._engine, settings.state_dir)

    def ensure(self, backend: SandboxBackend) -> str:
        """Return what SandboxSpec.tooling takes: a volume's name for Docker, a host path for the others.

        Raises ToolingError, SandboxUnavailable (the engine does not answer).
        """
        if backend.name in ON_DOCKER:
            return self._volumes.ensure(agent_tree(self._state_dir))
        return str(process_tree(self._state_dir, Path(sys.prefix) / "agent-site"))

    def parts(self, backend: SandboxBackend, names: tuple[str, ...]) -> dict[str, str]:
        """Return what SandboxSpec.parts takes: where each part is and each that it needs, built when there is none yet.

        Raises ToolingError, SandboxUnavailable (the engine does not answer).
        """
        on_docker = backend.name in ON_DOCKER
        found: dict[str, str] = {}
        for part in closure(names):
            built = part_tree(self._state_dir, part, relocated=on_docker)
            found[part.name] = self._volumes.ensure(built) if on_docker else str(built.path)
        return found

    def verify(self) -> str:
        """Hash the tree on disk and in the engine's volume, and return its digest: for `bellhop doctor`.

        Raises ToolingError, SandboxUnavailable.
        """
        built = agent_tree(self._state_dir)
        self._volumes.ensure(built)
        self._volumes.verify(built)
        return built.digest

    def close(self) -> None:
        """Close the connection to the engine; the next use opens another."""
        self._engine.close()
