"""What is shown of a run beside its transcript: rows of plain text, the same for the page, the live page and the terminal."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.core.line.budget import cost_in_words, dollars, micro_usd
from app.core.outcome import Outcome, VerifyResult
from app.core.run import Run
from app.ledger.audit import Use
from app.observe.text import clock, cut, line, printable, span
from app.observe.views import RunView, outcome_line

TAIL_CHARS = 20_000
REPORT_CHARS = 4_000

Rows = list[tuple[str, str]]


class Headline(NamedTuple):
    """The state in a word, and the outcome in a line; `url` is empty unless it may be a link."""

    kind: str
    label: str
    text: str
    url: str


def link(url: str, web_url: str) -> str:
    """Return `url` if it leads to the configured forge, otherwise an empty string: then it is only text."""
    return url if url.startswith(web_url.rstrip("/") + "/") and url.isprintable() and " " not in url else ""


def headline(run: Run, web_url: str) -> Headline:
    """Return how the run stands."""
    outcome = run.outcome
    if outcome is None:
        return Headline(run.state, "stopping" if _is_stopping(run) else run.state, "", "")
    label = outcome.kind.replace("_", " ")
    if outcome.kind == "refused" and outcome.reason == "cancelled":
        return Headline("stopped", "stopped", printable(outcome.text), "")
    if outcome.kind != "pull_request":
        return Headline(outcome.kind, label, printable(outcome_line(outcome)), "")
    url = link(outcome.url, web_url)
    text = f"#{outcome.number}: {outcome.title}" + ("" if url else f" {outcome.url}")
    return Headline(outcome.kind, f"draft {label}" if outcome.draft else label, line(text, 500), url)


def _is_stopping(run: Run) -> bool:
    return run.cancel_requested or (bool(run.stopped_by) and run.state in ("queued", "starting", "running"))


def verify_of(outcome: Outcome | None) -> tuple[str, str]:
    """Return what the verify command did, in a line, and the last of what it said; empty where there is none."""
    verify: VerifyResult | None = outcome.verify if outcome is not None and outcome.kind == "pull_request" else None
    if verify is None:
        return "", ""
    verdict = "passed" if verify.passed else f"failed (exit code {verify.exit_code})"
    return line(f"{verify.command} {verdict} in a fresh sandbox, {span(verify.duration_ms)}", 500), cut(verify.tail, TAIL_CHARS)


def facts_of(view: RunView) -> Rows:
    """Return how it ran."""
    run, usage = view.run, view.usage
    model = f" on {run.profile.agent.model}" if run.profile.agent.model else ""
    tokens = f" ({usage.input_tokens} tokens in, {usage.output_tokens} out, {span(usage.duration_ms)})"
    return _printable([
        ("profile", run.profile.name),
        ("agent", run.profile.agent.uses + model),
        ("isolation", f"{run.isolation} ({run.backend})" if run.isolation else f"not started; at least {run.profile.container.isolation}"),
        ("image", run.profile.container.image or "the host's programs"),
        ("host", run.host or "none yet"),
        ("base", (run.base_commit or "not chosen yet")[:14]),
        ("branch", run.branch),
        *([("goes on with", f"run {run.parent_id}")] if run.parent_id else []),
        *([("stopped by", run.stopped_by)] if run.stopped_by else []),
        ("model requests", f"{usage.exchanges}{tokens if usage.exchanges else ''}"),
        ("cost", _cost(view)),
    ])


def _cost(view: RunView) -> str:
    """Return what the gateway counted, beside the run's budget."""
    usage, budget = view.usage, view.run.profile.budget
    said = cost_in_words(usage.cost_micro_usd, usage.turns, usage.unpriced) or "nothing yet"
    return (
        f"{said}, {_turns(usage.turns)}; the budget is {dollars(micro_usd(budget.usd))}, {budget.tokens:,} tokens, "
        f"{_turns(budget.turns)}"
    )


def _turns(count: int) -> str:
    return f"{count:,} turn{'' if count == 1 else 's'}"


def grant_of(view: RunView) -> Rows:
    """Return what the run may touch, as its frozen profile says; which credentials that took, the audit says."""
    profile, repo = view.run.profile, view.run.event.repo.full_name
    box, limits = profile.container, profile.limits
    writes = profile.keeps_changes
    return _printable([
        ("repository", f"{repo}, no other"),
        ("token for the workspace", ", ".join(f"{name}: read" for name in sorted(profile.permissions)) or "none"),
        ("may publish", f"one branch, {view.run.branch}, and its {'draft ' if profile.autonomy == 'draft' else ''}pull request"
         if writes else "nothing; an answer only"),
        ("CI on the branch", "held until a person has looked" if profile.ci == "hold" else "runs"),
        ("network", "none; two sockets to the gateway"),
        ("tunnels", ", ".join(profile.egress.connect) or "to no host"),
        ("model", profile.agent.model or "none"),
        ("secrets inside", "none"),
        ("limits", f"{profile.timeout_minutes:g} min, {box.memory_mb} MB memory, {box.cpus:g} CPUs, {box.pids} processes, "
                   f"{box.disk_mb} MB disk"),
        ("result", f"at most {limits.max_changed_files} files, {limits.max_patch_kb} KB"),
        (f"protected ({profile.pull_request.protected_paths})", ", ".join(limits.protected_paths) or "no path"),
    ])


def credentials_of(view: RunView) -> list[tuple[str, ...]]:
    """Return each use of a credential, those alike as one: time, action, fingerprint, target, verdict, how often."""
    return _used(view.uses)


def denied_of(view: RunView) -> list[tuple[str, ...]]:
    """Return what the run asked for at its door and did not get, in the same columns."""
    return _used(view.denied)


def reports_of(view: RunView) -> list[tuple[str, ...]]:
    """Return what the agent said through its tools, and the gateway of its budget: time, kind, words."""
    return [
        (clock(row.at_ms), row.report.kind.replace("_", " "), cut("\n\n".join(
            getattr(row.report, name) for name in ("title", "body", "text") if getattr(row.report, name, "")
        ), REPORT_CHARS))
        for row in view.reports
    ]


def _used(uses: list[Use]) -> list[tuple[str, ...]]:
    return [
        (
            clock(use.first_at_ms), *(line(word, 300) for word in (use.action, use.credential_id, use.target, use.verdict)),
            "" if use.times == 1 else f"{use.times} times, last {clock(use.last_at_ms)}",
        )
        for use in uses
    ]


def now_of(view: RunView, web_url: str, now_ms: int) -> dict[str, Any]:
    """Return everything beside the transcript as the live page gets it."""
    outcome = view.run.outcome
    verify, tail = verify_of(outcome)
    return headline(view.run, web_url)._asdict() | {
        "state": view.run.state, "now_ms": now_ms, "stages": [stage._asdict() for stage in view.stages],
        "facts": facts_of(view), "grant": grant_of(view), "credentials": credentials_of(view),
        "denied": denied_of(view), "reports": reports_of(view), "audit_rows": view.audit_rows,
        "verify": verify, "tail": tail, "warnings": warnings_of(outcome),
    }


def warnings_of(outcome: Outcome | None) -> list[str]:
    """Return what to look at first in a pull request."""
    return [line(each, 500) for each in outcome.warnings] if outcome is not None and outcome.kind == "pull_request" else []


def _printable(rows: Rows) -> Rows:
    return [(name, line(value, 1000)) for name, value in rows]
