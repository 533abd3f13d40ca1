"""The prompt of a run, from the profile's template."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from app.core.profile import Templates
from app.core.run import Run
from app.core.thread_before import PICTURES_DIR, ThreadBefore
from app.core.words.seen import look
from app.errors import ProfileError
from app.publish.describe import TEMPLATES_DIR
from app.settings import Settings
from tasks.finishing.target import goes_on_with_its_own
from tasks.starting.ci_report import Report
from tasks.starting.earlier import Word, quoted

CI_PROMPT = "prompts/ci.md.j2"


def render_prompt(
    run: Run, settings: Settings, earlier: Sequence[Word] = (), *, continues: bool = False, has_files: bool = False,
    plan: str = "", change_from: str = "", ci: Report | None = None, before: ThreadBefore | None = None,
) -> str:
    """Render the profile's prompt template; the fence around people's words cannot be guessed from outside.

    It is drawn anew each time, and stands nowhere but in the prompt: the run's id, which its comment shows, says nothing
    about it. `earlier` is what was said before, `continues` whether the agent remembers the rest, `has_files` whether it finds what it left in the workspace, `plan` the one that people have approved, `change_from` the commit that a change to be reviewed is counted from, `ci` what has failed where CI rang: a profile that names no prompt of its own gets the one for that. `before` is what was said in the request's thread. What the page hides from the person who rang is taken out of the words, and counted. Raises ProfileError.
    """
    environment = Environment(
        # A team's own templates may be older than a shipped one.
        loader=FileSystemLoader([settings.templates_dir, TEMPLATES_DIR]), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, autoescape=False,  # noqa: S701 - a prompt is plain text
    )
    title, text = look(run.event.title), look(run.event.words)
    name = run.profile.templates.prompt
    if ci is not None and name == Templates().prompt:
        name = CI_PROMPT
    try:
        event = run.event.model_copy(update={"title": title.text, "text": text.text})
        return environment.get_template(name).render(
            event=event, profile=run.profile, verify=run.profile.verify, fence=secrets.token_hex(12),
            hidden=title.hidden + text.hidden, earlier=earlier, continues=continues, has_files=has_files,
            own_pull=goes_on_with_its_own(run), plan=look(plan).text, change_from=change_from, ci=ci,
            before=_quoted(before or ThreadBefore()), pictures_at=f"/home/bellhop/{PICTURES_DIR}",
        )
    except TemplateError as error:
        raise ProfileError(
            f"the template {name} cannot be rendered: {error.message or type(error).__name__}. "
            f"Mend it in {settings.templates_dir}, or name another one under `templates:` in the profile.", reason="template",
        ) from error


def _quoted(before: ThreadBefore) -> ThreadBefore:
    """Return it with each line of people's words behind `> `, without what nobody sees."""
    return before.model_copy(update={"said": tuple(
        each.model_copy(update={"author": quoted(each.author).removeprefix("> "), "text": quoted(each.text)}) for each in before.said
    )})
