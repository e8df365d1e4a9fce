# Two commands: `make up` runs the service on the shipped sample, `make test` proves it. Both work from
# nothing but this checkout, and again from wherever they stand.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .local/tools/bin/uv
VENV := .venv
BIN := $(VENV)/bin
# The lock alone decides what is installed: no links or pins of this machine's own.
LOCKED := env -u PIP_FIND_LINKS UV_PYTHON=$(VENV)/bin/python $(UV) pip
COMPILE := $(UV) pip compile --universal --generate-hashes --no-emit-find-links --no-emit-index-url \
           --no-header --no-annotate --python-version 3.11 --quiet

.PHONY: help up down clean status test lock

help: ## Show the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(UV):
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	  f"Dayahead needs Python 3.11, 3.12 or 3.13, and {sys.executable} is {v[0]}.{v[1]}: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv .local/tools || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	@.local/tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(BIN)/python: | $(UV)
	@$(UV) venv --quiet --python $(PYTHON) $(VENV)

# Stamps: the environment is renewed when the lock changes, and only then.
$(VENV)/service.stamp: requirements/service.txt pyproject.toml | $(BIN)/python
	@$(LOCKED) install --quiet --require-hashes -r requirements/service.txt
	@$(LOCKED) install --quiet --no-deps --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/service.stamp
	@$(LOCKED) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

lock: | $(UV) ## Renew the lock from pyproject.toml
	@unset PIP_FIND_LINKS; $(COMPILE) pyproject.toml -o requirements/service.txt
	@unset PIP_FIND_LINKS; $(COMPILE) pyproject.toml --extra dev -c requirements/service.txt -o requirements/dev.txt
