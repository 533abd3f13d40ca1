"""What a result may change: pure, from the facts of a Candidate and the words of a profile."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Sequence
from typing import Literal

from app.core.noun import Noun
from app.core.profile import Limits, PullRequestPolicy
from app.core.result.lockfiles import is_lockfile
from app.core.result.paths import folded, may_be_short_for
from app.errors import PublishRefused
from app.publish.candidate import ABSENT, SUBMODULE, SYMLINK, FileChange

Rule = Literal[
    "protected_path", "too_many_files", "patch_too_large", "new_symlink", "submodule", "executable_bit", "odd_mode",
    "known_secret", "secret_shape", "lockfile", "agent_config", "said_nothing_to_do", "budget",
    "deleted_test", "skipped_test", "conflict_left",
]
SAYS: dict[Rule, str] = {
    "protected_path": "changes a protected path",
    "too_many_files": "changes too many files",
    "patch_too_large": "is too large",
    "new_symlink": "adds or redirects a symbolic link",
    "submodule": "adds or moves a submodule",
    "executable_bit": "changes whether a file is executable",
    "odd_mode": "gives a file a mode that is neither a file's nor a link's",
    "known_secret": "holds a secret of this Bellhop",
    "secret_shape": "adds what looks like a credential",
    "said_nothing_to_do": "came although the agent had reported that there is nothing to do",
    "budget": "was finished in one last answer, because the run's budget was used up",
    "lockfile": "changes what a lockfile pins",
    "agent_config": "left out a change to agent configuration, which a run on a pull request takes from the default branch",
    "deleted_test": "deletes a test",
    "skipped_test": "skips a test",
    "conflict_left": "still holds conflict markers",
}
_DRAFTS: tuple[Rule, ...] = ("conflict_left", "protected_path", "secret_shape", "lockfile", "agent_config", "said_nothing_to_do")

# What says how one run went, and nothing of a file.
_OF_ONE_RUN: tuple[Rule, ...] = ("said_nothing_to_do", "budget")

_FILE_MODES = ("100644", "100755")


class Violation(Noun):
    """One rule that a result breaks, where, and in which words; `path` is the agent's word, `detail` Bellhop's.

    For `said_nothing_to_do` the agent's word is its reason, for `budget` the gateway's says how much was used.
    """

    rule: Rule
    path: str = ""
    detail: str = ""

    @property
    def text(self) -> str:
        """One line for a person."""
        return " ".join(part for part in (SAYS[self.rule] + (":" if self.path or self.detail else ""), self.path, self.detail) if part)


class Verdict(Noun):
    """Refusals stop the publishing; warnings go first in the pull request."""

    refusals: tuple[Violation, ...] = ()
    warnings: tuple[Violation, ...] = ()

    @property
    def draft(self) -> bool:
        """Whether the pull request must open as a draft: somebody has to look at a protected path or a credential."""
        return any(warning.rule in _DRAFTS for warning in self.warnings)

    def with_tests(self, touched: Sequence[Violation]) -> Verdict:
        """Return the verdict on a result that deletes or skips tests: no reason to refuse it, and the first thing to be told."""
        return self.model_copy(update={"warnings": (*self.warnings, *touched)})

    def with_conflicts(self, paths: Collection[str]) -> Verdict:
        """Return the verdict on a result that leaves conflicts in these files."""
        left = tuple(Violation(rule="conflict_left", path=path) for path in sorted(paths)[:20])
        return self.model_copy(update={"warnings": (*left, *self.warnings)})

    def with_contradiction(self, nothing: str) -> Verdict:
        """Return the verdict on a result that came with the agent's word that there is `nothing` to do (empty: without)."""
        warned = (Violation(rule="said_nothing_to_do", path=nothing),) if nothing else ()
        return self.model_copy(update={"warnings": (*warned, *self.warnings)})

    def with_budget(self, used: str) -> Verdict:
        """Return the verdict on a result that came with the last answer of a run whose budget is `used` up (empty: is not)."""
        warned = (Violation(rule="budget", path=used),) if used else ()
        return self.model_copy(update={"warnings": (*warned, *self.warnings)})

    def with_earlier(self, warnings: Sequence[Violation]) -> Verdict:
        """Return the verdict on a result that is added to one that was published with `warnings`: those about files still stand."""
        said = {(each.rule, each.path) for each in self.warnings}
        kept = tuple(each for each in warnings if each.rule not in _OF_ONE_RUN and (each.rule, each.path) not in said)
        return self.model_copy(update={"warnings": (*self.warnings, *kept)})

    def with_dropped(self, paths: Sequence[str], pull_request: PullRequestPolicy) -> Verdict:
        """Return the verdict with agent configuration that was changed in vain and is not in the result any more."""
        found = tuple(Violation(rule="agent_config", path=path) for path in paths)
        if pull_request.protected_paths == "refuse":
            return self.model_copy(update={"refusals": (*self.refusals, *found)})
        return self.model_copy(update={"warnings": (*self.warnings, *found)})

    def with_secrets(self, found: Sequence[Violation], pull_request: PullRequestPolicy) -> Verdict:
        """Return the verdict with what a look for secrets has found; a secret of Bellhop's own is never published."""
        warned = [each for each in found if each.rule == "secret_shape" and pull_request.secrets == "draft"]
        refused = [each for each in found if each not in warned]
        return Verdict(refusals=(*self.refusals, *refused), warnings=(*self.warnings, *warned))

    def enforce(self) -> None:
        """Raise PublishRefused with the first refusal's rule as the reason, naming up to five."""
        if self.refusals:
            named = "; ".join(refusal.text for refusal in self.refusals[:5])
            more = f"; and {len(self.refusals) - 5} more" if len(self.refusals) > 5 else ""
            raise PublishRefused(
                f"The result was not published: it {named}{more}. Ask for a change without that, or change the profile.",
                reason=self.refusals[0].rule,
            )


def check(
    changes: Sequence[FileChange], patch_bytes: int, limits: Limits, pull_request: PullRequestPolicy
) -> Verdict:
    """Judge a result; each violation names its rule, and its path where it has one."""
    refusals: list[Violation] = []
    warnings: list[Violation] = []
    if len(changes) > limits.max_changed_files:
        refusals.append(Violation(rule="too_many_files", detail=f"{len(changes)} of at most {limits.max_changed_files}"))
    if patch_bytes >= limits.max_patch_kb * 1024:
        refusals.append(Violation(rule="patch_too_large", detail=f"at least {patch_bytes // 1024} KB of at most {limits.max_patch_kb} KB"))
    for change in changes:
        refusals += [Violation(rule=rule, path=change.path) for rule in _type_rules(change)]
        if {change.old_mode, change.new_mode} == set(_FILE_MODES):
            warnings.append(Violation(rule="executable_bit", path=change.path))
        pattern = next((one for one in limits.protected_paths if covers(one, change.path)), None)
        if pattern is not None:
            violation = Violation(rule="protected_path", path=change.path, detail=f"(profile: {pattern})")
            (refusals if pull_request.protected_paths == "refuse" else warnings).append(violation)
        elif pull_request.lockfiles != "allow" and is_lockfile(change.path):
            violation = Violation(rule="lockfile", path=change.path)
            (refusals if pull_request.lockfiles == "refuse" else warnings).append(violation)
    return Verdict(refusals=tuple(refusals), warnings=tuple(warnings))


def covers(pattern: str, path: str) -> bool:
    """Return whether a protected-path pattern covers a path of the repository.

    A pattern is matched from the root, piece by piece between slashes. `*`, `?` and `[...]` stay within a piece;
    `**` is any number of pieces, none included. A pattern that matches a directory covers all that lies below it,
    and `dir/**` covers `dir` itself, so that it cannot be replaced by a file or a link. Other spellings that some file
    system of those who check it out takes for the same count too (app/core/result/paths.py), short names of NTFS among them.
    """
    return _covers(folded(pattern), folded(path))


def _covers(pattern: Sequence[str], path: Sequence[str]) -> bool:
    # Everywhere at once, how far into the path the pattern may have come: to try one way after the other could take for ever.
    reached = {0}
    for piece in pattern:
        if piece == "**":
            reached = set(range(min(reached), len(path) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(path) and _matches(path[at], piece)}
        if not reached:
            return False
    return True


def _matches(piece: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(piece, pattern) or may_be_short_for(piece, pattern)


def _type_rules(change: FileChange) -> list[Rule]:
    if change.new_mode == SUBMODULE:
        return ["submodule"]
    if change.new_mode == SYMLINK:
        return ["new_symlink"]
    return [] if change.new_mode in (*_FILE_MODES, ABSENT) else ["odd_mode"]
