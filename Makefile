# Everything runs from .venv. It is made from the lock file, and made again when that changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# What only the tests need of datasets: reasoning-gym.
DATASETS := $(VENV)/.datasets
# A venv of its own for NVIDIA GPUs: the CPU and the GPU build of vLLM are the same module, so one venv holds one of them.
GPU_VENV := .venv-gpu
GPU_INSTALLED := $(GPU_VENV)/.installed
# The proof runs on GPUs where there is a driver for them.
PROOF_INSTALLED := $(if $(shell command -v nvidia-smi),$(GPU_INSTALLED),$(INSTALLED))

# The docs are built by tools that nothing else needs.
DOCS_VENV := .venv-docs
DOCS_INSTALLED := $(DOCS_VENV)/.installed

.PHONY: demo up gpu unit test chaos gpu-proof captures screenshots docs check format lock clean
.DEFAULT_GOAL := demo

demo: $(INSTALLED)
	$(BIN)/specreason demo

up: $(INSTALLED)
	$(BIN)/specreason up

# Installs for a machine with NVIDIA GPUs. Then: .venv-gpu/bin/specreason doctor --pair NAME
gpu: $(GPU_INSTALLED)

# Tests without processes, sockets, sleeps, written files and model libraries. They take about half a minute.
unit: $(INSTALLED)
	$(BIN)/python -m pytest -q -n 2 -p no:schemathesis tests/unit

# Three processes, because much of a test is waiting: for a lease to end, a server to start, a process to die. In the
# order of the folders, because the tests that load engines then start first, and take longest.
test: $(INSTALLED) $(DATASETS)
	$(BIN)/python -m pytest -n 3 --no-loadscope-reorder

# Kills workers, Postgres and Valkey at random for five minutes, then audits the database: make chaos SEED=7 SECONDS=60
chaos: $(INSTALLED)
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--duration $(SECONDS)) \
		$(if $(JOBS),--jobs $(JOBS)) $(if $(PAIR),--pair $(PAIR)) $(if $(WORKERS),--workers $(WORKERS)) $(ARGS)

# What only a GPU can show, in ten minutes; without one, as far as the CPU build goes: make gpu-proof ARGS="--minutes 20"
gpu-proof: $(PROOF_INSTALLED)
	$(dir $(PROOF_INSTALLED))bin/python -m tests.gpu.proof $(ARGS)

# Draws the pictures of README again; or takes figures of a report that was drawn: make captures REPORT=report-paper
captures: $(INSTALLED)
	$(BIN)/python -m tests.captures $(if $(REPORT),--report "$(REPORT)")

# Takes the pictures of the pages again, over a store of invented runs; takes Chromium.
screenshots: $(INSTALLED)
	$(BIN)/python -m tests.captures --pages

# Builds the docs into site/. A link or an anchor that leads nowhere is an error.
docs: $(DOCS_INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict --quiet
	@echo "site/index.html"

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m migrations.check

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# An interrupted installation leaves .unfinished behind; the next one then starts with an empty venv.
$(INSTALLED): requirements/cpu.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(if $(wildcard $(VENV)/.unfinished),--clear) $(VENV)
	@touch $(VENV)/.unfinished
	@$(BIN)/python requirements/install.py --editable .
	@mv $(VENV)/.unfinished $@

$(DATASETS): requirements/datasets.txt $(INSTALLED)
	@$(BIN)/python -m pip install --quiet --no-deps -r requirements/datasets.txt && touch $@ \
		|| echo "reasoning-gym is not installed (it takes a C compiler), so its tests are skipped" >&2

$(GPU_INSTALLED): requirements/gpu.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed: make gpu PYTHON=python3.11")'
	@$(PYTHON) -m venv $(if $(wildcard $(GPU_VENV)/.unfinished),--clear) $(GPU_VENV)
	@touch $(GPU_VENV)/.unfinished
	@$(GPU_VENV)/bin/python requirements/install.py --gpu --editable .
	@mv $(GPU_VENV)/.unfinished $@

$(DOCS_INSTALLED): requirements/docs.txt
	@$(PYTHON) -m venv --clear $(DOCS_VENV)
	@$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/docs.txt
	@touch $@

# CPU builds of torch come from PyTorch's index, or from a folder that UV_FIND_LINKS names.
lock: $(INSTALLED)
	$(BIN)/uv pip compile --quiet --python-version 3.11 --extra cpu --extra analysis --extra otel --extra dev --no-emit-index-url --no-emit-find-links \
		$(if $(UV_FIND_LINKS),,--torch-backend cpu) --custom-compile-command "make lock" pyproject.toml -o requirements/cpu.txt
	$(BIN)/uv pip compile --quiet --no-config --python-version 3.11 --extra gpu --extra analysis --extra otel --no-emit-index-url --no-emit-find-links \
		--constraint requirements/gpu-constraints.txt --custom-compile-command "make lock" pyproject.toml -o requirements/gpu.txt
	{ head -n 2 requirements/datasets.txt; $(BIN)/uv pip compile --quiet --no-config --python-version 3.11 --extra datasets --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --constraint requirements/cpu.txt pyproject.toml \
		| grep -vxF -f requirements/cpu.txt; } > $(VENV)/datasets.txt
	mv $(VENV)/datasets.txt requirements/datasets.txt
	$(BIN)/uv pip compile --quiet --no-config --python-version 3.11 --group docs --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" -o requirements/docs.txt

clean:
	rm -rf $(VENV) $(GPU_VENV) $(DOCS_VENV) site build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
