# make demo: set up and take the tour.  make test: set up and test.  Everything else is below.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.PHONY: demo test test-real check lint bench setup clean

demo: setup
	@$(BIN)/iapeer demo

test: setup lint
	@$(BIN)/pytest -m "not real" -n 3 --dist loadfile

# The pinned real agents, from npm, against model servers on loopback. A missing agent is a failure.
test-real: setup
	@$(BIN)/python fixtures/get_claude.py >/dev/null
	@$(BIN)/python fixtures/get_codex.py >/dev/null
	@$(BIN)/python fixtures/get_mcp_tools.py >/dev/null
	@tools/offline $(BIN)/pytest -m real --timeout 300 tests/real tests/mcp

# Whether these agents behave as their adapters say: each as its pinned program, if there is one for it.
CHECKED := fake claude codex
check: setup
	@for name in $(CHECKED); do echo "== $$name"; \
	  binary=; [ ! -f fixtures/get_$$name.py ] || binary=$$($(BIN)/python fixtures/get_$$name.py) || exit 1; \
	  env $${binary:+IAPEER_$${name^^}_BIN=$$binary} tools/offline $(BIN)/iapeer runtime check $$name || exit 1; done

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
