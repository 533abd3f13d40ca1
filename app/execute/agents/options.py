"""What every adapter does alike with a profile: its options, and the limits of its run."""

from __future__ import annotations

from typing import TypedDict, TypeVar

from pydantic import ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from app.core.assignment import Role
from app.core.noun import Noun
from app.core.profile import AgentChoice, Profile
from app.errors import ProfileError

Options = TypeVar("Options", bound=Noun)


class CliOptions(Noun):
    """Options of an agent, written in kebab-case in a profile."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=lambda name: name.replace("_", "-"), populate_by_name=True
    )


class RunMembers(TypedDict):
    """The members of an Assignment that come from the profile alone."""

    run_id: str
    role: Role
    timeout_seconds: float
    wrap_up_seconds: float
    idle_timeout_seconds: float
    base_commit: str | None


def read_options(kind: type[Options], choice: AgentChoice) -> Options:
    """Return `agent: with:` as the agent's own noun. Raises ProfileError naming each key that does not suit."""
    try:
        return kind.model_validate(choice.with_)
    except ValidationError as error:
        keys = "; ".join(f"`{'.'.join(map(str, each['loc'])) or 'with'}`: {_in_words(each)}" for each in error.errors())
        known = ", ".join(f"`{field.alias or name}`" for name, field in kind.model_fields.items())
        raise ProfileError(f"`agent: with:` does not suit `{choice.uses}` ({keys}). It takes {known}") from error


def _in_words(error: ErrorDetails) -> str:
    said = {"missing": "is missing", "extra_forbidden": "there is no such key"}.get(error["type"], error["msg"])
    return said[:1].lower() + said[1:]


def vendor_and_model(choice: AgentChoice, vendors: tuple[str, ...]) -> tuple[str, str]:
    """Return vendor and model of `agent: model:`. Raises ProfileError when it is not `vendor/model` of one of the vendors."""
    vendor, _, model = (choice.model or "").partition("/")
    if vendor not in vendors or not model:
        forms = " or ".join(f"`{vendor}/<model>`" for vendor in vendors)
        raise ProfileError(f"`agent: model:` of `{choice.uses}` must be {forms}, it is `{choice.model or ''}`")
    return vendor, model


def model_patterns(choice: AgentChoice) -> tuple[str, ...]:
    """Return what Assignment.models takes: the model, and the one that may stand in for it.

    Raises ProfileError where that one is not `vendor/model` of the same vendor, or the same model.
    """
    if choice.model is None:
        return ()
    if choice.fallback_model is None:
        return (choice.model,)
    vendor, _, model = choice.fallback_model.partition("/")
    if vendor != choice.model.partition("/")[0] or not model or choice.fallback_model == choice.model or "*" in model:
        raise ProfileError(
            f"`agent: fallback-model:` must be another model of the same vendor as `model: {choice.model}`, such as "
            f"`{choice.model.partition('/')[0]}/<model>`; it is `{choice.fallback_model}`"
        )
    return choice.model, choice.fallback_model


def wrap_up_seconds(timeout_seconds: float) -> float:
    """Return how long before its end an agent is told to finish: a tenth of its time, five minutes at most, and never under 30 s."""
    return min(300.0, timeout_seconds / 10) if timeout_seconds >= 300 else 0.0


def run_members(run_id: str, profile: Profile, base_commit: str) -> RunMembers:
    """Return what an Assignment takes from the profile; a read-only workspace yields no bundle."""
    return RunMembers(
        run_id=run_id,
        role="work",
        timeout_seconds=profile.timeout_minutes * 60,
        wrap_up_seconds=wrap_up_seconds(profile.timeout_minutes * 60),
        idle_timeout_seconds=profile.limits.idle_minutes * 60,
        base_commit=base_commit if profile.keeps_changes else None,
    )
