"""What a run may read of its repository, asked anew: the profile's word, and of that what the person may see now."""

from __future__ import annotations

from app.core.deciding.standing import voucher
from app.core.grant import Grant
from app.core.run import Run
from app.core.sandbox.entitlement import entitled, needed_role
from app.core.step import Step
from app.ledger import audit, steps
from tasks.deciding.rights import refuse_if_lost, role_now
from tasks.grants import authorise_grant, workspace_grant
from tasks.parts import Parts


def entitled_grant(parts: Parts, run: Run) -> Grant:
    """Ask what the person who rang may do by now, and return the run's grant; both are on record.

    A run that nobody outside answers for (`bellhop run`) has what the profile says.
    Raises PublishRefused when that person may not ring any more, GrantRefused, ServiceError.
    """
    event, profile = run.event, run.profile
    if voucher(event, profile.who.apps) == "operator":
        return workspace_grant(event, profile, None)
    with parts.credential(authorise_grant(event), run_id=run.id) as credential:
        role = role_now(parts, credential, event, profile) or "none"
    refuse_if_lost(role, event, profile, "nothing more is read of it and nothing is published")
    grant = workspace_grant(event, profile, role)
    left_out = entitled(profile.permissions, role).left_out
    with parts.database.begin() as tx:
        audit.record(
            tx, run_id=run.id, credential_id=credential.id, action="grant workspace",
            target=f"{event.repo.full_name} {grant.says}", verdict=f"without {', '.join(left_out)}"[:64] if left_out else "ok",
        )
        if left_out:
            step = _left_out(event.actor.login, role, left_out)
            sandbox_id = f"{run.id}-work"
            if step not in steps.of_sandbox(tx, run.id, sandbox_id):
                steps.append(tx, run.id, sandbox_id, [step])
    return grant


def _left_out(login: str, role: str, names: tuple[str, ...]) -> Step:
    why = "; ".join(f"{name} takes `{needed_role(name, 'read')}`" for name in names)
    text = f"left out of what this run may read: {', '.join(names)}, because {login} has `{role}` here ({why})"
    return Step(kind="log", text=text, data={"stream": "bellhop", "left_out": list(names)})
