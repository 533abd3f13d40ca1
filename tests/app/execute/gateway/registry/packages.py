"""Packages made by hand: a wheel, an npm tarball, a deb with its archive, a crate, a Go module."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path


def wheel(name: str, version: str, said: str, *, padding: int = 0) -> bytes:
    """A pure wheel whose module says `said`; `padding` bytes that do not compress make it larger."""
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": f"SAID = {said!r}\n".encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if padding:
        members[f"{name}.bin"] = hashlib.shake_128(said.encode()).digest(padding)
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in members.items()
    )
    members[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    return _zip(members)


def npm_tarball(name: str, version: str, said: str) -> bytes:
    """A package whose main module says `said`."""
    return _tar_gz({
        "package/package.json": f'{{"name": "{name}", "version": "{version}", "main": "index.js"}}'.encode(),
        "package/index.js": f"module.exports = {said!r};\n".encode(),
    })


def crate(name: str, version: str, said: str) -> bytes:
    """A library whose function `said` returns a text."""
    root = f"{name}-{version}"
    manifest = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n'
    return _tar_gz({
        f"{root}/Cargo.toml": manifest.encode(),
        f"{root}/src/lib.rs": f'pub fn said() -> &\'static str {{ "{said}" }}\n'.encode(),
    })


def go_module(path: str, version: str, said: str) -> tuple[bytes, bytes]:
    """A module's go.mod and zip: https://go.dev/ref/mod#zip-files."""
    mod = f"module {path}\n\ngo 1.19\n".encode()
    root = f"{path}@{version}"
    package = path.rpartition("/")[2]
    return mod, _zip({f"{root}/go.mod": mod, f"{root}/said.go": f'package {package}\n\nconst Said = "{said}"\n'.encode()})


def deb(directory: Path, name: str, version: str, said: str) -> bytes:
    """A package with a file, /usr/share/<name>/said, a program that prints it, and a script that runs when it is installed."""
    root = directory / f"{name}-root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Nobody <nobody@registry.example>\nDescription: a test\n"
    )
    file = root / "usr" / "share" / name / "said"
    file.parent.mkdir(parents=True)
    file.write_text(said)
    program = root / "usr" / "bin" / name
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncat "$(dirname "$0")/../share/{name}/said" "$(dirname "$0")/../share/{name}/configured"\n')
    script = root / "DEBIAN" / "postinst"
    script.write_text(f'#!/bin/sh\necho ", configured" >"$DPKG_ROOT/usr/share/{name}/configured"\n')
    for executable in (program, script):
        executable.chmod(0o755)
    made = directory / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", str(root), str(made)], check=True, capture_output=True, timeout=60)
    return made.read_bytes()


def debian_archive(name: str, version: str, deb_bytes: bytes, suite: str = "stable") -> dict[str, bytes]:
    """An archive with one package, by path, unsigned: https://wiki.debian.org/DebianRepository/Format."""
    pool = f"pool/main/{name[0]}/{name}/{name}_{version}_all.deb"
    packages = (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Nobody <nobody@registry.example>\nFilename: {pool}\n"
        f"Size: {len(deb_bytes)}\nSHA256: {hashlib.sha256(deb_bytes).hexdigest()}\nDescription: a test\n\n"
    ).encode()
    packed = gzip.compress(packages, mtime=0)
    files = {"main/binary-amd64/Packages": packages, "main/binary-amd64/Packages.gz": packed,
             "main/binary-arm64/Packages": packages, "main/binary-arm64/Packages.gz": packed}
    sums = "".join(f" {hashlib.sha256(data).hexdigest()} {len(data)} {path}\n" for path, data in files.items())
    release = (
        f"Origin: test\nSuite: {suite}\nCodename: {suite}\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nAcquire-By-Hash: yes\n"
        f"Architectures: all amd64 arm64\nComponents: main\nSHA256:\n{sums}"
    ).encode()
    archive = {f"dists/{suite}/{path}": data for path, data in files.items()}
    for path, data in files.items():
        archive[f"dists/{suite}/{path.rpartition('/')[0]}/by-hash/SHA256/{hashlib.sha256(data).hexdigest()}"] = data
    return {**archive, f"dists/{suite}/Release": release, pool: deb_bytes}


def integrity(data: bytes) -> str:
    """The digest as npm states it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def _tar_gz(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, data in members.items():
            info = tarfile.TarInfo(path)
            info.size, info.mtime, info.mode = len(data), 0, 0o644
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
