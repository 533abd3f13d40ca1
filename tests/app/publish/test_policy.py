"""The pure policy: what each pattern covers, and what each rule says."""

from __future__ import annotations

import pytest

from app.core.profile import Limits, PullRequestPolicy
from app.errors import PublishRefused
from app.publish.candidate import FileChange
from app.publish.policy import Verdict, Violation, check, covers


def change(path: str, old: str = "100644", new: str = "100644", status: str = "M") -> FileChange:
    return FileChange(path=path, status=status, old_mode=old, new_mode=new, size=1, added=1, deleted=0)


def judge(*changes: FileChange, patch_bytes: int = 10, protected: str = "draft", **limits: object) -> Verdict:
    policy = PullRequestPolicy.model_validate({"protected-paths": protected})
    return check(changes, patch_bytes, Limits.model_validate(limits), policy)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("AGENTS.md", "AGENTS.md"), ("AGENTS.md", "agents.MD"), (".github/**", ".github/workflows/ci.yml"),
        (".github/**", ".github"), (".github/**", ".GITHUB/x"), (".git*", ".gitignore"), (".git*", ".github/x"),
        ("**/.git*", "a/b/.gitattributes"), ("**/.git*", ".gitmodules"), ("**/CODEOWNERS", "docs/CODEOWNERS"),
        ("**/CODEOWNERS", "CODEOWNERS"), ("src/*.py", "src/a.py"), ("src", "src/deep/a.py"), ("/src/", "src/a.py"),
        ("a/**/z", "a/z"), ("a/**/z", "a/b/c/z"), ("**", "anything"), ("file?.txt", "file1.txt"), ("[ab].c", "a.c"),
        (".claude/**", ".cl\u200daude/x"), (".git*", "\uff0egitignore"), ("strasse", "STRASSE"),
    ],
)
def test_a_pattern_covers(pattern: str, path: str) -> None:
    assert covers(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("AGENTS.md", "docs/AGENTS.md"), ("AGENTS.md", "AGENTS.md.txt"), (".github/**", ".githubx/a"), ("*.py", "src/a.py"),
        ("src/*.py", "src/deep/a.py"), ("a/**/z", "a/b"), ("**/CODEOWNERS", "docs/CODEOWNERS.md"), (".git*", "a/.gitignore"),
        ("file?.txt", "file.txt"), ("a.c", "abc"),
    ],
)
def test_a_pattern_does_not_cover(pattern: str, path: str) -> None:
    assert not covers(pattern, path)


def test_an_ordinary_change_passes() -> None:
    verdict = judge(change("src/a.py"), change("b.txt", "000000", "100644", "A"), change("c", "100644", "000000", "D"))
    assert verdict == Verdict()
    assert not verdict.draft
    verdict.enforce()


def test_a_protected_path_makes_a_draft_or_is_refused() -> None:
    verdict = judge(change(".github/workflows/ci.yml"))
    assert verdict.draft
    assert [warning.text for warning in verdict.warnings] == [
        "changes a protected path: .github/workflows/ci.yml (profile: .github/**)"
    ]
    verdict.enforce()
    with pytest.raises(PublishRefused) as caught:
        judge(change("a"), change("CLAUDE.md"), protected="refuse").enforce()
    assert caught.value.reason == "protected_path"
    assert "CLAUDE.md" in str(caught.value)


@pytest.mark.parametrize("name", ["AGENTS.md", "sub/CLAUDE.md", ".codex/config.toml", "GEMINI.md", ".cursor/rules/x", ".agents/s", "opencode.json"])
def test_t27_agent_configuration_is_protected_by_default(name: str) -> None:
    assert judge(change(name)).draft


def test_a_lockfile_is_taken_or_makes_a_draft_or_is_refused() -> None:
    made = change("web/package-lock.json")
    for word, verdict in (("allow", Verdict()), ("draft", None), ("refuse", None)):
        found = check([made], 10, Limits(), PullRequestPolicy.model_validate({"lockfiles": word}))
        assert verdict is None or found == verdict
        assert found.draft == (word == "draft")
        assert [one.rule for one in found.refusals] == (["lockfile"] if word == "refuse" else [])


def test_configuration_that_was_left_out_is_a_warning_or_a_refusal() -> None:
    draft, refuse = PullRequestPolicy(), PullRequestPolicy.model_validate({"protected-paths": "refuse"})
    assert Verdict().with_dropped((), draft) == Verdict()
    assert Verdict().with_dropped(("CLAUDE.md",), draft).draft
    assert [one.path for one in Verdict().with_dropped(("CLAUDE.md",), refuse).refusals] == ["CLAUDE.md"]


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        (change("l", "000000", "120000", "A"), "new_symlink"), (change("l", "100644", "120000", "T"), "new_symlink"),
        (change("l", "120000", "120000"), "new_symlink"), (change("s", "000000", "160000", "A"), "submodule"),
        (change("s", "160000", "160000"), "submodule"), (change("d", "000000", "100600", "A"), "odd_mode"),
    ],
)
def test_what_is_no_plain_file_is_refused(made: FileChange, rule: str) -> None:
    """T34."""
    verdict = judge(made)
    assert [(one.rule, one.path) for one in verdict.refusals] == [(rule, made.path)]


def test_links_and_submodules_may_be_removed() -> None:
    assert judge(change("l", "120000", "000000", "D"), change("s", "160000", "000000", "D")) == Verdict()


def test_a_link_may_become_a_file() -> None:
    assert judge(change("l", "120000", "100644", "T")) == Verdict()


@pytest.mark.parametrize(("old", "new"), [("100644", "100755"), ("100755", "100644")])
def test_the_executable_bit_is_a_warning(old: str, new: str) -> None:
    verdict = judge(change("run.sh", old, new))
    assert [warning.text for warning in verdict.warnings] == ["changes whether a file is executable: run.sh"]
    assert not verdict.draft


def test_the_caps() -> None:
    three = [change(name) for name in "abc"]
    assert judge(*three, max_changed_files=3) == Verdict()
    assert [one.rule for one in judge(*three, max_changed_files=2).refusals] == ["too_many_files"]
    assert judge(*three, patch_bytes=1023, max_patch_kb=1) == Verdict()
    assert [one.rule for one in judge(*three, patch_bytes=1024, max_patch_kb=1).refusals] == ["patch_too_large"]


def test_many_refusals_are_counted_and_five_are_named() -> None:
    with pytest.raises(PublishRefused, match="and 3 more") as caught:
        judge(*[change(f"link{number}", "000000", "120000", "A") for number in range(8)]).enforce()
    assert "link4" in str(caught.value)
    assert "link5" not in str(caught.value)


def test_warnings_of_what_a_result_is_added_to_stand_but_those_of_how_that_run_went() -> None:
    path = Violation(rule="protected_path", path="AGENTS.md")
    earlier = (path, Violation(rule="budget", path="all of it"), Violation(rule="said_nothing_to_do", path="no"))
    verdict = Verdict().with_earlier(earlier)
    assert (verdict.warnings, verdict.draft) == ((path,), True)
    assert Verdict(warnings=(path,)).with_earlier(earlier).warnings == (path,)


def test_t6_no_pattern_makes_looking_at_a_path_take_long() -> None:
    # A repository's own file may say such a one. Tried one way after the other, this is over when nobody waits for it any more.
    assert not covers("/".join(["**", "a"] * 20 + ["b"]), "/".join(["a"] * 200))
