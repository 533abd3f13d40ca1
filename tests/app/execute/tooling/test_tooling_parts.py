"""The decisions and the reading behind a build, each on its own."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.errors import ToolingError
from app.execute.tooling import apt, assemble, deb, elf, inputs, manifest, process, programs, wheels
from app.execute.tooling.deb import Member
from app.execute.tooling.lock import held


def script(text: str) -> Member:
    return Member(text.encode(), None, executable=True)


def test_another_architecture_is_refused_and_said() -> None:
    with pytest.raises(ToolingError, match="x86-64") as caught:
        programs.check_host(machine="aarch64")
    assert caught.value.reason == "architecture"


def test_a_missing_tool_is_named_with_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolingError, match="apt-get") as caught:
        programs.check_host(machine="x86_64")
    assert caught.value.reason == "tool_missing"


def test_a_tool_that_hangs_is_ended() -> None:
    with pytest.raises(ToolingError) as caught:
        programs.run(("sleep", "60"), timeout_seconds=0.05)
    assert (caught.value.reason, caught.value.retryable) == ("tool_timeout", True)


def test_a_tool_that_fails_is_quoted() -> None:
    with pytest.raises(ToolingError, match="no such thing") as caught:
        programs.run(("sh", "-c", "echo no such thing >&2; exit 3"), timeout_seconds=5)
    assert caught.value.reason == "tool_failed"


def test_the_manifest_refuses_a_key_it_does_not_know(tmp_path: Path) -> None:
    text = manifest.MANIFEST_FILE.read_text().replace("dlopened =", "dlopend =")
    (tmp_path / "manifest.toml").write_text(text)
    with pytest.raises(ValidationError):
        manifest.load(tmp_path / "manifest.toml")


def test_perl_is_not_even_downloaded() -> None:
    parts = manifest.load().for_python("python3.12")
    wanted = ("git", "libc6", "zlib1g", "libpython3.12-stdlib", "python3.12-minimal", "ca-certificates")
    assert [name for name in wanted if not parts.wants(name)] == []
    assert [name for name in ("perl", "perl-base", "libperl5.36", "git-man", "dpkg", "passwd") if parts.wants(name)] == []


def test_scripts_get_our_shell_and_foreign_ones_are_left_out() -> None:
    own = assemble.relocated(script("#!/bin/sh -e\necho\n"))
    assert own is not None
    assert own.data == b"#!/agent/bin/sh -e\necho\n"
    assert assemble.relocated(script("#!/usr/bin/perl\n")) is None
    assert assemble.relocated(script("no script")) == script("no script")


def test_a_library_that_no_package_holds_is_named() -> None:
    with pytest.raises(ToolingError, match="libmissing") as caught:
        assemble.libraries([], ["libmissing.so.1"], {"libc6": {"usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": Member(b"", None, executable=True)}})
    assert caught.value.reason == "library"


def test_elf_headers_are_read_as_the_loader_reads_them() -> None:
    git = Path("/usr/bin/git").read_bytes()
    shown = subprocess.run(["patchelf", "--print-needed", "/usr/bin/git"], capture_output=True, text=True, check=True, timeout=10)
    read = elf.read(git)
    assert read is not None
    assert (read.dynamic, read.interpreted) == (True, True)
    assert list(read.needed) == shown.stdout.split()
    busybox = elf.read(Path("/bin/busybox").read_bytes())
    assert busybox is not None
    assert (busybox.dynamic, busybox.needed) == (False, ())
    assert elf.read(b"#!/bin/sh\n") is None


def test_a_package_is_read_without_being_unpacked(tmp_path: Path) -> None:
    root = tmp_path / "package"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text("Package: small\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.invalid>\nDescription: x\n")
    (root / "bin").mkdir()
    (root / "bin/small").write_text("#!/bin/sh\n")
    (root / "bin/small").chmod(0o755)
    (root / "bin/hard").hardlink_to(root / "bin/small")
    (root / "bin/soft").symlink_to("small")
    (root / "usr/share/doc/small").mkdir(parents=True)
    (root / "usr/share/doc/small/copyright").write_text("Files: *\nLicense: Expat\n text\n\nFiles: b\nLicense: GPL-2+\n")
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, tmp_path / "small.deb"], check=True, capture_output=True, timeout=30)
    files = deb.members(tmp_path / "small.deb")
    assert files["usr/bin/small"] == script("#!/bin/sh\n")
    assert files["usr/bin/hard"].data == b"#!/bin/sh\n"
    assert files["usr/bin/soft"].target == "small"
    assert deb.licences("small", files) == ["Expat", "GPL-2+"]


def test_a_cached_package_that_was_changed_is_removed_and_refused(tmp_path: Path) -> None:
    good = hashlib.sha256(b"as signed").hexdigest()
    file = tmp_path / f"{good}.deb"
    file.write_bytes(b"as changed")
    with pytest.raises(ToolingError) as caught:
        apt.fetch([apt.Package(name="git", version="1", sha256=good)], tmp_path)
    assert (caught.value.reason, caught.value.retryable, file.exists()) == ("checksum", True, False)


@pytest.mark.parametrize("path", ["../evil.py", "/evil.py", "a/../../evil.py"])
def test_a_wheel_that_leads_out_of_its_directory_is_refused(tmp_path: Path, path: str) -> None:
    """THREATS T35."""
    wheel = tmp_path / "evil-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(path, "")
    with pytest.raises(ToolingError) as caught:
        wheels.members(wheel)
    assert caught.value.reason == "wheel"


def test_of_a_wheel_only_the_packages_are_taken(tmp_path: Path) -> None:
    wheel = tmp_path / "small-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("small/__init__.py", "small-1.dist-info/RECORD", "small-1.data/scripts/small", "small-1.data/purelib/extra.py"):
            archive.writestr(name, "")
        archive.writestr("small-1.dist-info/METADATA", "Name: small\nLicense-Expression: MIT\n\nLicense: not this\n")
    files = wheels.members(wheel)
    assert sorted(files) == ["extra.py", "small-1.dist-info/METADATA", "small/__init__.py"]
    assert wheels.licence(files) == "MIT"


def test_the_key_follows_the_sources_and_nothing_else(stand_in: Path) -> None:
    before = inputs.read(stand_in).key()
    cache = stand_in / "runner/__pycache__"
    cache.mkdir()
    (cache / "x.pyc").write_bytes(b"")
    assert inputs.read(stand_in).key() == before
    (stand_in / "runner/more.py").write_text("")
    changed = inputs.read(stand_in).key()
    (stand_in / "runner/more.py").unlink()
    assert changed != before
    assert inputs.read(stand_in).key("another package") != before


def test_a_checkout_without_a_runner_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolingError) as caught:
        inputs.read(tmp_path)
    assert caught.value.reason == "sidecar"


def test_a_lock_that_another_holds_too_long_is_an_error(tmp_path: Path) -> None:
    with held(tmp_path / "lock"), pytest.raises(ToolingError) as caught, held(tmp_path / "lock", wait_seconds=0):
        pass
    assert (caught.value.reason, caught.value.retryable) == ("locked", True)
    with held(tmp_path / "lock", wait_seconds=0):
        pass


def test_packages_beside_the_wanted_versions_are_not_taken_for_them(tmp_path: Path) -> None:
    requirements = "typing-extensions==4.16.0 \\\n    --hash=sha256:00\nrich==15.0.0\n"
    site = tmp_path / "site"
    for name in ("typing_extensions-4.16.0.dist-info", "rich-15.0.0.dist-info"):
        (site / name).mkdir(parents=True)
    assert process.satisfies(site, requirements)
    (site / "rich-15.0.0.dist-info").rename(site / "rich-14.0.0.dist-info")
    assert not process.satisfies(site, requirements)
    assert not process.satisfies(tmp_path / "missing", requirements)
