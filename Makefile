# Everything that a checkout can do. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
# One more than two cores, for journeys spend most of their time waiting.
JOBS ?= 3
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(INSTALLED): setup.cfg pyproject.toml requirements/dev.txt package-lock.json $(wildcard build_backend/*.py)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

.PHONY: setup
setup: $(INSTALLED) ## Install everything into .venv

.PHONY: demo
demo: setup ## Run the whole service and provision real applications, until Ctrl-C
	$(BIN)/provisioner demo

.PHONY: hosts-demo
hosts-demo: setup system ## As root: three real servers, the five apps on them, one moved, one server drained; nothing stays
	$(BIN)/python -m tests.estate.demo

.PHONY: up
up: setup ## Run the whole service, until Ctrl-C
	$(BIN)/provisioner up

.PHONY: test
test: setup lint system ## Lint, types, contracts, all tests
	$(PYTEST)

.PHONY: quick
quick: setup ## The tests that start no whole service: some minutes
	$(PYTEST) -m "not journey and not browser"

.PHONY: system
system: ## Install what tests use of the system, as root from Debian: a browser, servers, and what boots machines
	@test "$$(id -u)" != 0 || { command -v chromium sshd bwrap nginx debootstrap systemd-nspawn ip | wc -l | grep -qx 7; } || \
		{ apt-get update -qq && apt-get install -y -qq chromium openssh-server bubblewrap nginx-light debootstrap \
			systemd-container iproute2; }

.PHONY: lint
lint: setup ## Style, types, import contracts, playbooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory check-playbooks

.PHONY: check-playbooks
check-playbooks: setup ## ansible-lint, production profile, over all apps and roles
	cd playbooks && ../$(BIN)/ansible-lint --offline --strict

.PHONY: format
format: setup ## Put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: messages
messages: setup ## Bring the translation catalogues up to date
	$(BIN)/python build_backend/messages.py

.PHONY: lock
lock: setup ## Choose the versions of all dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --extra dev -o requirements/dev.txt setup.cfg

.PHONY: bench
bench: setup ## Measure
	for script in benchmarks/*.py; do $(BIN)/python $$script; done

.PHONY: chaos
chaos: setup ## Torture the engine for ten minutes; what was found stands in chaos-report.md
	$(BIN)/python -m tests.chaos.torture

.PHONY: clean
clean: ## Remove what was built, installed and kept in this folder, the demo's data included
	rm -rf $(VENV) var build dist provisioner/static/vendor *.egg-info .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
