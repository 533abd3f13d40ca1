"""compose.yaml: every process gets the settings it reads and no other's secret, sealed as far as it can work so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]

PASSWORDS = {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
PROCESSES = ("migrate", "web", "worker", "gateway", "beat")
OUTBOUND = {"BELLHOP_CA_BUNDLE", "BELLHOP_OUTBOUND_PROXY"}
SERVED = {"BELLHOP_DATABASE_URL", "BELLHOP_BROKER_URL", "BELLHOP_LOG_LEVEL"}
# What hears and what answers read of Linear both.
LINEAR = {
    "BELLHOP_LINEAR_CLIENT_ID", "BELLHOP_LINEAR_CLIENT_SECRET", "BELLHOP_LINEAR_API_URL", "BELLHOP_LINEAR_WEB_URL",
    "BELLHOP_LINEAR_BOT_NAME", "BELLHOP_LINEAR_BOT_USER_ID",
}

# What each process reads, and nothing else.
READS = {
    "migrate": {"BELLHOP_DATABASE_URL"},
    "web": SERVED | OUTBOUND | {
        "BELLHOP_WEB_HOST", "BELLHOP_PUBLIC_URL", "BELLHOP_GITHUB_WEB_URL", "BELLHOP_GITHUB_WEBHOOK_SECRET",
        "BELLHOP_GITHUB_CLIENT_ID", "BELLHOP_GITHUB_CLIENT_SECRET", "BELLHOP_COOKIE_KEY", "BELLHOP_GITHUB_API_URL",
        "BELLHOP_WEBHOOK_SECRETS_DIR", "BELLHOP_METRICS_TOKEN", "BELLHOP_BOT_LOGIN",
        "BELLHOP_SLACK_SIGNING_SECRET", "BELLHOP_SLACK_BOT_TOKEN", "BELLHOP_SLACK_APP_TOKEN", "BELLHOP_SLACK_API_URL",
        "BELLHOP_LINEAR_WEBHOOK_SECRET",
    } | LINEAR,
    "worker": SERVED | OUTBOUND | {
        "BELLHOP_HOST_NAME", "BELLHOP_PUBLIC_URL", "BELLHOP_BOT_LOGIN", "BELLHOP_GITHUB_APP_ID",
        "BELLHOP_GITHUB_PRIVATE_KEY_FILE", "BELLHOP_GITHUB_API_URL", "BELLHOP_GITHUB_WEB_URL", "BELLHOP_GITHUB_WRITE_SPACING_SECONDS",
        "BELLHOP_SANDBOX_BACKEND", "BELLHOP_WORKER_CONCURRENCY", "BELLHOP_MAX_RUNS", "BELLHOP_REGISTRIES_FILE",
        "BELLHOP_MAX_RUNS_PER_REPOSITORY", "BELLHOP_MAX_RUNS_PER_ORGANISATION", "BELLHOP_MAX_RUNS_PER_PERSON",
        "BELLHOP_DAILY_USD_PER_REPOSITORY", "BELLHOP_DAILY_USD_PER_PERSON", "BELLHOP_TIME_ZONE",
        "BELLHOP_KEPT_HOMES", "BELLHOP_KEPT_HOME_DAYS", "BELLHOP_KEPT_HOME_MB", "BELLHOP_KEPT_WORKSPACE_MB",
        "BELLHOP_KEPT_LAYERS", "BELLHOP_KEPT_LAYER_DAYS", "BELLHOP_SLACK_BOT_TOKEN", "BELLHOP_SLACK_API_URL",
        "BELLHOP_PLACES_FILE",
    } | LINEAR,
    "gateway": SERVED | OUTBOUND | {
        "BELLHOP_HOST_NAME", "BELLHOP_GITHUB_API_URL", "BELLHOP_GITHUB_WEB_URL",
        "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "BELLHOP_ANTHROPIC_API_URL", "BELLHOP_OPENAI_API_URL",
        "GEMINI_API_KEY", "BELLHOP_GEMINI_API_URL",
        "BELLHOP_REGISTRIES_FILE", "BELLHOP_REGISTRY_CACHE_MB", "BELLHOP_EGRESS_PRIVATE_NETWORKS",
    },
    "beat": {"BELLHOP_BROKER_URL", "BELLHOP_LOG_LEVEL", "BELLHOP_SWEEP_SECONDS"},
}

# Who may hold each secret, by what it is called in compose.yaml.
HOLDERS = {
    "BELLHOP_GITHUB_WEBHOOK_SECRET": {"web"},
    "webhook-secrets": {"web"},
    "BELLHOP_METRICS_TOKEN": {"web"},
    "BELLHOP_GITHUB_CLIENT_SECRET": {"web"},
    "BELLHOP_COOKIE_KEY": {"web"},
    "BELLHOP_SLACK_SIGNING_SECRET": {"web"},
    "BELLHOP_SLACK_BOT_TOKEN": {"web", "worker"},
    "BELLHOP_SLACK_APP_TOKEN": {"web"},
    "BELLHOP_LINEAR_WEBHOOK_SECRET": {"web"},
    "BELLHOP_LINEAR_CLIENT_SECRET": {"web", "worker"},
    "github_app_key": {"worker"},
    "ANTHROPIC_API_KEY": {"gateway"},
    "OPENAI_API_KEY": {"gateway"},
    "GEMINI_API_KEY": {"gateway"},
    "registry-tokens": {"gateway"},
    "POSTGRES_PASSWORD": {"migrate", "web", "worker", "gateway", "postgres"},
    "REDIS_PASSWORD": {"web", "worker", "gateway", "beat", "redis"},
    "docker.sock": {"worker"},
}


def setting_names() -> set[str]:
    return {
        str(field.validation_alias) if field.validation_alias else f"BELLHOP_{name.upper()}"
        for name, field in Settings.model_fields.items()
    }


def variables(text: str) -> list[tuple[str, str]]:
    """Every variable that compose fills in, with what follows its name between the braces."""
    return re.findall(r"(?<!\$)\$\{([A-Za-z_]+)([^}]*)\}", text)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_given_exactly_the_settings_it_reads(name: str) -> None:
    assert set(SERVICES[name]["environment"]) == READS[name]


@pytest.mark.parametrize("secret", HOLDERS)
def test_a_secret_is_given_to_whom_it_belongs_and_to_nobody_else(secret: str) -> None:
    holders = {name for name, service in SERVICES.items() if secret in json.dumps(service)}
    assert holders == HOLDERS[secret]


def test_t57_the_gateway_sends_a_repositorys_token_to_the_server_that_it_was_minted_at() -> None:
    worker, gateway = SERVICES["worker"]["environment"], SERVICES["gateway"]["environment"]
    for name in ("BELLHOP_GITHUB_API_URL", "BELLHOP_GITHUB_WEB_URL"):
        assert gateway[name] == worker[name]


def test_what_is_named_is_a_setting() -> None:
    given = {name for process in PROCESSES for name in SERVICES[process]["environment"]}
    assert given - setting_names() == set()
    assert {name for name, _ in variables(TEXT)} - setting_names() - PASSWORDS == set()


def test_the_example_holds_every_variable_and_no_other() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = [line.partition("=")[0] for line in lines if line and not line.startswith("#")]
    assert sorted(example) == sorted({name for name, _ in variables(TEXT)})


def test_a_variable_has_one_default() -> None:
    found: dict[str, set[str]] = {}
    for name, rest in variables(TEXT):
        found.setdefault(name, set()).add(rest)
    assert {name: rests for name, rests in found.items() if len(rests) > 1} == {}


def test_no_secret_is_on_a_command_line() -> None:
    for service in SERVICES.values():
        assert variables(json.dumps([service.get("command"), service.get("healthcheck")])) == []


def test_only_what_compose_1_29_and_v2_both_know_is_used() -> None:
    assert {key for key in COMPOSE if not key.startswith("x-")} == {"services", "secrets", "volumes"}
    # 1.29 knows neither nesting nor `:+`.
    assert [rest for _, rest in variables(TEXT) if not re.fullmatch(r":-[^${}]*|:\?[^${}]+", rest)] == []
    assert TEXT.count("${") == len(variables(TEXT))
    known = {
        "build", "cap_add", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "init", "logging",
        "ports", "read_only", "restart", "secrets", "security_opt", "stop_grace_period", "tmpfs", "user", "volumes",
    }
    assert {key for service in SERVICES.values() for key in service} - known == set()


def test_what_is_waited_for_can_come_about() -> None:
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            condition = how["condition"]
            assert condition in ("service_started", "service_healthy", "service_completed_successfully")
            assert condition != "service_healthy" or "healthcheck" in SERVICES[other]
            assert condition != "service_completed_successfully" or SERVICES[other]["restart"] == "no"


def test_images_are_named_without_a_registry() -> None:
    images = [service["image"] for service in SERVICES.values()]
    base = re.findall(r"^ARG BASE_IMAGE=(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(base) == 1
    for image in images + base:
        assert re.fullmatch(r"[a-z0-9-]+:[a-z0-9.-]+", image), image


def test_the_image_is_built_once() -> None:
    """Five builds of one tag at once get in each other's way."""
    assert [name for name, service in SERVICES.items() if "build" in service] == ["migrate"]
    assert {SERVICES[name]["image"] for name in PROCESSES} == {"bellhop:local"}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_sealed_as_far_as_it_can_work_so(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["CHOWN", "DAC_OVERRIDE", "FOWNER"] if name == "worker" else [])
    assert "user" not in service or name in ("worker", "gateway")
    assert name in ("worker", "gateway") or all(volume.endswith(":ro") for volume in service.get("volumes", []))
    assert not {"privileged", "network_mode", "pid"} & set(service)


def test_what_the_engine_mounts_into_sandboxes_has_one_path_inside_and_outside() -> None:
    state, runtime = "/var/lib/bellhop", "/run/bellhop"
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"BELLHOP_STATE_DIR={state} BELLHOP_RUNTIME_DIR={runtime}" in dockerfile
    assert {f"{state}:{state}", f"{runtime}:{runtime}"} <= set(SERVICES["worker"]["volumes"])
    assert {f"{state}/bundles:{state}/bundles", f"{runtime}:{runtime}"} <= set(SERVICES["gateway"]["volumes"])


def test_nothing_is_reachable_from_another_machine() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["web"]["ports"])
