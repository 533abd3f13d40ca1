"""The prompt of a run, from the profile's template."""

from __future__ import annotations

import hashlib

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from app.core.run import Run
from app.core.seen import as_seen
from app.errors import ProfileError
from app.settings import Settings


def render_prompt(run: Run, settings: Settings) -> str:
    """Render the profile's prompt template; the fence around people's words cannot be guessed from outside.

    It is made from the run's random id, so that rendering twice gives the same prompt. What the page hides from the
    person who rang is taken out of the words. Raises ProfileError.
    """
    environment = Environment(
        loader=FileSystemLoader(settings.templates_dir), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, autoescape=False,  # noqa: S701 - a prompt is plain text
    )
    fence = hashlib.sha256(f"fence {run.id}".encode()).hexdigest()[:24]
    name = run.profile.templates.prompt
    try:
        event = run.event.model_copy(update={"title": as_seen(run.event.title), "text": as_seen(run.event.text)})
        return environment.get_template(name).render(
            event=event, profile=run.profile, verify=run.profile.verify, fence=fence
        )
    except TemplateError as error:
        raise ProfileError(
            f"the template {name} cannot be rendered: {error.message or type(error).__name__}. "
            f"Mend it in {settings.templates_dir}, or name another one under `templates:` in the profile.", reason="template",
        ) from error
