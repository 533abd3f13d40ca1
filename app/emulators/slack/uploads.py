"""Where a file's bytes go and come from: the upload address, and `url_private`, which asks for a token.

https://docs.slack.dev/messaging/working-with-files
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from app.emulators.slack.call import Call
from app.emulators.slack.dispatch import kind_of
from app.emulators.slack.methods.files import visible
from app.emulators.slack.problems import Refusal
from app.emulators.slack.world import World


def routes(world: World) -> list[Route]:
    """Return the two addresses."""

    async def take(request: Request) -> Response:
        content = await request.body()
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form() as form:
                given = next((one for one in form.values() if not isinstance(one, str)), None)
                content = await given.read() if given is not None else b""
        with world.lock:
            file = world.state.files.get(request.path_params["file"])
            if file is None or file.content is not None:
                return PlainTextResponse("file not found", 404)
            if len(content) != file.size:
                return PlainTextResponse("the length is not as announced", 400)
            file.content = content
        return PlainTextResponse(f"OK - {len(content)}")

    def give(request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        number = re.sub(r"^[^-]+-", "", request.path_params["numbers"])
        with world.lock:
            try:
                call = Call(world, kind_of(world, token if scheme.lower() == "bearer" else None), {})
                call.need("files:read")
                file = visible(call, number)
            except Refusal:
                # Whoever may not see it is led to a page to sign in at, and not told that there is a file.
                return RedirectResponse(f"{world.web_url}/?redir={request.url.path}", 302)
        return Response(file.content, media_type="application/octet-stream")

    def sign_in(_request: Request) -> Response:
        return Response("<!DOCTYPE html><title>Sign in</title>", media_type="text/html")

    return [
        Route("/upload/v1/{file}", take, methods=["POST"]),
        Route("/files-pri/{numbers}/{name}", give, methods=["GET"]),
        Route("/files-pri/{numbers}/download/{name}", give, methods=["GET"]),
        Route("/", sign_in, methods=["GET"]),
    ]
