"""The small tree for bubblewrap: the host's own programs by symbolic link, our sources and pip packages as copies.

    tree = process_tree(settings.state_dir, Path(sys.prefix) / "agent-site")

The sandbox shows it at `/agent`, and must also show, under their own paths, what the links point at: the
interpreter's whole prefix (`interpreter().prefix`; a pyenv or uv Python lives below somebody's home) and the
host's /usr (sh, git and their libraries).
"""

from __future__ import annotations

import compileall
import json
import platform
import py_compile
import re
import shutil
import stat
import sys
import tempfile
from pathlib import Path, PurePosixPath

import certifi

from app.core.noun import Noun
from app.errors import ToolingError
from app.execute.tooling import inputs, layout, tree, wheels, write
from app.execute.tooling.inputs import SIDECAR, Inputs
from app.execute.tooling.lock import held

NEEDED_PROGRAMS = ("sh", "git")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", re.MULTILINE)


class Interpreter(Noun):
    """The Python that runs Bellhop, outside any virtual environment."""

    executable: Path
    prefix: Path


def interpreter() -> Interpreter:
    """Return the base interpreter. Raises ToolingError `python_unreadable` when another uid could not run it."""
    # A virtual environment's python is a link whose library is elsewhere; this is the one it links to.
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    prefix = Path(sys.base_prefix).resolve()
    library = prefix / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (prefix, prefix / "lib", library, library / "os.py", executable.parent, executable):
        wanted = stat.S_IROTH if path.suffix == ".py" else stat.S_IROTH | stat.S_IXOTH
        if path.exists() and path.stat().st_mode & wanted != wanted:
            raise ToolingError(
                f"{path} cannot be read by an unprivileged user, so no sandbox can run this Python: "
                f"run `chmod -R o+rX {prefix}`, or run Bellhop by the system's python3",
                reason="python_unreadable",
            )
    return Interpreter(executable=executable, prefix=prefix)


def process_tree(state_dir: Path, venv_site: Path | None, *, sidecar: Path = SIDECAR) -> Path:
    """Return the tree's directory, building it when there is none for the sources and the Python as they are.

    `venv_site` holds the sidecar's pip packages for this Python; where it is None, missing or not what
    `sidecar/requirements.txt` says, they are fetched by pip. Raises ToolingError: `tool_missing`, `tool_failed`,
    `python_unreadable`.
    """
    home = state_dir / "tooling"
    name, links, given, roots = named(sidecar)
    if (home / name / layout.DIGEST_FILE).exists():
        return home / name
    with held(home / "process.lock"):
        if not (home / name).is_dir():
            build(home, name, links, venv_site, given, roots)
    return home / name


def named(sidecar: Path = SIDECAR) -> tuple[str, dict[str, str], Inputs, str]:
    """Return the tree's name, the links in it, its sources and its root certificates, as the host and the checkout are now. Raises ToolingError."""
    python = interpreter()
    programs = {name: found_program(name) for name in NEEDED_PROGRAMS}
    links = {"bin/python3": str(python.executable)} | {f"bin/{name}": path for name, path in programs.items()}
    if bash := shutil.which("bash"):
        links["bin/bash"] = bash
    given = inputs.read(sidecar)
    roots = certifi.contents()
    key = given.key(platform.machine(), sys.version, roots, *(f"{path} {target}" for path, target in sorted(links.items())))
    return f"process-{key}", links, given, roots


def build(home: Path, name: str, links: dict[str, str], venv_site: Path | None, given: Inputs, roots: str) -> None:
    """Build the tree beside its place and rename it there."""
    with tempfile.TemporaryDirectory(dir=home, prefix="process-building-") as temporary:
        root = Path(temporary) / "agent"
        (root / "bin").mkdir(parents=True)
        (root / "etc").mkdir()
        for path, target in links.items():
            (root / path).symlink_to(target)
        # Where the base has them: a host may have none.
        bundle = root / PurePosixPath(layout.CA_BUNDLE).relative_to(layout.ROOT)
        bundle.parent.mkdir(parents=True)
        bundle.write_text(roots, encoding="utf-8")
        for path, data in given.sources.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        site = root / "lib" / "bellhop" / "site"
        if venv_site is not None and satisfies(venv_site, given.requirements):
            shutil.copytree(venv_site, site, ignore=shutil.ignore_patterns("__pycache__", "bin"))
        else:
            unpack(wheels.fetch(given.requirements, home / "wheels"), site)
        compileall.compile_dir(
            root / "lib" / "bellhop", quiet=2, force=True, stripdir=str(root), prependdir=layout.ROOT,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        (root / layout.RECORD_FILE).write_text(json.dumps({"links": links, "python": sys.version}, indent=1), encoding="utf-8")
        write.normalise(root)
        write.text(root / layout.DIGEST_FILE, tree.digest(tree.on_disk(root)))
        root.rename(home / name)


def unpack(files: list[Path], site: Path) -> None:
    """Write the files of some wheels below `site`."""
    for wheel in files:
        for path, member in wheels.members(wheel).items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_bytes(member.data)


def satisfies(site: Path, requirements: str) -> bool:
    """Return whether a directory holds exactly what pinned requirements name, by the packages' own metadata."""
    def normal(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    wanted = {(normal(name), version) for name, version in PINNED.findall(requirements)}
    present = {
        (normal(name), version)
        for name, _, version in (info.name.removesuffix(".dist-info").rpartition("-") for info in site.glob("*.dist-info"))
    }
    return bool(wanted) and wanted == present


def found_program(name: str) -> str:
    """Return the host's program of that name. Raises ToolingError `tool_missing`."""
    path = shutil.which(name)
    if path is None:
        raise ToolingError(f"`{name}` is needed in the sandbox and is not on this host: install it", reason="tool_missing")
    return path
