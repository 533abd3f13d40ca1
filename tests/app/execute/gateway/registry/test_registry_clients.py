"""The clients as people use them, unchanged, through a real door and the runner's own forwarder.

What points them to the door is what a sandbox gets; the registries behind it are fakes, their packages made by hand.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.assignment import PROXY_URL
from app.core.sandbox.door import DoorRules
from app.profiles import load_registries
from sidecar.runner.files import write_files
from sidecar.runner.forwarder import Forwarder
from tasks.starting.door_rules import proxy_environment
from tasks.starting.registry_clients import HOME, clients
from tests.app.execute.gateway.house import House
from tests.app.execute.gateway.registry import packages
from tests.app.execute.gateway.registry.conftest import NAMES
from tests.app.execute.gateway.registry.fake_registry import TOKEN, FakeRegistry
from tests.conftest import missing


class Inside:
    """A place with the door at its loopback, set up as a sandbox's is; what is outside is not cut off."""

    def __init__(self, house: House, registries: tuple[str, ...], home: Path, work: Path) -> None:
        self.home, self.work = home, work
        self.sandbox = house.sandbox(door=DoorRules(registries=registries))
        forwarder = Forwarder((0, str(house.socket(self.sandbox))))
        forwarder.start()
        known = load_registries(house.settings.registries_file)
        made = clients({name: known[name] for name in registries})

        def here(text: str) -> str:
            return text.replace(":4117", f":{forwarder.ports[0]}").replace(HOME, str(home))

        # As in a sandbox, where the proxy is another door: packages must not be asked for there.
        proxy = {name: value.replace(PROXY_URL, "http://127.0.0.1:9") for name, value in proxy_environment({}).items()}
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home), **proxy,
                    **{name: here(value) for name, value in made.env.items()}}
        write_files(str(home), {name: here(text) for name, text in made.files.items()})

    def run(self, *argv: str, good: bool = True, **env: str) -> str:
        """Run a command and return what it says."""
        done = subprocess.run(argv, cwd=self.work, env={**self.env, **env}, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode == 0) == good, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def inside(house: House, tmp_path: Path) -> Inside:
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    return Inside(house, (*NAMES, "secret-npm"), tmp_path / "home", tmp_path / "work")


def program(name: str, *, optional: bool = False) -> str:
    found = shutil.which(name)
    if found is None and optional:
        pytest.skip(f"no {name} on this machine, and too large to install for one test")
    if found is None:
        missing(f"no {name}")
    return found


def pip(inside: Inside, *arguments: str, good: bool = True, **env: str) -> str:
    return inside.run(sys.executable, "-m", "pip", "install", "--no-cache-dir", "--target", str(inside.work / "site"), *arguments,
                      good=good, **env)


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "html"])
def test_pip_installs(inside: Inside, registry: FakeRegistry, as_json: bool) -> None:
    registry.add_wheel("hello", "1.0", "hi", as_json=as_json)
    pip(inside, "hello==1.0")
    assert "'hi'" in (inside.work / "site" / "hello.py").read_text()


def test_t38_an_index_that_the_repository_names_is_not_asked_with_anything_of_ours(inside: Inside, registry: FakeRegistry) -> None:
    """pip.conf loses to the environment; what a requirements file names is asked directly, which a sandbox cannot."""
    registry.add_wheel("hello", "1.0", "hi")
    (inside.work / "pip.conf").write_text(f"[global]\nindex-url = {registry.url}/evil/simple/\n")
    pip(inside, "hello", PIP_CONFIG_FILE="pip.conf", GITHUB_TOKEN="none")
    assert registry.paths() == ["/pypi/simple/hello/", "/pypi-files/packages/hello/hello-1.0-py3-none-any.whl"]


def test_uv_installs(inside: Inside, registry: FakeRegistry) -> None:
    registry.add_wheel("hello", "1.0", "hi")
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        missing("no uv")
    inside.run(str(uv), "pip", "install", "--no-cache", "--no-config", "--python", sys.executable, "--target", "site", "hello==1.0")
    assert "'hi'" in (inside.work / "site" / "hello.py").read_text()


def lockfile(inside: Inside, name: str, resolved: str, integrity: str) -> None:
    (inside.work / "package.json").write_text(json.dumps({"name": "mine", "version": "1.0.0", "dependencies": {name: "1.0.0"}}))
    (inside.work / "package-lock.json").write_text(json.dumps({
        "name": "mine", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": {
            "": {"name": "mine", "version": "1.0.0", "dependencies": {name: "1.0.0"}},
            f"node_modules/{name}": {"version": "1.0.0", "resolved": resolved, "integrity": integrity}}}))


@pytest.mark.parametrize("named", ["public.registry.example", "mirror.registry.example/npm"])
def test_npm_ci_installs_what_the_lockfile_says(inside: Inside, registry: FakeRegistry, named: str) -> None:
    """Whichever registry the lock file names, with the registry's path or without."""
    npm = program("npm")
    path, integrity = registry.add_npm("left", "1.0.0", "hi")
    lockfile(inside, "left", f"https://{named}{path.removeprefix('/npm')}", integrity)
    before = (inside.work / "package-lock.json").read_text()
    inside.run(npm, "ci")
    assert "'hi'" in (inside.work / "node_modules" / "left" / "index.js").read_text()
    assert (inside.work / "package-lock.json").read_text() == before
    assert registry.paths() == [path]


def test_a_lockfile_that_npm_writes_names_the_registry_and_not_the_door(inside: Inside, registry: FakeRegistry) -> None:
    npm = program("npm")
    registry.add_npm("left", "1.0.0", "hi")
    registry.add_npm("@some/right", "1.0.0", "hi")
    (inside.work / "package.json").write_text('{"name": "mine", "version": "1.0.0"}')
    inside.run(npm, "install", "left", "@some/right")
    lock = json.loads((inside.work / "package-lock.json").read_text())
    assert [each["resolved"] for name, each in sorted(lock["packages"].items()) if name] == [
        f"{registry.url}/npm/@some/right/-/right-1.0.0.tgz", f"{registry.url}/npm/left/-/left-1.0.0.tgz"]
    shutil.rmtree(inside.work / "node_modules")
    inside.run(npm, "ci", npm_config_cache=str(inside.work / "another"))


def test_t38_npmrc_of_the_repository_gets_nothing(inside: Inside, registry: FakeRegistry) -> None:
    npm = program("npm")
    path, integrity = registry.add_npm("left", "1.0.0", "hi")
    (inside.work / ".npmrc").write_text(f"registry={registry.url}/evil/\n//127.0.0.1/:_authToken=${{HOME}}-attackers-own\n")
    lockfile(inside, "left", inside.env["npm_config_registry"] + path.removeprefix("/npm/"), integrity)
    inside.run(npm, "ci")
    inside.run(npm, "install", "left@1.0.0", "--no-save")
    assert [asked.path for asked in registry.asked if "evil" in asked.path] == []
    assert "attackers-own" not in str(registry.asked)


def test_npm_installs_a_package_of_a_private_scope(inside: Inside, registry: FakeRegistry) -> None:
    npm = program("npm")
    registry.private = ("/secret-npm",)
    registry.add_npm("@acme/tool", "1.0.0", "hi", root="/secret-npm")
    inside.run(npm, "install", "@acme/tool")
    assert "'hi'" in (inside.work / "node_modules" / "@acme" / "tool" / "index.js").read_text()
    everything = "".join(path.read_text(errors="replace") for path in inside.home.rglob("*") if path.is_file())
    lock = (inside.work / "package-lock.json").read_text()
    assert TOKEN not in everything + lock
    assert f"{registry.url}/secret-npm/@acme/tool/-/tool-1.0.0.tgz" in lock
    # Nobody but its own registry was told that there is such a thing.
    assert {path.split("/")[1] for path in registry.paths()} == {"secret-npm"}


def test_t56_npm_publish_and_login_are_refused(inside: Inside, registry: FakeRegistry, house: House) -> None:
    npm = program("npm")
    (inside.work / "package.json").write_text('{"name": "stolen", "version": "1.0.0"}')
    port = inside.env["npm_config_registry"].removeprefix("http:")
    (inside.home / ".npmrc").write_text(f"{port}:_authToken=attackers-own\n")
    said = inside.run(npm, "publish", good=False)
    assert "403" in said
    assert [asked for asked in registry.asked if asked.method not in ("GET", "HEAD")] == []
    assert any("PUT /registry/npm/stolen" in row.step.text for row in house.steps(inside.sandbox))


def test_apt_reads_lists_and_downloads(inside: Inside, registry: FakeRegistry, tmp_path: Path) -> None:
    apt, dpkg = program("apt-get"), program("dpkg-deb")
    made = packages.deb(tmp_path, "hello-bellhop", "1.0", "hi")
    for path, data in packages.debian_archive("hello-bellhop", "1.0", made).items():
        registry.put(f"/debian/{path}", data)
    sources = inside.home / ".bellhop" / "apt" / "sources.list"
    sources.write_text(sources.read_text().replace("deb ", "deb [trusted=yes] "))
    inside.run(apt, "update")
    inside.run(apt, "download", "hello-bellhop")
    inside.run(dpkg, "-x", "hello-bellhop_1.0_all.deb", "out")
    assert (inside.work / "out/usr/share/hello-bellhop/said").read_text() == "hi"


def test_cargo_fetches_and_builds(inside: Inside, registry: FakeRegistry) -> None:
    cargo = program("cargo", optional=True)
    registry.add_crate("hello", "1.0.0", "hi")
    (inside.work / "src").mkdir()
    (inside.work / "src" / "main.rs").write_text('fn main() { println!("{}", hello::said()); }')
    (inside.work / "Cargo.toml").write_text('[package]\nname = "mine"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\nhello = "1.0"\n')
    rustup = {name: os.environ[name] for name in ("RUSTUP_HOME", "RUSTUP_TOOLCHAIN") if name in os.environ}
    rustup.setdefault("RUSTUP_HOME", str(Path.home() / ".rustup"))
    inside.env |= rustup
    assert "hi" in inside.run(cargo, "run", "--quiet")
    # The lock file names the crates' own home, not the door.
    assert "127.0.0.1" not in (inside.work / "Cargo.lock").read_text()


def test_go_gets_a_module(inside: Inside, registry: FakeRegistry) -> None:
    go = program("go", optional=True)
    registry.add_go("registry.example/hello", "v1.0.0", "hi")
    (inside.work / "go.mod").write_text("module mine\n\ngo 1.19\n\nrequire registry.example/hello v1.0.0\n")
    (inside.work / "main.go").write_text('package main\n\nimport "registry.example/hello"\n\nfunc main() { println(hello.Said) }\n')
    inside.run(go, "mod", "tidy", GONOSUMDB="registry.example", GOFLAGS="-mod=mod")
    assert "hi" in inside.run(go, "run", ".", GONOSUMDB="registry.example")
