"""What a message may choose of a run, as a profile offers it, and what becomes of the profile by a choice; pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping

from app.core.line.budget import dollars, micro_usd
from app.core.profile import AgentChoice, Profile
from app.core.result.branch import is_branch

# A `*` in a chosen model would stand for any model at the door.
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]*/[A-Za-z0-9][A-Za-z0-9._:@/+-]*")
_BUDGET = re.compile(r"\$?(\d{1,6}(?:\.\d{1,2})?)")
_SHOWN_CHARACTERS = 80


class NotOffered(Exception):
    """A message asks for what the profile does not offer; the text is one line for whoever wrote it."""


def chosen(profile: Profile, options: Mapping[str, str], *, default_branch: str = "") -> Profile:
    """Return the profile with what `options` choose; what is chosen already is always offered. Raises NotOffered."""
    if (name := options.get("agent")) is not None:
        profile = profile.model_copy(update={"agent": _agent(profile, name)})
    if (model := options.get("model")) is not None:
        profile = profile.model_copy(update={"agent": _model(profile, model)})
    if (branch := options.get("branch")) is not None:
        profile = profile.model_copy(update={"branch": _branch(profile, branch, default_branch)})
    if (budget := options.get("budget")) is not None:
        profile = profile.model_copy(update={"budget": profile.budget.model_copy(update={"usd": _budget(profile, budget)})})
    return profile


def _agent(profile: Profile, name: str) -> AgentChoice:
    if name == profile.agent.uses:
        return profile.agent
    offered = profile.choose.agents.get(name)
    if offered is None:
        raise _not_offered(profile, "agent", name, [profile.agent.uses, *profile.choose.agents])
    return AgentChoice.model_validate({"uses": name} | offered.model_dump(by_alias=True))


def _model(profile: Profile, model: str) -> AgentChoice:
    agent = profile.agent
    if model == agent.model:
        return agent
    if not _MODEL.fullmatch(model) or not _is_among(model, profile.choose.models):
        raise _not_offered(profile, "model", model, [*filter(None, (agent.model,)), *profile.choose.models])
    fallback = agent.fallback_model
    keeps = fallback is not None and fallback != model and fallback.partition("/")[0] == model.partition("/")[0]
    return agent.model_copy(update={"model": model, "fallback_model": fallback if keeps else None})


def _branch(profile: Profile, branch: str, default_branch: str) -> str | None:
    standing = profile.branch or default_branch
    if branch == standing:
        return profile.branch
    if not is_branch(branch) or not _is_among(branch, profile.choose.branches):
        raise _not_offered(profile, "branch", branch, [*filter(None, (standing,)), *profile.choose.branches])
    return branch


def _budget(profile: Profile, said: str) -> float:
    most = max(profile.budget.usd, profile.choose.budget_usd or 0)
    found = _BUDGET.fullmatch(said)
    if found is None or not 0 < float(found[1]) <= most:
        raise NotOffered(
            f"`budget={said[:_SHOWN_CHARACTERS]}` is none that the profile {profile.name} offers: it is dollars, such as `budget=2.50`, and "
            f"{dollars(micro_usd(most))} at most."
        )
    return float(found[1])


def _is_among(value: str, patterns: tuple[str, ...]) -> bool:
    # Of fnmatch only `*`: a `[` or `?` is itself.
    return any(fnmatch.fnmatchcase(value, re.sub(r"([\[?])", r"[\1]", pattern)) for pattern in patterns)


def _not_offered(profile: Profile, option: str, value: str, offered: list[str]) -> NotOffered:
    known = ", ".join(f"`{each}`" for each in dict.fromkeys(offered)) or "none"
    return NotOffered(f"`{option}={value[:_SHOWN_CHARACTERS]}` is none that the profile {profile.name} offers: {known}.")
