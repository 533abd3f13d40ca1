"""What `bellhop doctor` says of each profile: whether a backend may run it, its image is here, its result is verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing

from app.commands.finding import Finding
from app.core.isolation import Isolation, at_least
from app.core.profile import Profile
from app.errors import BellhopError
from app.settings import Settings

ENGINE_TIMEOUT_SECONDS = 10.0
# The backends of ours that say so of themselves (`has_services`).
WITH_SERVICES = {"docker"}


def look_at_profiles(
    settings: Settings, profiles: Mapping[str, Profile], levels: Mapping[str, Isolation]
) -> Iterator[Finding]:
    """Yield what each profile lacks; `levels` are the isolation levels of the backends that work, by backend."""
    images: dict[str, list[str]] = {}
    for name, profile in sorted(profiles.items()):
        required = profile.container.isolation
        # A run takes the weakest backend that will do; only bubblewrap needs no image.
        able = {backend for backend, level in levels.items() if at_least(level, required)}
        if not able:
            have = ", ".join(sorted(set(levels.values()))) or "none"
            yield Finding(f"profile {name}", "missing", f"requires isolation {required}; this host has: {have}",
                          "mend that level, or lower `container: isolation:`")
        elif profile.services and not able & WITH_SERVICES:
            yield Finding(f"profile {name}", "missing", "has `services:`, which run in Docker with runc only; of this host's backends there "
                          f"could run it: {', '.join(sorted(able))}", "see that Docker works here, or leave `services:` out")
        elif (profile.services or "bubblewrap" not in able) and profile.container.image:
            images.setdefault(profile.container.image, []).append(name)
            for service in profile.services.values():
                images.setdefault(service.image, []).append(name)
        if profile.verify is None and profile.keeps_changes:
            yield Finding(f"verify {name}", "off", "the profile has none: its pull requests open unverified",
                          "add `verify:` with the command that tests the repository")
    yield from _images(settings, images)


def _images(settings: Settings, images: Mapping[str, list[str]]) -> Iterator[Finding]:
    if not images:
        return
    from app.execute.sandboxes.docker.engine import Engine
    from app.execute.sandboxes.docker.image import resolve

    with closing(Engine(settings.docker_host, ENGINE_TIMEOUT_SECONDS)) as engine:
        for image, users in sorted(images.items()):
            try:
                found = resolve(engine, image)
            except BellhopError as error:
                mend = f"docker pull {image}" if error.reason == "image_missing" else "see what the engine says"
                yield Finding(f"image {image}", "missing", f"{error}; wanted by {', '.join(dict.fromkeys(users))}", mend)
            else:
                yield Finding(f"image {image}", "ok", found.id[:19])
