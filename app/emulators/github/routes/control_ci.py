"""How the emulated GitHub's CI ended, said over HTTP: GitHub Actions run nothing here.

As the other switches below `/_emulator`, this one is no part of GitHub and asks for no credentials.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.emulators.github import actions
from app.emulators.github.actions import JobEnd
from app.emulators.github.world import World


class _Job(BaseModel):
    """How one job ended, and its log (null: GitHub has none any more)."""

    model_config = ConfigDict(extra="forbid")

    conclusion: Literal["success", "failure", "timed_out", "cancelled"] = "success"
    log: str | None = ""


class _End(BaseModel):
    """The jobs of the newest run that is under way, of one branch where that is named."""

    model_config = ConfigDict(extra="forbid")

    jobs: Annotated[dict[str, _Job], Field(min_length=1)]
    branch: str | None = None


def routes(world: World) -> list[Route]:
    """Return `POST /_emulator/repos/{owner}/{name}/ci`, which answers with the run as it stands then."""

    def end(full_name: str, said: _End) -> Response:
        with world.lock:
            repo = world.state.repository(full_name)
            under_way = [run for run in (repo.workflow_runs if repo else ()) if run.status != "completed" and said.branch in (None, run.head_branch)]
            if repo is None or not under_way:
                where = f"{said.branch} of {full_name}" if said.branch else full_name
                return JSONResponse({"message": f"No run of a workflow is under way in {where}"}, 404)
            run = under_way[-1]
            actions.finish(world, repo, run, {name: JobEnd(job.conclusion, job.log) for name, job in said.jobs.items()})
            return JSONResponse({
                "id": run.id, "name": run.name, "head_branch": run.head_branch, "head_sha": run.head_sha, "run_attempt": run.attempt,
                "conclusion": run.conclusion,
            })

    async def post(request: Request) -> Response:
        try:
            said = _End.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse({"message": str(error)}, 422)
        return await run_in_threadpool(end, "{owner}/{name}".format(**request.path_params), said)

    return [Route("/_emulator/repos/{owner}/{name}/ci", post, methods=["POST"])]
