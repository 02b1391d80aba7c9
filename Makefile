# Two commands for a newcomer: `make run` and `make test`.
PYTHON ?= python3
PORT ?= 8501
SLIPWAY_DATA ?= .slipway
BIN := .venv/bin
GOLDEN := tests/data/templates

.PHONY: all run test lint fix golden bench requirements
all: lint test

.venv/.made: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Slipway needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv --clear .venv
	@echo "Installing the pinned requirements into .venv (once, some minutes)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# checkov pins other versions of what Slipway uses, so it lives apart.
.venv-checkov/.made: requirements-checkov.txt
	@$(PYTHON) -m venv --clear .venv-checkov
	@.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-checkov.txt
	@touch $@

run: .venv/.made
	@SLIPWAY_DATA="$(SLIPWAY_DATA)" $(BIN)/python -m ops run --port "$(PORT)"

test: .venv/.made
	@$(BIN)/python -m pytest

lint: .venv/.made .venv-checkov/.made
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/cfn-lint $(GOLDEN)/*.json
	@.venv-checkov/bin/checkov --quiet --compact --skip-download --framework cloudformation -d $(GOLDEN)

fix: .venv/.made
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Templates as they are deployed, kept to see in a diff what a change does to them.
golden: .venv/.made
	@$(BIN)/python -m ops snapshots template > $(GOLDEN)/snapshots.json

bench: .venv/.made
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; PYTHONPATH=. $(BIN)/python $$file || exit 1; done

# The pinned files are compiled from the ranges in pyproject.toml, the larger set first: both agree on every version.
UV_COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make requirements"
requirements:
	$(UV_COMPILE) pyproject.toml --group dev -o requirements-dev.txt
	$(UV_COMPILE) pyproject.toml -c requirements-dev.txt -o requirements.txt
	$(UV_COMPILE) --group checkov -o requirements-checkov.txt
