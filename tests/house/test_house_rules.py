"""The rules of the house that a machine can hold."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("app", "triggers", "tasks", "sidecar", "bench")
LINE_CAP = 400

# Who may import whom; a longer name decides before a shorter one. None: nothing of ours.
ALLOWED: dict[str, tuple[str, ...]] = {
    "app.core": ("app.core", "app.errors"),
    "app.errors": (),
    "app.settings": ("app.errors",),
    "app.ports": ("app.core", "app.errors"),
    "app.ledger": ("app.core", "app.ports", "app.errors", "app.ledger"),
    "app.git": ("app.core", "app.ports", "app.errors", "app.settings", "app.bounded"),
    "app.git_trees": ("app.core", "app.errors", "app.git"),
    "app.git_merges": ("app.errors", "app.git", "app.git_trees"),
    "app.execute": ("app.core", "app.ports", "app.errors", "app.settings", "app.ledger", "app.execute", "app.git",
                    "app.git_trees", "app.git_merges", "app.bounded", "app.prompt_server"),
    "app.publish": ("app.core", "app.ports", "app.errors", "app.settings", "app.ledger", "app.publish", "app.git",
                    "app.git_trees", "app.git_merges", "app.bounded"),
    "app.observe": ("app.core", "app.ports", "app.errors", "app.ledger", "app.observe"),
    "app.intake": ("app.core", "app.ports", "app.errors", "app.ledger"),
    "app.profiles": ("app.core", "app.errors", "app.profiles"),
    "app.strangers": (),
    "app.prompt_server": (),
    "app.emulators": ("app.core", "app.errors", "app.ledger", "app.emulators", "app.serving", "app.prompt_server"),
    "triggers": ("app.core", "app.ports", "app.errors", "app.settings", "app.intake", "triggers"),
    "tasks": ("app.core", "app.git_merges", "app.ports", "app.errors", "app.settings", "app.ledger", "app.execute", "app.publish",
              "app.git", "app.profiles", "triggers", "tasks"),
    "sidecar": ("sidecar",),
}
# They choose implementations, or are commands for people: they may import anything but the sidecar.
COMPOSITION = (
    "app.main", "app.embedded", "app.cli", "app.commands", "app.demo", "app.replay", "app.attack", "app.execute.gateway.main", "tasks.worker", "bench",
)


def modules() -> Iterator[tuple[str, Path, ast.Module]]:
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            relative = path.relative_to(ROOT)
            if relative.parts[:3] == ("app", "demo", "repository"):
                continue
            name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
            yield name, path, ast.parse(path.read_text())


def ours(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in ("app", "triggers", "tasks", "sidecar", "bench", "tests")


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module in ("app", "tasks", "triggers", "app.execute", "app.ledger"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def under(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def rule_for(name: str) -> tuple[str, ...] | None:
    found = [prefix for prefix in ALLOWED if under(name, (prefix,))]
    return ALLOWED[max(found, key=len)] if found else None


def wrong_imports(name: str, tree: ast.Module) -> list[str]:
    rule = rule_for(name)
    if under(name, COMPOSITION):
        return [target for target in imports(tree) if target.split(".")[0] == "sidecar"]
    if rule is None:
        return []
    bare = ("app", "triggers", "tasks", "app.execute", "app.ledger")
    return [
        f"{name} -> {target}" for target in imports(tree)
        if ours(target) and target not in bare and not under(target, rule)
    ]


def test_imports_go_one_way() -> None:
    assert [each for name, _, tree in modules() for each in wrong_imports(name, tree)] == []


def test_an_import_against_the_direction_is_seen() -> None:
    assert wrong_imports("app.core.event", ast.parse("from app.ledger import runs"))
    assert wrong_imports("triggers.github.parse", ast.parse("import tasks.queue"))
    assert wrong_imports("sidecar.runner.door", ast.parse("from app.core.noun import Noun"))
    assert wrong_imports("app.cli", ast.parse("import sidecar.runner"))


def test_every_module_stands_under_a_rule() -> None:
    free = {"app", "app.log", "app.serving", "app.bounded", "triggers", "tasks", "app.execute"}
    loose = [name for name, _, _ in modules() if rule_for(name) is None and not under(name, COMPOSITION)]
    assert [name for name in loose if name not in free] == []


def test_no_module_is_over_four_hundred_lines() -> None:
    long = [f"{path.relative_to(ROOT)}: {count}" for _, path, _ in modules()
            if (count := len(path.read_text().splitlines())) > LINE_CAP]
    long += [f"{path.relative_to(ROOT)}: {count}" for path in sorted((ROOT / "tests").rglob("*.py"))
             if (count := len(path.read_text().splitlines())) > LINE_CAP]
    assert long == []


def test_no_utils_and_no_common() -> None:
    assert [name for name, _, _ in modules() if name.rsplit(".", 1)[-1] in ("utils", "common", "helpers", "misc")] == []


def environment_reads(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"):
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os" and {"environ", "getenv"} & {a.name for a in node.names}:
            return True
    return False


def test_the_environment_is_read_in_one_place() -> None:
    # Inside a sandbox the environment is the assignment's; mini reads its own configuration there.
    # `make attack` plants secrets in the environment of its own process.
    free = ("sidecar", "app.attack.host")
    readers = [name for name, _, tree in modules() if environment_reads(tree) and not under(name, free)]
    assert readers == ["app.settings"]


def test_nothing_happens_on_import() -> None:
    """Every module imports without a file written, a thread started or an environment variable changed."""
    names = [name for name, _, _ in modules()
             if not under(name, ("sidecar", "app.ledger.migrations.env", "bench.__main__")) and not name.endswith("__main__")]
    code = (
        "import importlib, os, threading\n"
        "before = dict(os.environ)\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "assert dict(os.environ) == before, 'environment changed'\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


def test_the_gateway_loads_the_tools_protocol_for_the_first_who_uses_it() -> None:
    code = "import sys, app.embedded, app.commands.processes; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    loaded = done.stdout.splitlines()
    assert "app.execute.gateway.tools.surface" in loaded
    assert [name for name in loaded if name.partition(".")[0] in ("mcp", "mcp_types")] == []


@pytest.mark.parametrize("forbidden", ["docker", "app.execute", "tasks.worker", "minisweagent", "mcp"])
def test_the_web_process_loads_no_docker_and_no_agent(forbidden: str) -> None:
    code = "import sys, app.main; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    loaded = done.stdout.splitlines()
    assert "app.main" in loaded
    assert [name for name in loaded if name == forbidden or name.startswith(forbidden + ".")] == []


def test_tests_ask_for_the_engine_and_do_not_assume_where_it_listens() -> None:
    """CI has a private engine: a test that names the usual socket passes only where somebody started one by hand."""
    usual = "/var/run/" + "docker.sock"
    named = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").rglob("*.py"))
             if usual in path.read_text() and path.name != "engine.py"]
    assert named == []
