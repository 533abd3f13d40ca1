"""What a person does on GitHub, in Python: the same verbs that their token reaches over REST and git."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from app.emulators.github import actions, check_runs, issues, merging, pulls, pushes, reviews, store
from app.emulators.github.actions import JobEnd
from app.emulators.github.shapes.commit import noreply
from app.emulators.github.state import Comment, Issue, Repository, Review, User, WorkflowRun
from app.emulators.github.store import NO_COMMIT, Signature
from app.emulators.github.world import World


class Person:
    """A person at work. Every verb takes a repository's full name and rings the webhooks that it should.

    What the person may do is not checked here: a test says what happened. Over REST and git it is checked.
    Raises LookupError for what is not there, Problem for what GitHub would refuse as invalid.
    """

    def __init__(self, world: World, user: User) -> None:
        self._world = world
        self.user = user

    def open_issue(self, repo: str, title: str, body: str = "", labels: tuple[str, ...] = ()) -> Issue:
        """Open an issue (`issues.opened`, then `issues.labeled` for each label)."""
        with self._world.lock:
            return issues.create(self._world, self._repo(repo), self.user, title, body, list(labels))

    def label(self, repo: str, number: int, *names: str) -> None:
        """Put labels on an issue or a pull request (`labeled`)."""
        with self._world.lock:
            issues.add_labels(self._world, self._repo(repo), self._issue(repo, number), self.user, list(names))

    def unlabel(self, repo: str, number: int, name: str) -> None:
        """Take a label off (`unlabeled`)."""
        with self._world.lock:
            if not issues.remove_label(self._world, self._repo(repo), self._issue(repo, number), self.user, name):
                raise LookupError(f"{repo}#{number} has no label {name}")

    def comment(self, repo: str, number: int, body: str) -> Comment:
        """Write a comment (`issue_comment.created`)."""
        with self._world.lock:
            return issues.comment(self._world, self._repo(repo), self._issue(repo, number), self.user, body)

    def edit_comment(self, repo: str, comment_id: int, body: str) -> None:
        """Change a comment (`issue_comment.edited`)."""
        with self._world.lock:
            found = self._world.state.comment(self._repo(repo), comment_id)
            if found is None:
                raise LookupError(f"{repo} has no comment {comment_id}")
            issues.edit_comment(self._world, self._repo(repo), found[0], self.user, found[1], body)

    def edit_issue(self, repo: str, number: int, *, title: str | None = None, body: str | None = None) -> None:
        """Change title or body (`edited`)."""
        with self._world.lock:
            issues.edit(self._world, self._repo(repo), self._issue(repo, number), self.user, title=title, body=body)

    def assign(self, repo: str, number: int, *logins: str) -> None:
        """Make these the assignees (`assigned` and `unassigned`)."""
        with self._world.lock:
            accounts = [self._account(login) for login in logins]
            issues.assign(self._world, self._repo(repo), self._issue(repo, number), self.user, accounts)

    def request_review(self, repo: str, number: int, login: str) -> None:
        """Ask somebody to review a pull request (`review_requested`)."""
        with self._world.lock:
            reviews.request_review(self._world, self._repo(repo), self._issue(repo, number), self.user, self._account(login))

    def review(
        self, repo: str, number: int, state: Literal["approved", "changes_requested", "commented"], body: str = "", *on_lines: tuple[str, int, str],
    ) -> Review:
        """Review a pull request (`pull_request_review.submitted`), with comments on lines: path, line, words."""
        with self._world.lock:
            said = [reviews.OnLine(*one) for one in on_lines]
            return reviews.submit(self._world, self._repo(repo), self._issue(repo, number), self.user, state, body, said)

    def comment_on_line(self, repo: str, number: int, path: str, line: int, body: str) -> Review:
        """Comment on one line of a pull request's change, which is a review of that one comment."""
        return self.review(repo, number, "commented", "", (path, line, body))

    def press(self, repo: str, check_run_id: int, identifier: str) -> None:
        """Press a button of a check run (`check_run.requested_action`)."""
        with self._world.lock:
            check_runs.press(self._world, self._repo(repo), check_run_id, identifier, self.user)

    def close(self, repo: str, number: int) -> None:
        """Close an issue or a pull request (`closed`)."""
        with self._world.lock:
            issues.set_state(self._world, self._repo(repo), self._issue(repo, number), self.user, "closed")

    def reopen(self, repo: str, number: int) -> None:
        """Reopen it (`reopened`)."""
        with self._world.lock:
            issues.set_state(self._world, self._repo(repo), self._issue(repo, number), self.user, "open")

    def push(
        self, repo: str, branch: str, files: Mapping[str, str | None], message: str = "Change", *,
        start: str | None = None,
    ) -> str:
        """Commit files (None removes one) on a branch and return the commit's id (`push`, `synchronize`).

        A branch that is not there starts at `start`, or at the default branch.
        """
        with self._world.lock:
            found = self._repo(repo)
            before = store.resolve(found.path, f"refs/heads/{branch}")
            parent = before or store.resolve(found.path, start or found.default_branch)
            email = self.user.email or noreply(self.user)
            after = store.commit_files(
                found.path, branch,
                {name: None if text is None else ("100644", text.encode()) for name, text in files.items()},
                message=message, author=Signature(self.user.name or self.user.login, email, self._world.now()),
                parent=parent,
            )
            pushes.moved(self._world, found, f"refs/heads/{branch}", before or NO_COMMIT, after, self.user)
            return after

    def force_push(self, repo: str, branch: str, sha: str) -> None:
        """Point a branch at a commit that is there, whatever it pointed at (`push`, `synchronize`)."""
        self._move(repo, branch, sha)

    def delete_branch(self, repo: str, branch: str) -> None:
        """Delete a branch (`push`; its open pull requests are `closed`)."""
        self._move(repo, branch, NO_COMMIT)

    def open_pull(self, repo: str, head: str, title: str, body: str = "", *, base: str | None = None, draft: bool = False) -> Issue:
        """Open a pull request of `branch` or `owner:branch` (`pull_request.opened`)."""
        with self._world.lock:
            found = self._repo(repo)
            return pulls.create(
                self._world, found, self.user, title=title, head=head, base=base or found.default_branch, body=body,
                draft=draft,
            )

    def merge(self, repo: str, number: int) -> str:
        """Merge a pull request by a merge commit and return its id (`closed`, `push`)."""
        with self._world.lock:
            return merging.merge(self._world, self._repo(repo), self._issue(repo, number), self.user)

    def finish_ci(self, repo: str, **jobs: JobEnd) -> WorkflowRun:
        """Have the newest run of a workflow that is under way end so (`check_suite.completed`, `workflow_run.completed`).

        It is not this person's doing, but happens in the name of whoever started it.
        """
        with self._world.lock:
            found = self._repo(repo)
            run = next((one for one in reversed(found.workflow_runs) if one.status != "completed"), None)
            if run is None:
                raise LookupError(f"no run of a workflow is under way in {repo}")
            actions.finish(self._world, found, run, jobs)
            return run

    def rerun_ci(self, repo: str, run: WorkflowRun) -> None:
        """Run a workflow's run again, on the same commit."""
        with self._world.lock:
            actions.rerun(self._world, self._repo(repo), run)

    def set_status(self, repo: str, sha: str, state: str, context: str, description: str = "") -> None:
        """Put a status on a commit (`status`), as CI elsewhere does."""
        with self._world.lock:
            actions.set_status(self._world, self._repo(repo), sha, self.user, state=state, context=context, description=description)

    def _move(self, repo: str, branch: str, after: str) -> None:
        with self._world.lock:
            found, ref = self._repo(repo), f"refs/heads/{branch}"
            before = store.resolve(found.path, ref)
            if before is None:
                raise LookupError(f"{repo} has no branch {branch}")
            store.update_ref(found.path, ref, after)
            pushes.moved(self._world, found, ref, before, after, self.user)

    def _repo(self, full_name: str) -> Repository:
        return repository_named(self._world, full_name)

    def _account(self, login: str) -> User:
        found = self._world.state.user(login)
        if found is None:
            raise LookupError(f"this emulated GitHub has no account {login}")
        return found

    def _issue(self, full_name: str, number: int) -> Issue:
        return issue_numbered(self._world, full_name, number)


def repository_named(world: World, full_name: str) -> Repository:
    """Return a repository. Raises LookupError."""
    found = world.state.repository(full_name)
    if found is None:
        raise LookupError(f"this emulated GitHub has no repository {full_name}")
    return found


def issue_numbered(world: World, full_name: str, number: int) -> Issue:
    """Return an issue or a pull request. Raises LookupError."""
    found = repository_named(world, full_name).issues.get(number)
    if found is None:
        raise LookupError(f"{full_name} has no issue or pull request {number}")
    return found
