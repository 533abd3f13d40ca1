"""Building a part's tree, once per text of its file; the base and the other parts are not touched.

    tree = part_tree(settings.state_dir, load("codex"), relocated=True)

`relocated`, for Docker: its programs get the base's loader and libraries (`/agent/lib`), so that they run on any image.
Otherwise, for bubblewrap: the programs are the vendor's own bytes, and run by the host's loader, which that sandbox shows.

On disk, below `<state_dir>/tooling/parts`: `packages/` (downloads by checksum), `tools/` (what building
itself takes), `<name>-<key>/` (finished trees).
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path

from app.errors import ToolingError
from app.execute.tooling import elf, layout, manifest, programs, tree, write
from app.execute.tooling.lock import held
from app.execute.tooling.mounted import mounted
from app.execute.tooling.parts.fetch import fetched, hexadecimal
from app.execute.tooling.parts.part import Part, load
from app.execute.tooling.parts.unpack import unpack
from app.execute.tooling.removal import remove
from app.execute.tooling.tree import Tree

# For each kind of sandbox the present one, and the one before for a worker that is not restarted yet.
KEPT_TREES = 4
HERE = Path(__file__).parent
# What decides over a part's bytes beside its own file.
CODE = tuple(HERE / name for name in ("build.py", "part.py", "unpack.py")) + tuple(
    HERE.parent / name for name in ("elf.py", "layout.py", "tree.py", "write.py")
)
# Programs that the building itself takes, pinned like the parts; no sandbox sees them.
TOOLS_DIR = HERE / "tools"
ALWAYS_IN_THE_BASE = ("libc.so.6", layout.LOADER.rpartition("/")[2])
# Where a glibc host keeps its libraries: https://man7.org/linux/man-pages/man8/ld.so.8.html, and Debian's multiarch.
HOST_LOADER = Path("/lib64/ld-linux-x86-64.so.2")
HOST_LIBRARIES = tuple(Path(path) for path in ("/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/lib"))


def part_tree(state_dir: Path, part: Part, *, relocated: bool) -> Tree:
    """Return the part's tree, building it when there is none for its file as it is. Raises ToolingError."""
    programs.check_host(needed={})
    place = place_of(state_dir, part, relocated=relocated)
    if not (place / layout.DIGEST_FILE).is_file():
        with held(place.parent / f"{part.name}.lock"):
            if not (place / layout.DIGEST_FILE).is_file():
                if place.is_dir():
                    # What an older Bellhop was cut short in removing.
                    remove(place)
                build(part, place.parent, place, relocated=relocated)
                prune(place)
    return tree.opened(place)


def prune(current: Path) -> None:
    """Remove all but the newest trees of a part, and none that a running sandbox shows."""
    part_name, _, _ = current.name.rpartition("-")
    others = [path for path in current.parent.glob(f"{part_name}-*") if re.fullmatch(rf"{part_name}-[0-9a-f]{{16}}", path.name) and path != current]
    for old in sorted(others, key=lambda path: path.stat().st_ctime, reverse=True)[KEPT_TREES - 1 :]:
        if not mounted(old.name):
            remove(old)


def place_of(state_dir: Path, part: Part, *, relocated: bool) -> Path:
    """Return where the part's tree is, or would be."""
    return state_dir / "tooling" / "parts" / f"{part.name}-{key(part, relocated=relocated)}"


def key(part: Part, *, relocated: bool) -> str:
    """Return a digest (16 hex digits) of all that decides over the tree's bytes."""
    whole = hashlib.sha256()
    words = [part.name, part.text, load("patchelf", TOOLS_DIR).text if relocated else "as it came"]
    for data in (*(file.read_bytes() for file in CODE), *(word.encode() for word in words)):
        whole.update(f"{len(data)}\n".encode() + data)
    return whole.hexdigest()[:16]


def build(part: Part, home: Path, place: Path, *, relocated: bool) -> None:
    """Build the tree in a directory beside its place and rename it there; the caller holds the part's lock."""
    for abandoned in home.glob(f"building-{part.name}.*"):
        shutil.rmtree(abandoned)
    archive = fetched(part, home)
    with tempfile.TemporaryDirectory(dir=home, prefix=f"building-{part.name}.") as temporary:
        root = Path(temporary) / "part"
        root.mkdir()
        unpack(part, archive, root)
        linked = dynamic(root)
        if relocated:
            relocate(part, home, root, linked)
        else:
            check_host_runs(part, linked)
        record = part.model_dump(include={"name", "source", "package", "checksum", "licence", "needs"}) | {
            "version": part.full_version, "relocated_by": patcher(home).parent.parent.name if relocated and linked else None,
        }
        (root / layout.RECORD_FILE).parent.mkdir(exist_ok=True)
        (root / layout.RECORD_FILE).write_text(json.dumps(record, indent=1), encoding="utf-8")
        write.normalise(root)
        write.text(root / layout.DIGEST_FILE, tree.digest(tree.on_disk(root)))
        root.rename(place)


def dynamic(root: Path) -> dict[Path, elf.Elf]:
    """Return the programs and libraries below `root` that ask for a loader or for libraries."""
    found: dict[Path, elf.Elf] = {}
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        with file.open("rb") as stream:
            if stream.read(len(elf.MAGIC_64_LITTLE)) != elf.MAGIC_64_LITTLE:
                continue
        read = elf.read(file.read_bytes())
        if read is not None and (read.interpreted or read.needed):
            found[file] = read
    return found


def relocate(part: Part, home: Path, root: Path, linked: dict[Path, elf.Elf]) -> None:
    """Give programs the base's loader and libraries. Raises ToolingError `library` for one that the base has not."""
    has = {*manifest.load().dlopened, *ALWAYS_IN_THE_BASE}
    missing = sorted({name for read in linked.values() for name in read.needed} - has)
    if missing:
        raise ToolingError(f"the part `{part.name}` needs {', '.join(missing)}, which the base does not hold", reason="library")
    interpreted = [str(file.relative_to(root)) for file, read in linked.items() if read.interpreted]
    if linked:
        shared = [str(file.relative_to(root)) for file, read in linked.items() if not read.interpreted]
        write.patch(root, interpreted, shared, program=str(patcher(home)))


def patcher(home: Path) -> Path:
    """Return the program that relocates, fetched and unpacked once. Raises ToolingError."""
    tool = load("patchelf", TOOLS_DIR)
    place = tool_place(home, tool)
    if not place.is_dir():
        with held(home / "tools" / f"{tool.name}.lock"), tempfile.TemporaryDirectory(dir=place.parent, prefix="building-") as temporary:
            if not place.is_dir():
                root = Path(temporary) / "tool"
                root.mkdir()
                unpack(tool, fetched(tool, home), root)
                root.rename(place)
    return place / "bin" / tool.name


def tool_place(home: Path, tool: Part) -> Path:
    """Return where a tool is unpacked."""
    return home / "tools" / f"{tool.name}-{tool.version}-{hexadecimal(tool.checksum)[:16]}"


def check_host_runs(part: Part, linked: dict[Path, elf.Elf]) -> None:
    """Refuse a host whose own loader and libraries do not do. Raises ToolingError `library`."""
    wanted = {name for read in linked.values() for name in read.needed}
    missing = sorted(name for name in wanted if not any((place / name).exists() for place in HOST_LIBRARIES))
    if any(read.interpreted for read in linked.values()) and not HOST_LOADER.exists():
        missing = [str(HOST_LOADER), *missing]
    if missing:
        raise ToolingError(
            f"under bubblewrap the part `{part.name}` runs by this host's own C library, and {', '.join(missing)} is not here: "
            "install it, or use Docker, where the part brings its own",
            reason="library",
        )
