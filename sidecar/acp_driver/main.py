"""The driver: one prompt for one agent that speaks the Agent Client Protocol, from its start to its end.

https://agentclientprotocol.com/protocol/overview
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from .configuration import Configuration, read_configuration
from .steps import Narrator, emit, step

EXIT_UNFINISHED = 2
EXIT_AGENT_FAILED = 3
EXIT_CONFIGURATION = 4
# A line of the protocol can hold a whole file.
LINE_BYTES = 64 * 1024 * 1024
END_SECONDS = 3.0


def main(argv: list[str]) -> int:
    """Work the prompt on standard input in the current directory, by the configuration `argv[1]` below HOME; return the exit code."""
    home = Path(os.environ.get("HOME", "/"))
    try:
        configuration = read_configuration(home / argv[1])
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        emit(step("error", f"the driver has no configuration it can read: {error}"))
        return EXIT_CONFIGURATION
    prompt = sys.stdin.buffer.read().decode("utf-8", "replace")
    return asyncio.run(drive(configuration, prompt, home, continues="--continue" in argv[2:]))


async def drive(configuration: Configuration, prompt: str, home: Path, *, continues: bool) -> int:
    """Start the agent, have it work the prompt, end it; return the exit code."""
    interrupted = asyncio.Event()
    # Before the agent is started: whoever is told something else must not end with what it was told before unread.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    try:
        # In a session of its own: what interrupts this driver is told to the agent by the protocol.
        process = await asyncio.create_subprocess_exec(
            *configuration.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES, start_new_session=True,
        )
    except OSError as error:
        emit(step("error", f"`{configuration.command[0]}` could not be started: {error}"))
        return EXIT_AGENT_FAILED
    talk = asyncio.create_task(_talk(process, configuration, prompt, home, interrupted, continues=continues))
    gone = asyncio.create_task(process.wait())
    try:
        await asyncio.wait({talk, gone}, return_when=asyncio.FIRST_COMPLETED)
        # Of one that is gone the last words may still be on their way.
        await asyncio.wait({talk}, timeout=END_SECONDS)
        if talk.done() and (code := talk.result()) is not None:
            return code
        emit(step("error", f"the agent ended with exit code {await _exit_code(process)} in the middle of its work"))
        return EXIT_AGENT_FAILED
    finally:
        talk.cancel()
        gone.cancel()
        await end(process)


async def _exit_code(process: asyncio.subprocess.Process) -> int | None:
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), END_SECONDS)
    return process.returncode


async def _talk(
    process: asyncio.subprocess.Process, configuration: Configuration, prompt: str, home: Path, interrupted: asyncio.Event, *,
    continues: bool,
) -> int | None:
    """Have the prompt worked; return the exit code, or None where the agent broke off."""
    # Only now, while the agent starts: the SDK takes its time too.
    from acp import RequestError  # type: ignore[import-not-found] # noqa: PLC0415

    from .session import Session  # noqa: PLC0415

    narrator = Narrator()
    session = Session(process, narrator, configuration, home, interrupted)
    try:
        await session.begin(continues=continues)
        reason = await session.prompt(prompt)
    except RequestError as error:
        emit(step("error", f"the agent refused: {error}{f' ({error.data})' if error.data else ''}"))
    except TimeoutError:
        emit(step("error", "the agent did not begin a session in time"))
    except (ConnectionError, EOFError):
        return None
    except ValueError as error:
        emit(step("error", f"the agent does not keep to the protocol: {str(error)[:500]}"))
    else:
        for said in narrator.pause():
            emit(said)
        emit(step("message", narrator.last_message, final=True, status=reason))
        return 0 if reason == "end_turn" else EXIT_UNFINISHED
    return EXIT_AGENT_FAILED


async def end(process: asyncio.subprocess.Process) -> None:
    """End the agent: by the end of its input, then by signals; some mind only the last one."""
    if process.stdin is not None:
        process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None and process.returncode is None:
            process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), END_SECONDS)
        except TimeoutError:
            continue
        return
