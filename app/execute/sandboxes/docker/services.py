"""The services of a sandbox as containers beside it, known by its labels, so that they go when it goes."""

from __future__ import annotations

from typing import Any

import docker.errors

from app.core.sandbox.services import ServiceContainer
from app.errors import SandboxRefused, SandboxUnavailable
from app.execute.sandboxes.docker import service_config, service_image
from app.execute.sandboxes.docker.engine import Engine, engine_errors
from app.execute.sandboxes.docker.service_config import Plan, container_name
from app.ports import SandboxSpec


class Services:
    """The services of one engine's sandboxes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._looked_at: dict[str, service_image.Look] = {}

    def unstarted(self, spec: SandboxSpec, labels: dict[str, str]) -> list[Plan]:
        """Decide on all that were never started, before anything is made.

        Raises SandboxUnavailable (an image, a name that is taken), SandboxRefused (what an image lacks).
        """
        plans = []
        for name, service in spec.services.items():
            found = self._existing(container_name(spec.id, name), labels)
            if _was_never_started(found):
                plans.append(self._plan(name, service))
        return plans

    def start(self, spec: SandboxSpec, plans: list[Plan], labels: dict[str, str]) -> None:
        """Make and start these; the sandbox itself runs already, and its runner waits for them.

        One that was started meanwhile is left as it is, also when it has ended: the agent may be at work by then.
        Raises SandboxUnavailable; what the engine will not do is not tried again, because the runner has begun.
        """
        for plan in plans:
            try:
                self._start(spec, plan, labels)
            except SandboxUnavailable as error:
                if error.reason != "engine_refused":
                    raise
                raise SandboxUnavailable(
                    f"the service `{plan.name}` could not be started: {error}", reason="service_not_started", retryable=False
                ) from error

    def _plan(self, name: str, service: ServiceContainer) -> Plan:
        image = service_image.service_image(self._engine, service.image)
        if image.id not in self._looked_at:
            # An id's content does not change.
            self._looked_at[image.id] = service_image.look(self._engine, image)
        try:
            return service_config.plan(name, service, image, self._looked_at[image.id])
        except ValueError as error:
            raise SandboxRefused(f"the service `{name}` ({service.image}) {error}", reason="service_refused") from error

    def _start(self, spec: SandboxSpec, plan: Plan, labels: dict[str, str]) -> None:
        api, name = self._engine.api, container_name(spec.id, plan.name)
        found = self._existing(name, labels)
        if found is None:
            self._create(spec, plan, labels)
        if _was_never_started(found):
            with engine_errors("start it"):
                api.start(name)

    def _create(self, spec: SandboxSpec, plan: Plan, labels: dict[str, str]) -> None:
        api = self._engine.api
        with engine_errors("create it"):
            try:
                warnings = api.create_container(**service_config.container(plan, spec, api.api_version, labels)).get("Warnings") or []
            except docker.errors.APIError as error:
                if error.status_code != 409:
                    raise
                # Another worker was first.
                warnings = []
        if discarded := [warning for warning in warnings if "discarded" in warning]:
            raise SandboxRefused(f"the engine cannot keep a limit: {'; '.join(discarded)}", reason="limit_discarded")

    def _existing(self, name: str, labels: dict[str, str]) -> dict[str, Any] | None:
        with engine_errors("show it"):
            try:
                found: dict[str, Any] = self._engine.api.inspect_container(name)
            except docker.errors.NotFound:
                return None
        if not labels.items() <= (found["Config"].get("Labels") or {}).items():
            raise SandboxUnavailable(f"a container called {name} exists that is not ours: remove or rename it", reason="name_taken")
        return found


def _was_never_started(container: dict[str, Any] | None) -> bool:
    """Return whether the engine has not yet started it: one that was, and has ended, stays as it is."""
    return container is None or container["State"]["Status"] == "created"
