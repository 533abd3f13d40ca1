"""The `bellhop` command. Each verb gathers its parts and calls a plain function elsewhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.verbs_of_deciding import add_verbs_of_deciding
from app.commands.verbs_of_identity import add_verbs_of_identity
from app.commands.verbs_of_linear import add_verbs_of_linear
from app.errors import BellhopError, ConfigurationError

# Every verb loads what it needs and nothing else: asking for help takes no database, no Docker and no Celery.
if TYPE_CHECKING:
    from rich.console import Console

    from app.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="A self-hosted, event-triggered coding-agent bot.",
                  pretty_exceptions_enable=False)
emulate_app = typer.Typer(no_args_is_help=True, help="Serve an emulator of an outside service on loopback.")
profiles_app = typer.Typer(no_args_is_help=True, help="Look at the profiles.")
app.add_typer(emulate_app, name="emulate")
app.add_typer(profiles_app, name="profiles")
egress_app = typer.Typer(no_args_is_help=True, help="Look at what sandboxes may reach.")
app.add_typer(egress_app, name="egress")

doctor_app = typer.Typer()
app.add_typer(doctor_app, name="doctor")
sidecar_app = typer.Typer(no_args_is_help=True, help="Build and look after what sandboxes are shown at /agent.")
app.add_typer(sidecar_app, name="sidecar")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id: `bellhop runs` lists them.")]

PIPED_WIDTH = 200


def _say_version(wanted: bool) -> None:
    if wanted:
        import tomllib

        print(f"bellhop {tomllib.loads((Path(__file__).parents[1] / 'pyproject.toml').read_text(encoding='utf-8'))['project']['version']}")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which Bellhop this is.")] = False,
) -> None:
    del version


@app.command()
def up() -> None:
    """Run Bellhop: web, worker, gateway and beat in one process, on SQLite."""
    from app.commands.processes import run_all

    run_all(_settings(), _console())


@app.command()
def web() -> None:
    """Run the web process: webhooks and pages."""
    from app.commands.processes import run_web

    run_web(_settings())


@app.command()
def worker() -> None:
    """Run this host's worker."""
    from app.commands.processes import run_worker

    run_worker(_settings())


@app.command()
def gateway() -> None:
    """Run this host's gateway."""
    from app.commands.processes import run_gateway

    run_gateway(_settings())


@app.command()
def beat() -> None:
    """Run the schedule, once for all hosts."""
    from app.commands.processes import run_beat

    run_beat(_settings())


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from app.commands.processes import run_migrations

    print(run_migrations(_settings()))


@app.command()
def link() -> None:
    """Print a link to the pages that works once, within fifteen minutes."""
    from app.commands.look import new_link

    print(new_link(_settings()))


@app.command()
def demo(
    as_json: Json = False,
    sandbox: Annotated[str, typer.Option(help="docker, bubblewrap, or auto: Docker if it can be had.")] = "auto",
    image: Annotated[str | None, typer.Option(help="Another base image for Docker.")] = None,
    repository: Annotated[Path | None, typer.Option(help="Another directory than the shipped repository.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's files and say where they are.")] = False,
) -> None:
    """Show the main job, from a signed webhook to a pull request, with nothing set up."""
    from app.demo.show import show

    raise typer.Exit(
        show(_console(stderr=as_json), as_json=as_json, sandbox=sandbox, keep=keep, image=image, repository=repository)
    )


@app.command()
def attack(
    only: Annotated[list[str] | None, typer.Argument(metavar="INCIDENT", help="Only these incidents, by id: docs/attack.md lists them.")] = None,
    as_json: Json = False,
    sandbox: Annotated[str, typer.Option(help="docker, bubblewrap, or auto: Docker if it can be had.")] = "auto",
    image: Annotated[str | None, typer.Option(help="Another base image for Docker.")] = None,
) -> None:
    """Play disclosed incidents with an obedient agent, in Bellhop and in a plain container, and say what came out."""
    from app.attack.show import attack as play

    raise typer.Exit(play(_console(stderr=as_json), as_json=as_json, sandbox=sandbox, image=image, only=only or ()))


@app.command()
def run(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="The profile's name.")],
    repo: Annotated[str, typer.Option(help="owner/name")],
    prompt: Annotated[str, typer.Option(help="The task, in words.")],
    agent: Annotated[str | None, typer.Option(help="Another agent than the profile's.")] = None,
    as_json: Json = False,
) -> None:
    """Start a run by hand and follow it to its outcome."""
    from app.commands.run import run_by_hand

    raise typer.Exit(
        run_by_hand(_settings(), _console(stderr=as_json), profile, repo, prompt, agent, as_json=as_json)
    )


@app.command()
def runs(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
    ignored: Annotated[bool, typer.Option("--ignored", help="The newest events that started nothing, and why.")] = False,
    as_json: Json = False,
) -> None:
    """List the newest runs."""
    from app.commands.look import list_ignored, list_runs

    (list_ignored if ignored else list_runs)(_settings(), _console(), limit=limit, as_json=as_json)


@app.command()
def show(run_id: RunId, as_json: Json = False) -> None:
    """Show one run: outcome, timeline, grant, audit."""
    from app.commands.look import show_run

    show_run(_settings(), _console(), run_id, as_json=as_json)


@app.command()
def logs(
    run_id: RunId, follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run is done.")] = False
) -> None:
    """Print a run's transcript."""
    from app.commands.look import print_logs

    print_logs(_settings(), _console(), run_id, follow_on=follow)


@app.command()
def replay(run_id: RunId, as_json: Json = False) -> None:
    """Repeat a recorded run of mini or command without any model, and say whether it comes to the same."""
    from app.commands.replay import replay_run

    raise typer.Exit(replay_run(_settings(), _console(stderr=as_json), run_id, as_json=as_json))


@profiles_app.command("check")
def profiles_check(directory: Annotated[Path | None, typer.Argument(metavar="DIRECTORY", help="Where they are; BELLHOP_PROFILES_DIR otherwise.")] = None) -> None:
    """Check every profile; each problem names file, line and key."""
    from app.commands.look import check_profiles

    settings = _settings()
    raise typer.Exit(check_profiles(settings, directory or settings.profiles_dir))


@egress_app.command("propose")
def egress_propose(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="The profile's name.")],
    runs: Annotated[int, typer.Option(min=1, max=1000, help="How many of its newest runs to look at.")] = 50,
    as_json: Json = False,
) -> None:
    """Print what the denials of recent runs would add to a profile's `egress: connect:`."""
    from app.commands.egress import propose

    propose(_settings(), profile, run_limit=runs, as_json=as_json)


Parts = Annotated[list[str] | None, typer.Argument(metavar="[PART]...", help="`bellhop sidecar list` names them.")]


@sidecar_app.command("build")
def sidecar_build(
    parts: Parts = None,
    sandbox: Annotated[str, typer.Option(help="docker, bubblewrap, or auto: Docker if it can be had.")] = "auto",
) -> None:
    """Build the base and these parts; without names, those that the profiles' agents need."""
    from app.commands.sidecar import build

    build(_settings(), parts or [], sandbox, _console())


@sidecar_app.command("verify")
def sidecar_verify() -> None:
    """Hash all that is built, on disk and in the engine's volumes."""
    from app.commands.sidecar import verify

    raise typer.Exit(verify(_settings(), _console()))


@sidecar_app.command("list")
def sidecar_list(as_json: Json = False) -> None:
    """List the base and all parts: version, licence, and what is built."""
    from app.commands.sidecar import show

    show(_settings(), _console(), as_json=as_json)


@sidecar_app.command("lock")
def sidecar_lock(parts: Parts = None) -> None:
    """Write the newest version and its checksum into the files of these parts, or of all."""
    from app.commands.sidecar import lock

    lock(_settings(), parts or [], _console())


@sidecar_app.command("gc")
def sidecar_gc(dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False) -> None:
    """Remove trees, packages and volumes of earlier versions that nothing uses."""
    from app.commands.sidecar import clear

    clear(_settings(), _console(), dry_run=dry_run)


@doctor_app.callback(invoke_without_command=True)
def doctor(context: typer.Context) -> None:
    """Check engine, images, broker, database, profiles, registries, keys, the App and clock, and say how to mend each."""
    if context.invoked_subcommand is not None:
        return
    from app.commands.doctor import examine

    raise typer.Exit(examine(_settings(), _console()))


@doctor_app.command("image")
def doctor_image(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="An image of this host's Docker engine.")],
    to_try: Annotated[bool, typer.Option("--try", help="Also start what is built in sealed sandboxes of the image.")] = False,
    as_json: Json = False,
) -> None:
    """Say what an image has, what a sandbox of it gets beside that, and which agents run in it; nothing of it is run."""
    from app.commands.doctor_image import examine_image

    raise typer.Exit(examine_image(_settings(), image, _console(), as_json=as_json, to_try=to_try))


@emulate_app.command("github")
def emulate_github(
    port: int = 8390, seed: Annotated[Path | None, typer.Option(help="A seed file, in YAML.")] = None
) -> None:
    """Serve the GitHub emulator."""
    from app.emulators.github.serve import run as run_github

    run_github(port=port, seed_file=seed, announce=_say)


@emulate_app.command("linear")
def emulate_linear(
    port: int = 8393, seed: Annotated[Path | None, typer.Option(help="A seed file, in YAML.")] = None
) -> None:
    """Serve the Linear emulator."""
    from app.emulators.linear.serve import run as run_linear

    run_linear(port=port, seed_file=seed, announce=_say)


@emulate_app.command("slack")
def emulate_slack(
    port: int = 8392, seed: Annotated[Path | None, typer.Option(help="A seed file, in YAML.")] = None
) -> None:
    """Serve the Slack emulator."""
    from app.emulators.slack.serve import run as run_slack

    run_slack(port=port, seed_file=seed, announce=_say)


@emulate_app.command("model")
def emulate_model(
    port: int = 8391,
    script: Annotated[Path | None, typer.Option(help="Turns to play, in YAML.")] = None,
    replay: Annotated[Path | None, typer.Option(help="A record to replay, in JSON.")] = None,
) -> None:
    """Serve the model emulator (Anthropic, OpenAI and Gemini)."""
    from app.emulators.model.run import run_model

    run_model(port=port, script=script, replay=replay, announce=_say)


def main(argv: list[str] | None = None) -> Any:
    """Run the command line; an error that somebody can act on is one line on standard error, exit code 2."""
    try:
        return app(argv, prog_name="bellhop")
    except BellhopError as error:
        if "--json" in (sys.argv if argv is None else argv):
            print(json.dumps({"outcome": "error", "reason": error.reason, "message": str(error)}))
        print(f"bellhop: {_plain(str(error))}", file=sys.stderr)
        raise SystemExit(2) from error


def _settings() -> Settings:
    """Read the settings. Raises ConfigurationError with a part for each variable that is wrong."""
    from pydantic import ValidationError

    from app.settings import Settings, misspelt

    try:
        settings = Settings()
    except ValidationError as error:
        # Neither the value nor pydantic's own words: a value may be a secret.
        wrong = [
            f"{name if name.isupper() else f'BELLHOP_{name.upper()}'}: {said[:1].lower()}{said[1:]}"
            for item in error.errors(include_url=False, include_input=False)
            for name, said in [(str(item["loc"][0]), item["msg"].removeprefix("Value error, "))]
        ]
        raise ConfigurationError("; ".join(wrong)) from None
    if unknown := misspelt():
        named = "; ".join(f"{name} is no setting{f', did you mean {meant}?' if meant else ''}" for name, meant in unknown.items())
        raise ConfigurationError(f"{named}. docs/settings.md lists them all")
    return settings


def _console(*, stderr: bool = False) -> Console:
    """Return a console that takes no text for markup and does not fold what is piped into a file."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, stderr=stderr)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


def _plain(text: str) -> str:
    from app.observe.text import printable

    return printable(text)


def _say(words: str) -> None:
    # Whoever waits for this line may read it through a pipe.
    print(words, flush=True)


add_verbs_of_deciding(app, _settings, _console)
add_verbs_of_linear(app, _settings)
add_verbs_of_identity(app, _settings)


if __name__ == "__main__":
    main()
