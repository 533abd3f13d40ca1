"""Building the relocatable `/agent` tree for Docker, once per set of inputs.

    tree = agent_tree(settings.state_dir)      # seconds the first time, milliseconds ever after

The tree runs on any x86-64 image, whatever its libc: every program has its loader and its library path
inside /agent/lib (an rpath, because LD_LIBRARY_PATH would reach the image's own programs), Python finds its
library beside itself, and git gets its paths from a wrapper that nothing else sees.

On disk, below `<state_dir>/tooling`: `debs/` and `wheels/` (downloads by checksum), `<key>/` (finished trees),
`resolved-<local key>` (which tree belongs to the sources as they are), `lock`.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

from app.errors import ToolingError
from app.execute.tooling import apt, assemble, deb, inputs, layout, programs, tree, wheels, write
from app.execute.tooling.inputs import SIDECAR, Inputs
from app.execute.tooling.lock import held
from app.execute.tooling.manifest import Manifest, load
from app.execute.tooling.removal import remove
from app.execute.tooling.tree import Tree

KEPT_TREES = 3
PYTHON_PACKAGE = re.compile(r"^(python3\.\d+)-minimal$")


def agent_tree(state_dir: Path, *, sidecar: Path = SIDECAR, refresh: bool = False) -> Tree:
    """Return the tree for the sources as they are, building it when there is none yet.

    `refresh` asks the distribution for newer packages first. Without it a tree once built is used until the
    sources change, and no network is touched. Raises ToolingError; its reason says what is missing.
    """
    home = state_dir / "tooling"
    given = inputs.read(sidecar)
    pointer = home / f"resolved-{given.key()}"
    if not refresh and (ready := pointed(home, pointer)):
        return ready
    programs.check_host()
    with held(home / "lock"):
        if not refresh and (ready := pointed(home, pointer)):
            return ready
        manifest = load()
        packages, options = resolve(manifest, home, refresh=refresh)
        name = given.key(*(f"{package.name} {package.sha256}" for package in packages), write.patchelf_version())
        if not (home / name).is_dir():
            build(manifest, packages, options, home=home, name=name, given=given)
        write.text(pointer, name)
        prune(home, name)
        return tree.opened(home / name)


def pointed(home: Path, pointer: Path) -> Tree | None:
    """Return the finished tree that a pointer names, if both are there."""
    try:
        return tree.opened(home / pointer.read_text(encoding="ascii"))
    except (FileNotFoundError, ToolingError):
        return None


def resolve(manifest: Manifest, home: Path, *, refresh: bool) -> tuple[list[apt.Package], tuple[str, ...]]:
    """Return the packages to take and apt's options: by the host's own index, or by a private one if that will not do."""
    if not refresh:
        try:
            return packages_of(manifest, ()), ()
        except ToolingError:
            pass  # no index on this host, or one that lacks a package: the private one below tells the truth
    try:
        options = apt.update(home / "apt")
        return packages_of(manifest, options), options
    except ToolingError as error:
        raise ToolingError(
            "apt cannot tell which packages the /agent tree takes: see that this host reaches its package mirrors "
            f"(`apt-get update`) and try again ({error})",
            reason="packages", retryable=True,
        ) from error


def packages_of(manifest: Manifest, options: tuple[str, ...]) -> list[apt.Package]:
    """Return the packages of the closure that may hold something for the tree."""
    versions = apt.closure(manifest.roots, options)
    wanting = manifest.for_python(python_of(versions))
    return apt.checksums({name: version for name, version in versions.items() if wanting.wants(name)}, options)


def python_of(names: dict[str, str] | list[str]) -> str:
    """Return the interpreter's name (`python3.11`) from the packages' names. Raises ToolingError `packages`."""
    found = [match[1] for name in names if (match := PYTHON_PACKAGE.match(name))]
    if len(found) != 1:
        raise ToolingError(f"expected one python3.x-minimal among the packages, found {found}", reason="packages")
    return found[0]


def build(
    manifest: Manifest, packages: list[apt.Package], options: tuple[str, ...], *, home: Path, name: str, given: Inputs
) -> None:
    """Build the tree `home/name` in a directory beside it and rename it into place."""
    for abandoned in home.glob("building-*"):
        shutil.rmtree(abandoned)
    python = python_of([package.name for package in packages])
    debs = fetched(manifest, packages, options, home)
    contents = {package: deb.members(file) for package, file in debs.items()}
    files, used = assemble.taken(manifest.for_python(python), contents)
    files["bin/git"] = deb.Member(assemble.GIT_WRAPPER, None, executable=True)
    files["etc/gitconfig"] = deb.Member(assemble.GIT_CONFIG, None, executable=False)
    files["etc/ssl/certs/ca-certificates.crt"] = deb.Member(assemble.ca_bundle(contents["ca-certificates"]), None, executable=False)

    record_wheels = []
    for wheel in wheels.fetch(given.requirements, home / "wheels", python.removeprefix("python")):
        unpacked = wheels.members(wheel)
        files.update({f"lib/bellhop/site/{path}": member for path, member in unpacked.items()})
        record_wheels.append({"file": wheel.name, "sha256": wheels.sha256(wheel), "licence": wheels.licence(unpacked)})
    files.update({path: deb.Member(data, None, executable=False) for path, data in given.sources.items()})

    found, holders = assemble.libraries(files.values(), manifest.dlopened, contents)
    files.update(found)
    record = {
        "python": python,
        "patchelf": write.patchelf_version(),
        "packages": [
            {**package.model_dump(), "licences": deb.licences(package.name, contents[package.name])}
            for package in packages
            if package.name in used | holders | {"ca-certificates"}
        ],
        "wheels": record_wheels,
    }
    files[layout.RECORD_FILE] = deb.Member(json.dumps(record, indent=1).encode(), None, executable=False)

    with tempfile.TemporaryDirectory(dir=home, prefix="building-") as temporary:
        root = Path(temporary) / "agent"
        write.everything(root, files, python)
        write.text(root / layout.DIGEST_FILE, tree.digest(tree.on_disk(root)))
        root.rename(home / name)


def fetched(manifest: Manifest, packages: list[apt.Package], options: tuple[str, ...], home: Path) -> dict[str, Path]:
    """Return name -> .deb; when the host's index names files that are no longer there, a private index is tried."""
    try:
        return apt.fetch(packages, home / "debs", options)
    except ToolingError as error:
        if options:
            raise
        fresh = apt.update(home / "apt")
        if packages_of(manifest, fresh) != packages:
            raise ToolingError(
                f"this host's package index is out of date: run `apt-get update` and try again ({error})", reason="packages"
            ) from error
        return apt.fetch(packages, home / "debs", fresh)


def prune(home: Path, current: str) -> None:
    """Remove all but the newest trees for Docker: they are only read while a volume is loaded from them."""
    trees = (file.parent.parent for file in home.glob(f"*/{layout.DIGEST_FILE}"))
    finished = [path for path in trees if path.name != current and not path.name.startswith("process-")]
    for old in sorted(finished, key=lambda path: path.stat().st_ctime, reverse=True)[KEPT_TREES - 1 :]:
        remove(old)
