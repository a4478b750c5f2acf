# One command per chore; `make help` lists them.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
CI     ?=

# Processes that share the tests; a part of them runs in one, unless it is said: make test WORKERS=2 ARGS=tests/unit
WORKERS ?= $(if $(strip $(ARGS)),0,3)

NODE_PEER := benchmarks/peers/node

SYSTEM_PACKAGES := nginx chromium nodejs npm redis-server curl openssl

.DEFAULT_GOAL := help
.PHONY: help demo run test test-deps lint fmt fuzz soak bench fanout-bench node-peer docs clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## Start the server, run the example optimisation, watch it live
	@$(BIN)/runcast demo

run: $(VENV)/.run ## Start the server on http://127.0.0.1:5000
	@$(BIN)/python api/server.py

test: $(VENV)/.dev $(if $(filter true,$(CI)),test-deps) ## Run the tests; what is not installed is skipped and said
	@# Some hundred servers start: their bytecode is kept, whatever the environment says.
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-deps: ## Install what some tests need from Debian (nginx, chromium, nodejs, npm, redis, curl, openssl); asks for root
	@missing=""; for p in $(SYSTEM_PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	command -v node >/dev/null 2>&1 && missing=$$(printf '%s' "$$missing" | sed 's/ nodejs//'); \
	command -v npm >/dev/null 2>&1 && missing=$$(printf '%s' "$$missing" | sed 's/ npm//'); \
	if [ -n "$$missing" ]; then \
	  root=""; [ "$$(id -u)" = 0 ] || root=sudo; \
	  $$root apt-get update -qq && $$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing; \
	fi

lint: $(VENV)/.dev ## Check style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

fmt: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

fuzz: $(VENV)/.dev ## Fuzz the API and the life of tasks for longer than the tests do
	@FUZZ_EXAMPLES=100 FUZZ_SEED=$$(date +%s) $(BIN)/python -m pytest --timeout 3600 tests/acceptance/test_fuzz.py
	@LIFECYCLE_EXAMPLES=5000 $(BIN)/python -m pytest --timeout 3600 tests/unit/services/test_lifecycle_model.py

soak: $(VENV)/.dev ## Readers away for five minutes amid 100,000 events; 15,000 connections; takes an hour
	@SLOW_READER_EVENTS=100000 SLOW_READER_SECONDS=30,300 MANY_CONNECTIONS=15000 \
	  $(BIN)/python -m pytest tests/acceptance/test_slow_readers.py tests/acceptance/test_many_connections.py

bench: $(VENV)/.dev node-peer ## Measure against peers and controls; writes benchmarks/results/
	@$(BIN)/python -m benchmarks $(ARGS)

fanout-bench: $(VENV)/.dev node-peer ## Measure the fan-out alone beside its peers; writes benchmarks/results/
	@$(BIN)/python -m benchmarks.fanout $(ARGS)

node-peer:
	@command -v npm >/dev/null 2>&1 || { echo "npm is not installed: nothing is measured beside Node's socket.io"; exit 0; }; \
	[ $(NODE_PEER)/node_modules/.package-lock.json -nt $(NODE_PEER)/package-lock.json ] || \
	  npm ci --prefix $(NODE_PEER) --ignore-scripts --no-audit --no-fund --silent || \
	  echo "npm could not install socket.io: nothing is measured beside it"

docs: $(VENV)/.dev ## Write the generated pages of docs/reference
	@$(BIN)/python docs/generate.py

clean: ## Remove the virtual environment and what tools left
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache *.egg-info build

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV) || { echo "Python 3.11 with venv is needed: apt-get install python3-venv"; exit 1; }

$(VENV)/.run: $(VENV)/bin/python requirements.txt setup.cfg pyproject.toml
	@echo "Installing the pinned requirements into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@rm -rf runcast.egg-info  # an older one would hide new workloads
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt tests/support/workloads/setup.cfg
	@echo "Installing the pinned requirements of tests and lint into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable tests/support/workloads
	@touch $@
