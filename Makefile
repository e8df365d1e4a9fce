# Two commands: `make up` runs the service on the shipped sample, `make test` tests it. Both work from
# a fresh checkout, and can be repeated from any state.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .local/tools/bin/uv
VENV := .venv
BIN := $(VENV)/bin
BENCHMARKS := .venv-benchmarks
DOCS := .venv-docs
# Only the lock decides what is installed: no links or pins from the machine's pip configuration.
LOCKED := env -u PIP_FIND_LINKS UV_PYTHON=$(VENV)/bin/python $(UV) pip
COMPILE := $(UV) pip compile --universal --generate-hashes --no-emit-find-links --no-emit-index-url \
           --no-header --no-annotate --python-version 3.11 --quiet -c requirements/constraints.in --override requirements/overrides.in
LOCK_IMAGE := $(COMPILE) pyproject.toml -c requirements/service.txt

.PHONY: help extras up down status clean test test-in-docker test-here build lint unit coverage docs lock benchmark chromium mosquitto wrk

help: ## Show the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(UV):
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	  f"Dayahead needs Python 3.11, 3.12 or 3.13, and {sys.executable} is {v[0]}.{v[1]}: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv .local/tools || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	@.local/tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(BIN)/python: | $(UV)
	@$(UV) venv --quiet --python $(PYTHON) $(VENV)

# Stamps: the environment is renewed only when the lock changes. Bytecode is compiled here once: a dozen
# processes start at once, and some machines do not let Python store bytecode. So is the machine code of the
# forecast: otherwise the first process would build it while the others wait.
$(VENV)/service.stamp: requirements/service.txt pyproject.toml | $(BIN)/python
	@$(LOCKED) install --quiet --no-deps --compile-bytecode --require-hashes -r requirements/service.txt
	@$(LOCKED) install --quiet --no-deps --editable .
	@$(BIN)/python -m dayahead.machine_code
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/service.stamp
	@$(LOCKED) install --quiet --no-deps --require-hashes -r requirements/dev.txt
	@touch $@

extras: $(VENV)/dev.stamp ## Install all optional parts, such as MQTT, MCP and traces, and what the tests need

up: $(VENV)/service.stamp ## Start everything on the sample, or on a live source: DAYAHEAD_SOURCE=ingest/sources/FILE.yaml make up
	@$(BIN)/dayahead up

down: ## Stop it; data is kept
	@if [ -x $(BIN)/dayahead ]; then $(BIN)/dayahead down; fi

status: $(VENV)/service.stamp ## Services, lag, freshness, rungs, accuracy
	@$(BIN)/dayahead status

clean: ## Stop it and delete all local data
	@if [ -x $(BIN)/dayahead ]; then $(BIN)/dayahead clean; fi

# The tests kill and stop their servers, so they start them as processes: as root, here or in a container.
test: ## Everything from scratch: lint, types, import rules, all tests on real servers
	@if [ "$$(id -u)" != 0 ] && docker info >/dev/null 2>&1; then $(MAKE) --no-print-directory test-in-docker; \
	  else $(MAKE) --no-print-directory test-here; fi

test-in-docker: export ARGS := $(ARGS)
test-in-docker:
	@docker build --quiet --tag dayahead-test .devcontainer >/dev/null
	@docker run --rm --privileged --volume "$(CURDIR)":/checkout:ro --volume dayahead-test-venv:/src/.venv \
	  --volume dayahead-test-local:/src/.local --env ARGS dayahead-test bash -ec 'cd /src; \
	  tar -C /checkout --exclude=./.venv --exclude=./.venv-benchmarks --exclude=./.venv-docs --exclude=./.local -c . | tar -x --no-same-owner; \
	  make --no-print-directory test-here ARGS="$$ARGS"'

test-here: $(VENV)/dev.stamp $(DOCS)/stamp lint chromium mosquitto build
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/dev.stamp ## Lint, format, types, import rules, JavaScript, width of the docs
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check || { echo "Run: $(BIN)/ruff format"; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@NO_COLOR=1 $(BIN)/deno lint --quiet api/page/assets tests/page
	@$(BIN)/python -m deploy.site.wrap --check || { echo "Run: $(BIN)/python -m deploy.site.wrap"; exit 1; }
	@$(BIN)/lint-imports --no-logo >.local/lint-imports.log || { cat .local/lint-imports.log; exit 1; }

build: $(VENV)/service.stamp ## Build the server binaries without starting anything
	@$(BIN)/dayahead build

# Child processes of tests are measured too: each writes a file, and the report combines them.
coverage: $(VENV)/dev.stamp chromium mosquitto build ## Run all tests and show which lines they reach: ARGS='tests/dayahead' for some
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered $(ARGS)

unit: $(VENV)/dev.stamp ## Run the tests that need no server
	@$(BIN)/pytest -m "not servers and not end_to_end and not browser and not images" $(ARGS)

# The page is tested in Debian's Chromium: Playwright would download another build. The build without a window
# needs a third less processor time; where the whole browser is there already, it does.
chromium:
	@{ command -v chromium-headless-shell || command -v chromium; } >/dev/null || { \
	  echo "apt-get install chromium-headless-shell (missing on this machine; the tests look at the page in it)"; \
	  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium-headless-shell; } \
	    >.local/chromium.log 2>&1 || { tail -5 .local/chromium.log; echo "chromium could not be installed: see above"; exit 1; }; }

# The broker that `dayahead mqtt` is tested with.
mosquitto:
	@test -x /usr/sbin/mosquitto || { \
	  echo "apt-get install mosquitto (missing on this machine; the tests publish to it)"; \
	  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends mosquitto; } \
	    >.local/mosquitto.log 2>&1 || { tail -5 .local/mosquitto.log; echo "mosquitto could not be installed: see above"; exit 1; }; }

# The load generator of `make benchmark B=api`.
wrk:
	@command -v wrk >/dev/null || { \
	  echo "apt-get install wrk (missing on this machine; the benchmark of the API asks with it)"; \
	  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends wrk; } \
	    >.local/wrk.log 2>&1 || { tail -5 .local/wrk.log; echo "wrk could not be installed: see above"; exit 1; }; }

# The peers of the benchmarks are installed in a separate environment.
$(BENCHMARKS)/stamp: requirements/benchmarks.txt pyproject.toml | $(BIN)/python
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(BENCHMARKS)
	@env -u PIP_FIND_LINKS UV_PYTHON=$(BENCHMARKS)/bin/python $(UV) pip install --quiet --no-deps --compile-bytecode --require-hashes -r $<
	@env -u PIP_FIND_LINKS UV_PYTHON=$(BENCHMARKS)/bin/python $(UV) pip install --quiet --no-deps --editable .
	@touch $@

benchmark: $(BENCHMARKS)/stamp $(VENV)/service.stamp $(if $(filter api,$(B)),wrk) $(if $(filter page,$(B)),chromium) ## Measure: make benchmark B=accuracy ARGS='…'
	@test -n "$(B)" || { echo "Which? make benchmark B=… ARGS='…' (ARGS=--help for more)"; \
	  sed -nE 's/^"""(.*): `make benchmark B=([a-z_]+).*/\2\t\1/p' benchmarks/*.py | expand -t 16; exit 1; }
	@$(BENCHMARKS)/bin/python -m benchmarks.$(B) $(ARGS)

$(DOCS)/stamp: requirements/docs.txt | $(BIN)/python
	@$(UV) venv --quiet --allow-existing --python $(BIN)/python $(DOCS)
	@env -u PIP_FIND_LINKS UV_PYTHON=$(DOCS)/bin/python $(UV) pip install --quiet --require-hashes -r $<
	@touch $@

docs: $(DOCS)/stamp ## Build the documentation as a site in .local/site; a broken link or anchor is an error
	@PYTHONPATH=. $(DOCS)/bin/zensical build --strict
	@echo "open .local/site/index.html"

lock: | $(UV) ## Renew the lock from pyproject.toml
	@unset PIP_FIND_LINKS; $(COMPILE) pyproject.toml --extra service -o requirements/service.txt
	@unset PIP_FIND_LINKS; $(COMPILE) pyproject.toml --extra service --extra dev -c requirements/service.txt -o requirements/dev.txt
	@unset PIP_FIND_LINKS; $(LOCK_IMAGE) --extra ingest -o requirements/images/ingest.txt
	@unset PIP_FIND_LINKS; $(LOCK_IMAGE) --extra us-isos -o requirements/images/us-isos.txt
	@unset PIP_FIND_LINKS; $(LOCK_IMAGE) --extra worker -o requirements/images/worker.txt
	@unset PIP_FIND_LINKS; $(LOCK_IMAGE) --extra trainer -o requirements/images/trainer.txt
	@unset PIP_FIND_LINKS; $(LOCK_IMAGE) --extra mqtt --extra mcp -o requirements/images/consumers.txt
	@unset PIP_FIND_LINKS; $(LOCK_IMAGE) --extra tracking -o requirements/images/tracking.txt
	@unset PIP_FIND_LINKS; $(LOCK_IMAGE) --extra traces -o requirements/images/traces.txt
	@unset PIP_FIND_LINKS; $(LOCK_IMAGE) --extra reports --excludes requirements/images/reports-excludes.txt -o requirements/images/reports.txt
	@unset PIP_FIND_LINKS; $(LOCK_IMAGE) --extra api --excludes requirements/images/api-excludes.txt -o requirements/images/api.txt
	@unset PIP_FIND_LINKS; $(LOCK_IMAGE) --extra compiler -o requirements/images/compiler.txt
	@unset PIP_FIND_LINKS; $(COMPILE) pyproject.toml --extra service --extra benchmarks -c requirements/service.txt \
	  -o requirements/benchmarks.txt
	@unset PIP_FIND_LINKS; $(COMPILE) --group docs -o requirements/docs.txt
	@unset PIP_FIND_LINKS; $(COMPILE) requirements/build.in -o requirements/build.txt
