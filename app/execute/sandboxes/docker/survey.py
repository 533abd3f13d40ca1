"""What an image has that matters to whoever works in it: read from its configuration and its files, nothing of it is run."""

from __future__ import annotations

import re
from typing import Any

import docker.errors

from app.core.noun import Noun
from app.errors import SandboxUnavailable
from app.execute.sandboxes import places
from app.execute.sandboxes.docker import fill
from app.execute.sandboxes.docker.engine import Engine, engine_errors
from app.execute.sandboxes.docker.image import resolve
from app.execute.sandboxes.docker.image_files import ImageFiles, opened

TOOLS = (
    "python3", "pip", "node", "npm", "go", "cargo", "rustc", "java", "javac", "mvn", "gradle", "make", "cmake", "gcc", "clang", "ruby",
    "php", "dotnet",
)
SHELLS = ("/bin/sh", "/bin/bash")
LOADER, MUSL = "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"
LIBC = ("/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib64/libc.so.6", "/usr/lib/libc.so.6")
# What each C library's own file says of itself.
GLIBC_VERSION = re.compile(rb"GNU C Library [^\n]{0,80}release version ([0-9.]+[0-9])")
MUSL_VERSION = re.compile(rb"\0(1\.[0-9]+\.[0-9]+)\0")
LIBC_BYTES = 8 * 1024 * 1024
OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
OS_RELEASE_BYTES = 64 * 1024
PRETTY_NAME = re.compile(r'^PRETTY_NAME="?([^"\n]{1,100})', re.MULTILINE)
CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
)
# An image's PATH may be any length; a tool is looked for in so many directories.
PATH_DIRECTORIES = 16


class Survey(Noun):
    """`where` maps a program's name to its place (for a link: where it leads); empty strings and tuples are what is not there.

    `added` are the files that a sandbox of the image gets because it lacks them.
    """

    id: str
    platform: str
    size_mb: int
    distribution: str
    libc: tuple[str, ...]
    shells: dict[str, str]
    git: str
    ca_bundle: str
    tools: dict[str, str]
    path: str
    user: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    volumes: tuple[str, ...]
    environment: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def is_usable(self) -> bool:
        """Whether the programs that Bellhop brings run in it: they are for this platform, and need nothing of the image."""
        return self.platform == "linux/amd64"


def survey(engine: Engine, name: str, uid: int) -> Survey:
    """Look at an image of this host; sandboxes of it would run as `uid`. Raises SandboxUnavailable."""
    image = resolve(engine, name)
    with engine_errors("look up an image"):
        try:
            found: dict[str, Any] = engine.api.inspect_image(image.id)  # type: ignore[no-untyped-call]  # docker-py has no types there
        except docker.errors.NotFound as error:
            raise SandboxUnavailable(f"the image `{name}` was removed meanwhile", reason="image_missing") from error
    config = found.get("Config") or {}
    path = image.path or places.DEFAULT_PATH
    with opened(engine, image.id) as files:
        tools = _tools(files, path)
        return Survey(
            id=image.id, platform=f"{found.get('Os')}/{found.get('Architecture')}", size_mb=int(found.get("Size") or 0) // 1_000_000,
            distribution=_distribution(files), libc=_libc(files), shells=_places(files, SHELLS), git=tools.pop("git", ""),
            ca_bundle=next((bundle for bundle in CA_BUNDLES if _place(files, bundle)), ""), tools=tools, path=path,
            user=str(config.get("User") or ""), entrypoint=tuple(config.get("Entrypoint") or ()), command=tuple(config.get("Cmd") or ()),
            volumes=image.volumes, environment=tuple(sorted(set(image.env) - {"PATH"})),
            added=tuple(each.path for each in fill.fills(fill.look(files), uid, image.volumes)),
        )


def _tools(files: ImageFiles, path: str) -> dict[str, str]:
    directories = [directory.rstrip("/") for directory in path.split(":") if directory.startswith("/")][:PATH_DIRECTORIES]
    present = [directory for directory in dict.fromkeys(directories) if files.followed(directory or "/") is not None]
    found = {}
    for tool in (*TOOLS, "git"):
        for directory in present:
            if place := _place(files, f"{directory}/{tool}"):
                found[tool] = place
                break
    return found


def _places(files: ImageFiles, wanted: tuple[str, ...]) -> dict[str, str]:
    return {path: place for path in wanted if (place := _place(files, path))}


def _place(files: ImageFiles, path: str) -> str:
    """Return where a file is in the end, or an empty string."""
    found = files.followed(path)
    return found[0] if found is not None and found[1].kind == "file" else ""


def _libc(files: ImageFiles) -> tuple[str, ...]:
    found = []
    if _place(files, LOADER):
        found.append(_version("glibc", files, LIBC, GLIBC_VERSION))
    if _place(files, MUSL):
        found.append(_version("musl", files, (MUSL,), MUSL_VERSION))
    return tuple(found)


def _version(name: str, files: ImageFiles, libraries: tuple[str, ...], pattern: re.Pattern[bytes]) -> str:
    for library in libraries:
        if data := files.read(library, LIBC_BYTES):
            stated = pattern.search(data)
            return f"{name} {stated[1].decode()}" if stated else name
    return name


def _distribution(files: ImageFiles) -> str:
    for path in OS_RELEASE:
        if data := files.read(path, OS_RELEASE_BYTES):
            stated = PRETTY_NAME.search(data.decode(errors="replace"))
            return stated[1].strip() if stated else ""
    return ""
