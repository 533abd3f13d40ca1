"""Whatever a repository says of a profile, what comes of it is never more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.deciding.approval import needed_permission
from app.core.deciding.autonomy import LEVELS
from app.core.deciding.overlay import RULES, narrowed
from app.core.permission import PERMISSIONS
from app.core.profile import Profile

ISOLATION = ("process", "container", "gvisor")
PROFILE = Profile.model_validate({
    "name": "fix", "on": {"issues": {}}, "agent": {"uses": "mini", "model": "openai/gpt-5"}, "who": {"permission": "write", "apps": [7, 8]},
    "container": {"image": "python", "isolation": "container"}, "permissions": {"contents": "read", "issues": "read"},
    "egress": {"connect": ["example.invalid", "*.example.invalid"], "registries": ["pypi"]}, "choose": {"models": ["openai/*"], "branches": ["next"]},
    "ci": "run", "verify": "make check", "autonomy": "propose", "approval": {"approvers": 2, "expires-hours": 5, "paths": ["db/**"]},
})
PATHS = ("a/**", "db/**", "*.toml", "!db/**")

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "who.permission": st.sampled_from(PERMISSIONS), "who.apps": st.lists(st.integers(1, 9)), "autonomy": st.sampled_from(LEVELS),
    "workspace": st.sampled_from(("ro", "rw")), "ci": st.sampled_from(("hold", "run")), "container.isolation": st.sampled_from(ISOLATION),
    "permissions": st.dictionaries(st.sampled_from(("contents", "issues", "actions")), st.sampled_from(("read", "write"))),
    "egress.connect": st.lists(st.sampled_from(("example.invalid", "*.example.invalid", "other.invalid", "*"))),
    "egress.registries": st.lists(st.sampled_from(("pypi", "npm"))), "choose.models": st.lists(st.sampled_from(("openai/*", "*/*"))),
    "choose.branches": st.lists(st.sampled_from(("next", "*"))), "limits.protected-paths": st.lists(st.sampled_from(PATHS)),
    "pull-request.protected-paths": st.sampled_from(("draft", "refuse")), "pull-request.lockfiles": st.sampled_from(("allow", "draft", "refuse")),
    "pull-request.secrets": st.sampled_from(("draft", "refuse")), "approval.plan": st.booleans(), "approval.paths": st.lists(st.sampled_from(PATHS)),
    "approval.permission": st.sampled_from(("write", "maintain", "admin", None)), "approval.requester": st.sampled_from(("allow", "exclude")),
}
NUMBERS = st.one_of(st.integers(-2, 10_000), st.floats(allow_nan=True), st.sampled_from((None, True, "7")))
ANY = st.one_of(NUMBERS, st.text(max_size=5), st.lists(st.text(max_size=3), max_size=2))


@st.composite
def overlays(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from(sorted(RULES)), max_size=8)):
        name = ".".join(key)
        value = draw(st.one_of(VALUES.get(name, NUMBERS), ANY))
        holder = made
        for part in key[:-1]:
            holder = holder.setdefault(part, {})
        holder[key[-1]] = value
    return made


def widened(before: Profile, after: Profile) -> list[str]:
    """What is more than before: said here in its own words, not by the rules."""
    old, new = before.model_dump(), after.model_dump()
    found = []
    for path in ("timeout_minutes", "limits.idle_minutes", "limits.max_steps", "limits.max_changed_files", "limits.max_patch_kb",
                 "limits.max_open_pull_requests", "budget.usd", "budget.tokens", "budget.turns", "container.memory_mb", "container.cpus",
                 "container.pids", "container.tmp_mb", "container.disk_mb", "approval.expires_hours"):
        one: Any = old
        other: Any = new
        for part in path.split("."):
            one, other = one[part], other[part]
        found += [path] if not other <= one else []
    if before.limits.max_runs is not None and (after.limits.max_runs is None or after.limits.max_runs > before.limits.max_runs):
        found.append("max_runs")
    ranks: dict[str, tuple[Any, Any, tuple[Any, ...]]] = {
        "who": (before.who.permission, after.who.permission, ("admin", "maintain", "write")),
        "autonomy": (before.autonomy, after.autonomy, ("observe", "suggest", "draft", "propose", "merge")),
        "workspace": (before.workspace, after.workspace, ("ro", "rw")),
        "ci": (before.ci, after.ci, ("hold", "run")),
        "isolation": (before.container.isolation, after.container.isolation, ("gvisor", "container", "process")),
        "approver": (before.approval.permission, after.approval.permission, ("admin", "maintain", "write", None)),
        "requester": (before.approval.requester, after.approval.requester, ("exclude", "allow")),
        "lockfiles": (before.pull_request.lockfiles, after.pull_request.lockfiles, ("refuse", "draft", "allow")),
        "protected": (before.pull_request.protected_paths, after.pull_request.protected_paths, ("refuse", "draft")),
        "secrets": (before.pull_request.secrets, after.pull_request.secrets, ("refuse", "draft")),
    }
    found += [name for name, (was, now, order) in ranks.items() if order.index(now) > order.index(was)]
    subsets: tuple[tuple[str, Any, Any], ...] = (
        ("apps", after.who.apps, before.who.apps), ("connect", after.egress.connect, before.egress.connect),
        ("registries", after.egress.registries, before.egress.registries), ("models", after.choose.models, before.choose.models),
        ("branches", after.choose.branches, before.choose.branches), ("permissions", after.permissions.items(), before.permissions.items()),
        ("protected paths", before.limits.protected_paths, after.limits.protected_paths),
        ("approved paths", before.approval.paths, after.approval.paths),
    )
    found += [name for name, less, more in subsets if not set(less) <= set(more)]
    found += ["approvers"] if after.approval.approvers < before.approval.approvers else []
    found += ["plan"] if before.approval.plan and not after.approval.plan else []
    for name in ("name", "on", "repositories", "agent", "branch", "services", "env", "setup", "verify", "templates", "reply"):
        found += [name] if old[name] != new[name] else []
    return found


@settings(max_examples=300, deadline=None)
@given(overlays(), st.sampled_from((None, 3)))
def test_narrowing_never_widens(overlay: dict[str, Any], max_runs: int | None) -> None:
    profile = PROFILE.model_copy(update={"limits": PROFILE.limits.model_copy(update={"max_runs": max_runs})})
    made = narrowed(profile, overlay)
    assert widened(profile, made.profile) == []
    # Once more changes nothing: it is as narrow as it gets.
    assert narrowed(made.profile, overlay).profile == made.profile


def test_every_key_that_may_be_said_is_tried_with_values_of_its_own() -> None:
    numbers = {name for name in map(".".join, RULES) if name not in VALUES}
    assert numbers == {
        "timeout-minutes", "limits.idle-minutes", "limits.max-steps", "limits.max-changed-files", "limits.max-patch-kb",
        "limits.max-open-pull-requests", "limits.max-runs", "budget.usd", "budget.tokens", "budget.turns", "container.memory-mb",
        "container.cpus", "container.pids", "container.tmp-mb", "container.disk-mb", "approval.approvers", "approval.expires-hours",
    }


@pytest.mark.parametrize("overlay", [
    {"verify": "true"}, {"env": {"A": "b"}}, {"agent": {"uses": "command"}}, {"limit": {"max-steps": 1}}, {"limits": {"max_steps": 1}},
    {"egress": {"proxy": "x"}}, {"name": "other"}, {"templates": {"prompt": "x"}}, {"limits": 7}, {"enabled": "no"}, {"autonomy": "none"},
    {"limits": {"max-steps": "many"}}, {"repositories": ["octo/*"]},
])
def test_what_no_rule_knows_is_a_fault_and_changes_nothing(overlay: dict[str, Any]) -> None:
    made = narrowed(PROFILE, overlay)
    assert made.faults
    assert made.profile == PROFILE


def test_what_is_less_takes_effect_and_what_is_more_is_said() -> None:
    made = narrowed(PROFILE, {"enabled": True, "autonomy": "draft", "limits": {"max-steps": 500}, "egress": {"connect": ["example.invalid", "x.invalid"]}})
    assert made.profile.autonomy == "draft"
    assert made.profile.limits.max_steps == 100
    assert made.profile.egress.connect == ("example.invalid",)
    assert made.effects == ("`autonomy`: propose -> draft", "`egress.connect`: example.invalid, *.example.invalid -> example.invalid")
    assert [each.partition(" ")[0] for each in made.ignored] == ["`limits.max-steps:", "`egress.connect:"]
    assert not narrowed(PROFILE, {"enabled": False}).is_enabled


@given(*[st.sampled_from(("write", "maintain", "admin")) for _ in range(2)], *[st.sampled_from((None, "write", "maintain", "admin")) for _ in range(2)])
def test_nobody_may_approve_with_less_than_before(who: str, theirs: str, ours: str | None, said: str | None) -> None:
    profile = Profile.model_validate({"name": "fix", "on": {"issues": {}}, "agent": {"uses": "mini"}, "who": {"permission": who}, "approval": {"permission": ours}})
    for overlay in ({"approval": {"permission": said}, "who": {"permission": theirs}}, {"who": {"permission": theirs}, "approval": {"permission": said}}):
        made = narrowed(profile, overlay).profile
        before, after = (needed_permission(each.approval, each.who.permission) for each in (profile, made))
        assert PERMISSIONS.index(after) >= PERMISSIONS.index(before)
