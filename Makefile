# Two commands for a newcomer: `make run` and `make test`.
PYTHON ?= python3
PORT ?= 8501
SLIPWAY_DATA ?= .slipway
BIN := .venv/bin
GOLDEN := tests/data/templates

.PHONY: all run notebook test pictures lint style types templates audit fix golden bench requirements shipped
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

# Bandit, a scan for secrets, known vulnerabilities, what we ship and under which licences.
.venv-audit/.made: requirements-audit.txt
	@$(PYTHON) -m venv --clear .venv-audit
	@.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-audit.txt
	@touch $@

run: .venv/.made
	@SLIPWAY_DATA="$(SLIPWAY_DATA)" $(BIN)/python -m ops run --port "$(PORT)"

test: .venv/.made
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

# The pictures of the guides, taken anew from the embedded cloud's sample.
pictures: .venv/.made
	@SLIPWAY_PICTURES=docs $(BIN)/python -m pytest -q tests/browser/test_pictures.py tests/browser/test_log_export.py

lint: style types templates audit

style: .venv/.made
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports

types: .venv/.made
	@$(BIN)/mypy

templates: .venv/.made .venv-checkov/.made
	@$(BIN)/cfn-lint $(GOLDEN)/*.json
	@.venv-checkov/bin/checkov --quiet --compact --skip-download --framework cloudformation -d $(GOLDEN)

AUDIT := .venv-audit/bin
VULNERABILITIES := https://api.osv.dev
audit: .venv-audit/.made
	@$(AUDIT)/bandit --quiet --configfile pyproject.toml -ll --recursive ops app pages
	@git ls-files -z | xargs -0 $(AUDIT)/detect-secrets-hook --disable-plugin KeywordDetector \
	  --exclude-files '^(requirements.*\.txt|docs/sbom\.json)$$'
	@if $(AUDIT)/python -c 'import urllib.request as r; r.urlopen("$(VULNERABILITIES)", timeout=5)' 2>/dev/null; \
	  then $(AUDIT)/pip-audit --progress-spinner off --vulnerability-service osv --disable-pip -r requirements.txt; \
	  else echo "pip-audit did not run: no database of vulnerabilities at $(VULNERABILITIES) can be reached"; fi

fix: .venv/.made
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# What the code writes, kept to see in a diff what a change does to it: templates as they are deployed, the
# table of operations.
golden: .venv/.made
	@$(BIN)/python -m ops snapshots template > $(GOLDEN)/snapshots.json
	@$(BIN)/python -m ops logs export-template central > $(GOLDEN)/logs.json
	@$(BIN)/python -m ops logs export-template member > $(GOLDEN)/logs_member.json
	@for which in controller target organization; do \
	  $(BIN)/python -m ops rollouts template $$which > $(GOLDEN)/rollouts-$$which.json; done
	@$(BIN)/python -m ops support-stacks replication template > $(GOLDEN)/replication.json
	@for which in roles app; do $(BIN)/python -m ops setup template $$which > $(GOLDEN)/setup-$$which.json; done
	@$(BIN)/python -m ops operations --markdown > docs/operations.md

.venv/.notebooks: .venv/.made requirements-notebooks.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-notebooks.txt
	@touch $@

notebook: .venv/.notebooks
	@PYTHONPATH="$(CURDIR)" SLIPWAY_DATA="$(abspath $(SLIPWAY_DATA))" \
	  $(BIN)/python -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks

# What the benchmarks are measured against.
.venv/.bench: .venv/.made requirements-bench.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@

bench: .venv/.bench
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; PYTHONPATH=. $(BIN)/python $$file || exit 1; done

# The pinned files are compiled from the ranges in pyproject.toml, the larger set first: both agree on every version.
UV_COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make requirements"
requirements:
	$(UV_COMPILE) pyproject.toml --group dev -o requirements-dev.txt
	$(UV_COMPILE) pyproject.toml -c requirements-dev.txt -o requirements.txt
	$(UV_COMPILE) --group notebooks -c requirements-dev.txt -o requirements-notebooks.txt
	$(UV_COMPILE) --group bench -c requirements-dev.txt -o requirements-bench.txt
	$(UV_COMPILE) --group checkov -o requirements-checkov.txt
	$(UV_COMPILE) --group audit -o requirements-audit.txt
	$(MAKE) --no-print-directory shipped

# What is shipped, in the forms that auditors read.
shipped: .venv/.made .venv-audit/.made
	@$(AUDIT)/cyclonedx-py requirements --output-reproducible requirements.txt -o docs/sbom.json
	@{ printf '# Licences\n\nOf every package that runs with Slipway; `make shipped` writes this page and [the SBOM](sbom.json).\n\n'; \
	  $(AUDIT)/pip-licenses --python $(BIN)/python --format markdown --with-urls \
	    --packages $$(sed -n 's/^\([A-Za-z0-9_.-]*\)==.*/\1/p' requirements.txt); } > docs/licences.md
