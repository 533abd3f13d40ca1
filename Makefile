# Bellhop's verbs. `make` alone lists them.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PREPARE := sh app/demo/prepare.sh
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --require-virtualenv
LOCKED := --require-hashes --no-deps
TESTS := sh tests/environment/with_engine.sh $(BIN)/python -m pytest -n auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo attack install test test-slow test-agents agents-table agent-streams guards check unit bench lock format clean

help: ## List the verbs
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Show the main job: from a signed webhook to a pull request, nothing to set up
	@$(PREPARE) git bwrap:bubblewrap >/dev/null
	@$(MAKE) --silent --no-print-directory $(VENV)/.base
	@$(BIN)/bellhop demo

attack: ## Play disclosed incidents with an obedient agent, in Bellhop and in a plain container
	@$(PREPARE) git bwrap:bubblewrap >/dev/null
	@$(MAKE) --silent --no-print-directory $(VENV)/.base
	@$(BIN)/bellhop attack

install: $(VENV)/.base ## Make the virtual environment with what Bellhop itself needs
	@echo "bellhop: ready. $(BIN)/bellhop --help"

test: ## Install what the tests need, then lint, types and the suite without its slow sets
	@sh tests/environment/install.sh
	@$(MAKE) --silent --no-print-directory $(VENV)/.dev
	@$(MAKE) --silent --no-print-directory check
	@$(TESTS) -m "not slow"

test-slow: ## The slow sets, which `make test` leaves out and CI runs too
	@sh tests/environment/install.sh
	@$(MAKE) --silent --no-print-directory $(VENV)/.dev
	@$(TESTS) -m slow

test-agents: ## Every agent CLI for real, on the host's programs, Debian and an image without a file
	@sh tests/environment/install.sh
	@$(MAKE) --silent --no-print-directory $(VENV)/.dev
	@BELLHOP_TEST_AGENTS=all sh tests/environment/with_engine.sh $(BIN)/python -m pytest tests/app/execute/agents -m slow

agents-table: ## Measure every agent CLI on every image anew, for docs/agents.md
	@sh tests/environment/install.sh
	@$(MAKE) --silent --no-print-directory $(VENV)/.dev
	@sh tests/environment/with_engine.sh $(BIN)/python -m tests.app.execute.agents.measure

agent-streams: ## Record anew what the agent CLIs print, for the tests of their adapters
	@sh tests/environment/install.sh
	@$(MAKE) --silent --no-print-directory $(VENV)/.dev
	@$(BIN)/python -m tests.app.execute.agents.record

guards: ## Switch each listed guard off, one at a time: the test named beside it must fail
	@sh tests/environment/install.sh
	@$(MAKE) --silent --no-print-directory $(VENV)/.dev
	@sh tests/environment/with_engine.sh $(BIN)/python -m tests.guards.switch

check: $(VENV)/.dev ## Lint and types only
	@$(BIN)/ruff check .
	@$(BIN)/python -m mypy

unit: $(VENV)/.dev ## The tests that need no Docker, Redis or PostgreSQL
	@$(BIN)/python -m pytest -m "not docker and not redis and not postgres and not slow"

bench: ## Measure Bellhop against its floors; writes bench/results.json
	@sh tests/environment/install.sh
	@$(MAKE) --silent --no-print-directory $(VENV)/.dev
	@sh tests/environment/with_engine.sh sh -c '$(BIN)/python -m bench "$${DOCKER_HOST:-unix:///var/run/docker.sock}"'

lock: $(VENV)/.dev ## Lock the newest versions that fit: names, versions and hashes
	@sh requirements/lock.sh $(BIN)/uv

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

# What Bellhop itself runs with, and beside it what the agent `mini` needs inside a sandbox.
$(VENV)/.base: requirements/base.txt sidecar/requirements.txt app/demo/prepare.sh
	@python=$$($(PREPARE) git) || exit 1; \
	$(BIN)/python -c 'import pip, sys; sys.exit(sys.prefix == sys.base_prefix)' 2>/dev/null || { rm -rf $(VENV) && "$$python" -m venv $(VENV); }
	@echo "bellhop: installing the locked requirements into $(VENV); this takes a minute" >&2
	@$(PIP) install $(LOCKED) -r requirements/base.txt
	@rm -rf $(VENV)/agent-site
	@$(PIP) install $(LOCKED) --target $(VENV)/agent-site -r sidecar/requirements.txt
	@printf '%s\n' '#!/bin/sh' '# Finds its place by itself, so that a checkout may be moved.' \
		'here=$$(dirname "$$(readlink -f "$$0")")' \
		'exec "$$here/python" -P -c "import sys; sys.path.insert(0, sys.argv.pop(1)); from app.cli import main; main()" "$$here/../.." "$$@"' \
		>$(BIN)/bellhop
	@chmod +x $(BIN)/bellhop
	@touch $@

$(VENV)/.dev: $(VENV)/.base requirements/dev.txt
	@echo "bellhop: installing the locked development requirements into $(VENV)" >&2
	@$(PIP) install $(LOCKED) -r requirements/dev.txt
	@touch $@
