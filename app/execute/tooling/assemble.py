"""From packages and wheels to the files of the tree, in memory: decisions only, nothing is written here."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from fnmatch import fnmatchcase

from app.errors import ToolingError
from app.execute.tooling import elf, layout
from app.execute.tooling.deb import Member
from app.execute.tooling.manifest import Manifest

Files = dict[str, Member]

LIBRARY_DIRECTORIES = ("usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib")
LOADER_NAME = posixpath.basename(layout.LOADER)
# The loader finds itself, and libc names its loader: neither is touched by patchelf.
NOT_PATCHED = (f"lib/{LOADER_NAME}", "lib/libc.so.6")

# Set for our own git only: an image's own git must never see another git's helpers.
GIT_WRAPPER = b"""#!/agent/bin/sh
export GIT_EXEC_PATH=/agent/lib/git-core GIT_CONFIG_SYSTEM=/agent/etc/gitconfig
export GIT_TEMPLATE_DIR="${GIT_TEMPLATE_DIR:-/agent/share/git-core/templates}"
exec /agent/lib/git-core/git "$@"
"""
# The image's own settings come first; a file that is missing is skipped by git.
GIT_CONFIG = f"""[include]
\tpath = /etc/gitconfig
[safe]
\tdirectory = *
[http]
\tsslCAInfo = {layout.CA_BUNDLE}
""".encode()


def taken(manifest: Manifest, packages: dict[str, Files]) -> tuple[Files, set[str]]:
    """Return the files that the manifest takes (path in the tree -> member), and the packages they came from."""
    files: Files = {}
    sources: set[str] = set()
    for take in manifest.take:
        before = len(files)
        for name in sorted(packages):
            if not fnmatchcase(name, take.package):
                continue
            for path, member in packages[name].items():
                destination = take.destination(path)
                fixed = None if destination is None else relocated(member)
                if destination is not None and fixed is not None:
                    files[destination] = fixed
                    sources.add(name)
        if len(files) == before:
            raise ToolingError(f"no package gave anything for {take.package}: {take.under}", reason="manifest")
    for path, target in manifest.links.items():
        files[path] = Member(b"", target, executable=False)
    return {path: member for path, member in files.items() if not dangling(path, member, files)}, sources


def relocated(member: Member) -> Member | None:
    """Return a script with our own shell in its first line, or None for one whose language the tree has not."""
    if not member.executable or not member.data.startswith(b"#!"):
        return member
    first, newline, rest = member.data.partition(b"\n")
    words = first[2:].split()
    if words and words[0] in (b"/bin/sh", b"/bin/bash", b"/usr/bin/sh", b"/usr/bin/bash"):
        shell = layout.BIN.encode() + b"/" + posixpath.basename(words[0])
        return member._replace(data=b" ".join((b"#!" + shell, *words[1:])) + newline + rest)
    return None if any(word in first for word in (b"perl", b"wish", b"tclsh")) else member


def dangling(path: str, member: Member, files: Files) -> bool:
    """Return whether a link points at something that the tree does not hold."""
    if member.target is None:
        return False
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), member.target)) not in files


def ca_bundle(package: Files) -> bytes:
    """Return all certificates of Debian's ca-certificates package as one file, in the order of their names."""
    certificates = sorted(path for path in package if path.startswith("usr/share/ca-certificates/") and path.endswith(".crt"))
    return b"".join(package[path].data.rstrip() + b"\n" for path in certificates)


def libraries(wanted: Iterable[Member], extra: Iterable[str], packages: dict[str, Files]) -> tuple[Files, set[str]]:
    """Return every shared library that `wanted` needs, in turn, and `extra` by name, all as files of `lib/`.

    Raises ToolingError `library` naming the file that no package of the manifest holds.
    """
    index = {
        posixpath.basename(path): (name, path)
        for name in sorted(packages)
        for path in sorted(packages[name], reverse=True)
        if posixpath.dirname(path) in LIBRARY_DIRECTORIES
    }
    queue = [needed for member in wanted for needed in needs(member)] + [*extra, LOADER_NAME]
    found: Files = {}
    sources: set[str] = set()
    while queue:
        soname = queue.pop()
        if f"lib/{soname}" in found:
            continue
        if soname not in index:
            raise ToolingError(f"no package of the manifest holds the library {soname}", reason="library")
        name, path = index[soname]
        member = packages[name][path]
        while member.target is not None:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.target))
            member = packages[name][path]
        found[f"lib/{soname}"] = member
        sources.add(name)
        queue += needs(member)
    return found, sources


def needs(member: Member) -> tuple[str, ...]:
    """Return the libraries that a file lists."""
    read = elf.read(member.data)
    return read.needed if read else ()


def to_patch(files: Files) -> tuple[list[str], list[str]]:
    """Return the paths whose loader and library path must be set, and those that need only the library path."""
    programs: list[str] = []
    shared: list[str] = []
    for path in sorted(files):
        read = elf.read(files[path].data)
        if read is None or not read.dynamic or path in NOT_PATCHED:
            continue
        (programs if read.interpreted else shared).append(path)
    return programs, shared
