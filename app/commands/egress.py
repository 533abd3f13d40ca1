"""`bellhop egress propose`: what recent denials would add to a profile's list of hosts; it changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from app.commands.ledger import open_ledger
from app.core.sandbox.propose_egress import EgressProposal, propose_egress
from app.errors import BellhopError
from app.execute.agents import agent_named
from app.ledger import audit, runs
from app.observe.text import line
from app.profiles import load_profiles, load_registries
from app.settings import Settings

_SHOWN_RUNS = 3
_SHOWN_LEFT_OUT = 20


def propose(settings: Settings, profile: str, *, run_limit: int, as_json: bool) -> None:
    """Print the proposal for a profile. Raises BellhopError: no such profile; ConfigurationError."""
    profiles = load_profiles(
        settings.profiles_dir, templates_dir=settings.templates_dir,
        check_agent=lambda choice: agent_named(choice.uses).check(choice),
    )
    if profile not in profiles:
        raise BellhopError(
            f"there is no profile {profile[:60]!r} in {settings.profiles_dir}; there are: {', '.join(sorted(profiles)) or 'none'}",
            reason="no_such_profile",
        )
    present = profiles[profile].egress.connect
    with open_ledger(settings) as database, database.read() as tx:
        looked_at = runs.of_profile(tx, profile, run_limit)
        denied = [(run.id, each) for run in looked_at for each in audit.denied(tx, run.id, action="egress")]
    proposal = propose_egress(denied, present, _own_hosts(settings))
    if as_json:
        print(json.dumps({"profile": profile, "runs": len(looked_at), "present": list(present)} | proposal.model_dump(mode="json"), indent=2))
    else:
        print("\n".join(_lines(profile, len(looked_at), present, proposal)))


def _own_hosts(settings: Settings) -> frozenset[str]:
    registries = load_registries(settings.registries_file).values()
    urls = (
        settings.github_web_url, settings.github_api_url, settings.anthropic_api_url, settings.openai_api_url, settings.gemini_api_url,
        *(address for registry in registries for address in registry.addresses),
    )
    return frozenset(host for url in urls if (host := urlsplit(url).hostname))


def _lines(profile: str, looked_at: int, present: tuple[str, ...], proposal: EgressProposal) -> Iterator[str]:
    yield f"Profile {profile}, its newest {looked_at} {'run' if looked_at == 1 else 'runs'}."
    if proposal.lines:
        yield ""
        yield " egress:"
        yield "   connect:"
        yield from (f"     - '{line(entry)}'" for entry in present)
        yield from (f"+    - '{each.entry}'  # denied in {_in_runs(each.runs)}" for each in proposal.lines)
        yield ""
        yield ("Each added line is a way out: whatever an agent has read, it can send to whoever answers there, and to every account "
               "there. The names come from the sandboxes themselves, so an agent that was led astray can put its own here. Add only what "
               "you know and need. A package registry is better named under `egress: registries:`, to read from only: docs/registries.md.")
    else:
        yield "Nothing to propose: no denial that a line of `egress: connect:` would mend."
    if proposal.left_out:
        yield ""
        yield "Denied, and not proposed:"
        for left in proposal.left_out[:_SHOWN_LEFT_OUT]:
            yield f"  {line(left.target)}: {left.why} ({_in_runs(left.runs)})"
        if len(proposal.left_out) > _SHOWN_LEFT_OUT:
            yield f"  and {len(proposal.left_out) - _SHOWN_LEFT_OUT} more (--json lists all)"


def _in_runs(run_ids: tuple[str, ...]) -> str:
    shown = ", ".join(run_ids[:_SHOWN_RUNS]) + (", ..." if len(run_ids) > _SHOWN_RUNS else "")
    return f"{len(run_ids)} {'run' if len(run_ids) == 1 else 'runs'}: {shown}"
