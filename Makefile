# make demo: set up and take the tour.  make test: set up and test.  Everything else is below.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.PHONY: demo test histories test-real check check-newest lint bench setup clean

demo: setup
	@$(BIN)/iapeer demo

test: setup lint
	@$(BIN)/pytest -m "not real" -n 4 --dist worksteal

# A thousand random histories of each kind, and a daemon killed at every point of the stories: about six minutes of CPU
# time. `make test` plays the first hundred of each, and kills at every commit of activations and holds.
histories: setup
	@IAPEER_HISTORIES=0:1000 $(BIN)/pytest -n 2 --dist worksteal --timeout 300 tests/world/test_virtual.py tests/world/test_kills.py

# The newest pins of the real agents (the older ones where a test wants both), from npm, against model servers on
# loopback. A missing agent is a failure.
test-real: setup
	@$(BIN)/python fixtures/get_claude.py >/dev/null
	@$(BIN)/python fixtures/get_claude.py older >/dev/null
	@$(BIN)/python fixtures/get_codex.py >/dev/null
	@$(BIN)/python fixtures/get_codex.py older >/dev/null
	@$(BIN)/python fixtures/get_opencode.py >/dev/null || true  # pinned for one platform; its tests say so
	@$(BIN)/python fixtures/get_mcp_tools.py >/dev/null
	@tools/offline $(BIN)/pytest -m real --timeout 300 tests/real tests/whole/mcp

# Whether the agents behave as their adapters say: the bundled one, and all pins of the real ones.
check: setup
	@$(BIN)/python fixtures/check_pinned.py

# The same of what npm has today, in one table.
check-newest: setup
	@$(BIN)/python fixtures/check_newest.py

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 3

# Offline, for it measures real agents too.
bench: setup
	@$(BIN)/python fixtures/get_claude.py >/dev/null
	@$(BIN)/python fixtures/get_codex.py >/dev/null
	@tools/offline $(BIN)/python -m bench

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml tools/setup
	@PYTHON="$(PYTHON)" tools/setup $(VENV)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
