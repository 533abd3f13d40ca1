"""What a newcomer meets first: `app/demo/prepare.sh` on machines that lack something, and the Makefile's environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREPARE = ROOT / "app" / "demo" / "prepare.sh"

# A Python as far as prepare.sh asks: is it new enough, has it venv, what does it call itself.
PYTHON = """\
#!/bin/sh
case "$*" in
--version) echo "Python {version}" ;;
*version_info*) exit {old} ;;
*ensurepip*) [ -e {venv} ] ;;
esac
"""
APT = """\
#!/bin/sh
echo "$*" >> {log}
case "$*" in *update*) exit 0 ;; esac
{install}
"""


class Machine:
    """A PATH of its own: the few programs that any Debian has, and what a test puts there."""

    def __init__(self, place: Path) -> None:
        self.bin = place / "bin"
        self.bin.mkdir()
        self.log = place / "apt.log"
        self.venv = place / "venv-is-there"
        self.venv.touch()
        for name in ("sh", "mktemp", "tail", "head", "rm", "env", "basename", "cat", "touch", "cp", "chmod"):
            (self.bin / name).symlink_to(shutil.which(name) or name)
        self.put("uname", "#!/bin/sh\necho Linux\n")
        self.put("id", "#!/bin/sh\necho 0\n")
        self.put("gitlike", "#!/bin/sh\n")
        self.python()

    def put(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def python(self, version: str = "3.11.2", name: str = "python3") -> None:
        old = int(version.startswith(("3.9", "3.10")))
        self.put(name, PYTHON.format(version=version, old=old, venv=self.venv))

    def apt(self, install: str) -> None:
        self.put("apt-get", APT.format(log=self.log, install=install))

    def prepare(self, *needs: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.bin / "sh", PREPARE, *needs], env={"PATH": str(self.bin)} | environment, capture_output=True, text=True,
            timeout=30, check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_where_all_is_there_it_only_names_the_python(machine: Machine) -> None:
    machine.apt("exit 1")
    result = machine.prepare("gitlike")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{machine.bin}/python3\n", "")
    assert not machine.log.exists()


def test_root_on_debian_gets_what_is_missing_and_is_told(machine: Machine) -> None:
    machine.venv.unlink()
    machine.apt(f"touch {machine.venv}; cp {machine.bin}/gitlike {machine.bin}/bwraplike")
    result = machine.prepare("gitlike", "bwraplike:bubblewrap")
    assert result.returncode == 0, result.stderr
    assert result.stderr == "bellhop: installing with apt: python3-venv bubblewrap\n"
    assert result.stdout == f"{machine.bin}/python3\n"
    assert "install -q -y --no-install-recommends python3-venv bubblewrap" in machine.log.read_text()


def test_sudo_without_a_password_will_do(machine: Machine) -> None:
    machine.put("id", "#!/bin/sh\necho 1000\n")
    machine.put("sudo", '#!/bin/sh\nshift\nexec "$@"\n')
    machine.put("true", "#!/bin/sh\n")
    machine.apt(f"cp {machine.bin}/gitlike {machine.bin}/bwraplike")
    assert machine.prepare("bwraplike:bubblewrap").returncode == 0


def test_who_is_not_root_is_told_what_to_install(machine: Machine) -> None:
    machine.put("id", "#!/bin/sh\necho 1000\n")
    machine.apt("exit 0")
    machine.put("sudo", "#!/bin/sh\nexit 1\n")
    result = machine.prepare("gitlike", "bwraplike:bubblewrap")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == "bellhop: missing on this machine: bubblewrap. To install it: sudo apt-get install bubblewrap\n"
    assert not machine.log.exists()


def test_where_there_is_no_apt_the_missing_part_is_named(machine: Machine) -> None:
    result = machine.prepare("bwraplike:bubblewrap", "gitlike")
    assert result.returncode == 1
    assert "missing on this machine: bubblewrap" in result.stderr
    assert "package manager" in result.stderr


@pytest.mark.parametrize("chosen", [{}, {"PYTHON": "python3"}], ids=("found", "named"))
def test_an_old_python_is_named_and_nothing_is_installed(machine: Machine, chosen: dict[str, str]) -> None:
    machine.python("3.9.2")
    machine.apt("exit 0")
    result = machine.prepare("bwraplike:bubblewrap", **chosen)
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed, and python3 is Python 3.9.2" in result.stderr
    assert "make demo PYTHON=" in result.stderr
    assert not machine.log.exists()


def test_a_newer_python_beside_an_old_one_is_found(machine: Machine) -> None:
    machine.python("3.9.2")
    machine.python("3.12.1", "python3.12")
    machine.venv.unlink()
    machine.apt(f"touch {machine.venv}")
    result = machine.prepare()
    assert (result.returncode, result.stdout) == (0, f"{machine.bin}/python3.12\n")
    assert "installing with apt: python3.12-venv" in result.stderr


def test_a_python_that_is_named_and_not_there_is_an_error(machine: Machine) -> None:
    result = machine.prepare(PYTHON="/opt/nowhere/python3")
    assert result.returncode == 1
    assert "/opt/nowhere/python3 is not there" in result.stderr


def test_no_python_at_all_is_installed(machine: Machine) -> None:
    (machine.bin / "python3").rename(machine.bin / "later")
    machine.apt(f"cp {machine.bin}/later {machine.bin}/python3")
    result = machine.prepare()
    assert result.returncode == 0, result.stderr
    assert result.stderr == "bellhop: installing with apt: python3 python3-venv\n"


def test_an_apt_that_fails_shows_its_last_words(machine: Machine) -> None:
    machine.apt("echo E: Unable to locate package bubblewrap >&2; exit 100")
    result = machine.prepare("bwraplike:bubblewrap")
    assert result.returncode == 1
    assert "apt could not install bubblewrap" in result.stderr
    assert "E: Unable to locate package bubblewrap" in result.stderr


def test_an_apt_that_installs_something_else_is_not_believed(machine: Machine) -> None:
    machine.apt("exit 0")
    result = machine.prepare("bwraplike:bubblewrap")
    assert result.returncode == 1
    assert "still missing: bubblewrap" in result.stderr


def test_another_system_than_linux_is_refused(machine: Machine) -> None:
    machine.put("uname", "#!/bin/sh\necho Darwin\n")
    result = machine.prepare()
    assert result.returncode == 1
    assert "sandboxes need Linux, and this is Darwin" in result.stderr


@pytest.mark.slow  # makes virtual environments
def test_the_environment_survives_a_move_a_changed_lock_and_an_interruption(tmp_path: Path) -> None:
    place = tmp_path / "a checkout"
    (place / "app" / "demo").mkdir(parents=True)
    for name in ("requirements", "sidecar"):
        (place / name).mkdir()
    for name in ("requirements/base.txt", "sidecar/requirements.txt"):
        (place / name).write_text("# nothing\n")
    shutil.copy(ROOT / "Makefile", place)
    shutil.copy(PREPARE, place / "app" / "demo")
    (place / "app" / "cli.py").write_text(
        "import os, sys\ndef main():\n    print(os.path.realpath(__file__), *sys.argv[1:], sep='\\n')\n"
    )

    def make() -> str:
        # Not in the environment of the `make` that runs this test.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
        result = subprocess.run(["make", "install"], cwd=place, env=kept, capture_output=True, text=True, timeout=200, check=False)
        assert result.returncode == 0, result.stderr
        return result.stderr

    def works() -> bool:
        said = subprocess.check_output([place / ".venv" / "bin" / "bellhop", "a b"], cwd=tmp_path, text=True, timeout=30)
        return said == f"{place}/app/cli.py\na b\n"

    assert "installing" in make()
    assert works()
    assert make() == ""

    place = place.rename(tmp_path / "elsewhere")
    assert works()
    assert make() == ""

    os.utime(place / "requirements" / "base.txt")
    assert "installing" in make()

    # Killed while pip was being unpacked: an interpreter, and no pip.
    (place / ".venv" / ".base").unlink()
    shutil.rmtree(next((place / ".venv" / "lib").glob("python3*/site-packages/pip")))
    assert "installing" in make()
    assert works()
