"""What a person does in Linear, in Python: the same verbs that their key reaches over GraphQL."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from app.emulators.linear import comments, issues, oauth, sessions
from app.emulators.linear.plant import label_named
from app.emulators.linear.state import Activity, AgentSession, Comment, Issue, User
from app.emulators.linear.world import World


class Person:
    """A person at work. Issues are named by id or identifier; every verb rings the webhooks that it should.

    What the person may do is not checked here: a test says what happened. Raises LookupError for what is not there, Problem for
    what Linear would refuse.
    """

    def __init__(self, world: World, user: User) -> None:
        self._world = world
        self.user = user

    def create_issue(self, team: str, title: str, description: str | None = None, *, labels: tuple[str, ...] = (), delegate: bool = False) -> Issue:
        """Make an issue (`Issue` create), delegated to the app at once if `delegate`."""
        with self._world.lock:
            found = self._world.state.team_named(team)
            if found is None:
                raise LookupError(f"this emulated Linear has no team {team}")
            change = issues.Change(title=title, description=description)
            change["labels"] = [label_named(self._world.state, found, name, self._world.now()) for name in labels]
            if delegate:
                change["delegate"] = self._world.client.user
            return issues.create(self._world, self.user, found, change)

    def label(self, issue: str, *names: str) -> None:
        """Put labels on (`Issue` update)."""
        with self._world.lock:
            found = self._issue(issue)
            added = [label_named(self._world.state, found.team, name, self._world.now()) for name in names]
            self._edit(found, issues.Change(labels=[*found.labels, *(one for one in added if one not in found.labels)]))

    def unlabel(self, issue: str, name: str) -> None:
        """Take a label off (`Issue` update)."""
        with self._world.lock:
            found = self._issue(issue)
            self._edit(found, issues.Change(labels=[one for one in found.labels if one.name.lower() != name.lower()]))

    def assign(self, issue: str, name: str | None) -> None:
        """Make somebody the assignee, or nobody; the app's name delegates (`Issue` update)."""
        with self._world.lock:
            self._edit(self._issue(issue), issues.Change(assignee=user_named(self._world, name) if name else None))

    def delegate(self, issue: str, *, delegated: bool = True) -> AgentSession | None:
        """Delegate an issue to the app (`Issue` update, `AppUserNotification`, `AgentSessionEvent` created), or take it back."""
        with self._world.lock:
            found = self._issue(issue)
            before = list(self._world.state.sessions)
            self._edit(found, issues.Change(delegate=self._world.client.user if delegated else None))
            return next((one for name, one in self._world.state.sessions.items() if name not in before), None)

    def edit_issue(self, issue: str, *, title: str | None = None, description: str | None = None) -> None:
        """Change title or description (`Issue` update)."""
        change = issues.Change()
        if title is not None:
            change["title"] = title
        if description is not None:
            change["description"] = description
        with self._world.lock:
            self._edit(self._issue(issue), change)

    def move(self, issue: str, state: str) -> None:
        """Move an issue to the workflow state of that name (`Issue` update)."""
        with self._world.lock:
            found = self._issue(issue)
            wanted = next((one for one in self._world.state.states_of(found.team) if one.name.lower() == state.lower()), None)
            if wanted is None:
                raise LookupError(f"team {found.team.key} has no state {state}")
            self._edit(found, issues.Change(state=wanted))

    def comment(self, issue: str, body: str, *, reply_to: Comment | None = None) -> Comment:
        """Write a comment (`Comment` create). `@bellhop` in it begins an agent session, a reply in a session's thread prompts it."""
        with self._world.lock:
            return comments.write(self._world, self.user, self._issue(issue), body, parent=reply_to)

    def edit_comment(self, comment: Comment, body: str) -> None:
        """Change a comment (`Comment` update)."""
        with self._world.lock:
            comments.edit(self._world, comment, self.user, body)

    def delete_comment(self, comment: Comment) -> None:
        """Remove a comment (`Comment` remove)."""
        with self._world.lock:
            comments.remove(self._world, comment, self.user)

    def mention(self, issue: str, words: str) -> AgentSession:
        """Mention the app in a new comment and return the session that it begins."""
        with self._world.lock:
            written = self.comment(issue, f"@{self._world.client.user.display_name} {words}")
            found = self._world.state.sessions_on(written)
            if not found:
                raise LookupError("the app may not be mentioned: it is not installed, or without the scope app:mentionable")
            return found[-1]

    def prompt(self, session: AgentSession, words: str) -> Activity:
        """Answer in a session's thread (`Comment` create, `AgentSessionEvent` prompted)."""
        with self._world.lock:
            return sessions.reply(self._world, session, self.user, words)

    def stop(self, session: AgentSession) -> Activity:
        """Send a stop request (`AgentSessionEvent` prompted with the signal `stop`)."""
        with self._world.lock:
            return sessions.prompt(self._world, session, self.user, "Stop", signal="stop")

    def authorize(self, url: str) -> str:
        """Agree to an authorization URL and return where Linear redirects to. Raises `grants.Refused` for a URL that Linear would not show."""
        with self._world.lock:
            return oauth.agree(self._world, self.user, dict(parse_qsl(urlsplit(url).query)))

    def _edit(self, issue: Issue, change: issues.Change) -> None:
        issues.edit(self._world, issue, self.user, change)

    def _issue(self, name: str) -> Issue:
        return issue_named(self._world, name)


def issue_named(world: World, name: str) -> Issue:
    """Return an issue by id or identifier. Raises LookupError."""
    found = world.state.issue(name)
    if found is None:
        raise LookupError(f"this emulated Linear has no issue {name}")
    return found


def user_named(world: World, name: str) -> User:
    """Return a user by display name. Raises LookupError."""
    found = world.state.user_named(name)
    if found is None:
        raise LookupError(f"this emulated Linear has no user {name}")
    return found
