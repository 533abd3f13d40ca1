"""`bellhop demo` as somebody types it, and what it ships to play with."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.demo.record import NORMALISE
from app.demo.scene import HERE
from app.emulators.model import ANTHROPIC_KEY, OPENAI_KEY, load_record
from tests.conftest import missing
from tests.e2e.harness import ROOT

NOBODY = 65_534


def demo(
    *arguments: str, temporary: Path, python: Sequence[str] = (sys.executable,), home: str | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run it to its end; `temporary` is where it keeps its files, and must be short."""
    kept = {"PATH": os.environ["PATH"], "HOME": home or os.environ.get("HOME", "/root")}
    return subprocess.run(
        [*python, "-m", "app.cli", "demo", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
        env=kept | {"TMPDIR": str(temporary)} | environment,
    )


def said(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one JSON object of a demo that ended well."""
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    return found


@pytest.mark.bubblewrap
def test_it_prints_one_json_object_and_leaves_nothing_behind(runtime_dir: Path, bubblewrap: str) -> None:
    found = said(demo("--json", "--sandbox", "bubblewrap", temporary=runtime_dir))
    assert list(found) == ["outcome", "url", "branch", "isolation", "timings_ms"]
    assert found["outcome"] == "pull_request"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/corner-shop/till/pull/2", found["url"])
    assert re.fullmatch(r"bellhop/[a-z0-9]+", found["branch"])
    assert found["isolation"] == "process"
    times = found["timings_ms"]
    assert all(isinstance(value, int) and value >= 0 for value in times.values())
    assert times["in all"] == sum(value for name, value in times.items() if name != "in all") > 0
    assert times["agent at work"] > 0
    assert list(runtime_dir.iterdir()) == []


@pytest.mark.slow  # a whole demo
@pytest.mark.bubblewrap
def test_it_tells_a_person_what_happened(runtime_dir: Path, bubblewrap: str) -> None:
    result = demo("--sandbox", "bubblewrap", temporary=runtime_dir)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    text = " ".join(result.stdout.split())
    for words in (
        "This is the weakest level", "replayed from a shipped record", "Delivered the recorded webhook", "Main steps",
        "Pull request #2: Splitting 10.00 between three friends loses a cent", "/corner-shop/till/pull/2",
        "verify: `python3 -m unittest` passed in a fresh sandbox", "isolation: process (bubblewrap)",
        "- share = total_cents // friends", "+ share, left_over = divmod(total_cents, friends)", "Where the time went",
        "fetching the repository", "starting the agent", "in all", "Proof, from the emulated GitHub",
    ):
        assert words in text, words
    assert "\x1b" not in result.stdout


@pytest.mark.slow  # a whole demo
@pytest.mark.bubblewrap
def test_a_repository_with_another_bug_fails_because_nothing_is_canned(
    runtime_dir: Path, tmp_path: Path, bubblewrap: str
) -> None:
    changed = tmp_path / "repository"
    shutil.copytree(HERE / "repository", changed, ignore=shutil.ignore_patterns("__pycache__"))
    split = changed / "till" / "split.py"
    split.write_text(split.read_text().replace("total_cents // friends", "(total_cents - 1) // friends"))
    result = demo("--json", "--sandbox", "bubblewrap", "--repository", str(changed), temporary=runtime_dir)
    assert result.returncode == 1
    assert json.loads(result.stdout)["outcome"] == "failed"
    assert json.loads(result.stdout)["url"] is None
    assert "is not in the record" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("The demo failed. ")
    assert "+    share = (total_cents - 1) // friends" in result.stderr


@pytest.mark.slow  # a whole demo
@pytest.mark.bubblewrap
def test_it_needs_no_terminal_no_input_and_no_home(runtime_dir: Path, bubblewrap: str) -> None:
    long = runtime_dir / ("t" * 80)
    long.mkdir()
    result = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "app.cli", "demo", "--json", "--sandbox", "bubblewrap"],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
        # No directory can be made below /proc, whoever asks; a socket's path would be too long below this TMPDIR.
        env={"PATH": os.environ["PATH"], "HOME": "/proc/nowhere", "COLUMNS": "12", "TERM": "dumb", "TMPDIR": str(long)},
    )
    assert said(result)["outcome"] == "pull_request"


@pytest.mark.slow  # a whole demo
@pytest.mark.bubblewrap
@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root has shown it by the other tests")
def test_an_unprivileged_user_can_run_it(runtime_dir: Path, bubblewrap: str) -> None:
    # Below pytest's own directory only root may look.
    runtime_dir.chmod(0o755)
    home, temporary = runtime_dir / "home", runtime_dir / "t"
    for directory in (home, temporary):
        directory.mkdir()
        os.chown(directory, NOBODY, NOBODY)
    python = python_of_everybody(runtime_dir)
    become = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
    found = said(demo("--json", "--sandbox", "bubblewrap", temporary=temporary, python=(*become, python), home=str(home)))
    assert (found["outcome"], found["isolation"]) == ("pull_request", "process")
    assert list(temporary.iterdir()) == []


def python_of_everybody(directory: Path) -> str:
    """A Python that other users may run, with the packages of this one."""
    if all(parent.stat().st_mode & stat.S_IXOTH for parent in Path(sys.base_prefix).resolve().parents):
        return sys.executable
    system = Path("/usr/bin/python3")
    version = subprocess.run([system, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, timeout=20, check=False)
    if version.stdout.split() != [str(part) for part in sys.version_info[:2]]:
        missing(f"no Python {sys.version_info[0]}.{sys.version_info[1]} that everybody may run")
    venv = directory / "venv"
    subprocess.run([system, "-m", "venv", "--without-pip", venv], check=True, timeout=60)
    name = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    (venv / name / "others.pth").write_text(f"{Path(sys.prefix) / name}\n")
    (venv / "agent-site").symlink_to(Path(sys.prefix) / "agent-site")
    return str(venv / "bin" / "python")


@pytest.mark.slow  # a whole demo
@pytest.mark.docker
def test_on_docker_it_is_a_container(runtime_dir: Path, docker_host: str, debian_image: str) -> None:
    result = demo(
        "--json", "--sandbox", "docker", "--image", debian_image, temporary=runtime_dir, BELLHOP_DOCKER_HOST=docker_host
    )
    found = said(result)
    assert (found["outcome"], found["isolation"]) == ("pull_request", "container")


@pytest.mark.docker
def test_an_image_that_is_not_to_be_had_is_named(runtime_dir: Path, docker_host: str) -> None:
    result = demo(
        "--json", "--sandbox", "docker", "--image", "bellhop-test/not-there:1", temporary=runtime_dir,
        BELLHOP_DOCKER_HOST=docker_host,
    )
    assert result.returncode == 2
    assert "bellhop-test/not-there:1" in json.loads(result.stdout)["message"]
    assert "--image NAME" in json.loads(result.stdout)["message"]
    assert "Traceback" not in result.stderr


def test_the_recorded_delivery_is_signed_for_its_very_bytes() -> None:
    recorded = json.loads((HERE / "delivery.json").read_text())
    secret = yaml.safe_load((HERE / "seed.yaml").read_text())["app"]["webhook_secret"]
    headers = {name.lower(): value for name, value in recorded["headers"].items()}
    signature = hmac.new(secret.encode(), recorded["body"].encode(), hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={signature}"
    assert headers["x-github-event"] == "issues"
    payload = json.loads(recorded["body"])
    assert (payload["action"], payload["label"]["name"], payload["sender"]["login"]) == ("labeled", "bellhop", "ada")
    assert "127.0.0.1" not in recorded["body"]


def test_the_record_holds_no_secret_and_no_place_of_the_machine_that_made_it() -> None:
    text = (HERE / "record.json").read_text()
    for secret in (ANTHROPIC_KEY, OPENAI_KEY, "x-api-key", "uthorization", "ghs_", "ghp_", "PRIVATE KEY"):
        assert secret not in text, secret
    assert set(re.findall(r"(?<![\w.:/])/(?:root|home|work|tmp|var|usr/local|etc|run)\b[\w./-]*", text)) == set()
    assert re.findall(r"https?://\S+?:\d+", text) == []


def test_what_the_record_passes_over_is_what_varies_and_no_more() -> None:
    record = load_record(HERE / "record.json")
    assert record.normalise == NORMALISE
    text = (HERE / "record.json").read_text()
    for each in record.normalise:
        assert each.why
        # A rule that finds nothing in the record would only hide what it is not meant for.
        assert re.search(each.pattern, text), each.pattern
    assert [exchange.status for exchange in record.exchanges] == [200] * 5


def test_the_test_of_the_demos_repository_fails_before_and_only_that_one() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "unittest"], cwd=HERE / "repository", capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert result.returncode == 1
    assert re.findall(r"^FAIL: (\w+)", result.stderr, re.MULTILINE) == ["test_no_cent_is_lost"]
