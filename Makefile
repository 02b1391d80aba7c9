# To get started: `make run` and `make test`.
PYTHON ?= python3
PORT ?= 8501
SLIPWAY_DATA ?= .slipway
BIN := .venv/bin
GOLDEN := tests/data/templates

# Many containers set this. Each of the hundreds of processes of a test run would compile the modules that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: all run notebook unit test test-thorough pictures lint style types templates audit fix golden bench requirements \
	shipped wheel release image prose docs mutants witnesses
all: lint test

# Environments are updated in place: nothing in use is deleted, and a .venv that is a link stays one.
INSTALL = -m pip install --quiet --disable-pip-version-check --require-hashes -r

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Slipway requires Python 3.11 or later. Run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv "$$(cd .venv 2>/dev/null && pwd -P || echo .venv)"

# The command `slipway`, as an installed package has it, for this checkout.
$(BIN)/slipway: | $(BIN)/python
	@printf '#!/bin/sh\nPYTHONPATH="%s$${PYTHONPATH:+:$$PYTHONPATH}" exec "%s" -P -m ops "$$@"\n' \
	  "$(CURDIR)" "$(CURDIR)/$(BIN)/python" > $@
	@chmod +x $@

.venv/.run: requirements-embedded.txt | $(BIN)/python $(BIN)/slipway
	@echo "Installing the requirements of Slipway in .venv (once, takes a minute or two)…"
	@$(BIN)/python $(INSTALL) requirements-embedded.txt
	@touch $@

.venv/.dev: requirements-dev.txt | $(BIN)/python $(BIN)/slipway
	@echo "Installing the requirements of the tests in .venv (once, takes some minutes)…"
	@$(BIN)/python $(INSTALL) requirements-dev.txt
	@touch $@ .venv/.run

# checkov pins other versions of Slipway's dependencies, so it has its own environment.
.venv-checkov/.made: requirements-checkov.txt
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/python $(INSTALL) requirements-checkov.txt
	@touch $@

# Bandit, detect-secrets, pip-audit, and the generators of the SBOM and the license list.
.venv-audit/.made: requirements-audit.txt
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python $(INSTALL) requirements-audit.txt
	@touch $@

run: .venv/.run
	@SLIPWAY_DATA="$(SLIPWAY_DATA)" $(BIN)/python -m ops run --port "$(PORT)"

# Three tiers of tests. What needs only Python:
unit: .venv/.dev
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal -m "unit and not thorough"

# Everything that guards a change, one case of each kind. A process waits for the cloud about half of the time.
test: .venv/.dev
	@$(BIN)/python -m pytest -n 4 --dist loadfile -m "not thorough" --durations 40

# The long matrices, and 10,000 examples of each property.
test-thorough: .venv/.dev
	@$(BIN)/python -m pytest -n 4 --dist loadfile --timeout 7200 -m "thorough or hypothesis" --hypothesis-profile thorough

# Update the screenshots of the guides from the sample data of the embedded cloud.
pictures: .venv/.dev
	@SLIPWAY_PICTURES=docs $(BIN)/python -m pytest -q tests/browser/test_pictures.py tests/browser/test_log_export.py

lint: style types templates audit prose docs

style: .venv/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports

types: .venv/.dev
	@$(BIN)/mypy

templates: .venv/.dev .venv-checkov/.made
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
	  else echo "Skipped pip-audit: cannot reach the vulnerability database at $(VULNERABILITIES)"; fi

# The word list of the project is a test: tests/test_wording.py.
prose: .venv-audit/.made
	@$(AUDIT)/proselint check --config .proselintrc.json $(wildcard *.md docs/*.md docs/*/*.md)

# MkDocs and its theme.
.venv-docs/.made: requirements-docs.txt
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/python $(INSTALL) requirements-docs.txt
	@touch $@

# The site of the docs in dist/site. A page outside the navigation and a broken link or anchor fail.
docs: .venv-docs/.made
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build

fix: .venv/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Update the generated files, so that a diff shows how a change affects them: the templates as they are deployed,
# the table of operations, the reference, and what the embedded cloud knows of AWS.
golden: .venv/.dev
	@$(BIN)/python -m ops snapshots template > $(GOLDEN)/snapshots.json
	@$(BIN)/python -m ops logs export-template central > $(GOLDEN)/logs.json
	@$(BIN)/python -m ops logs export-template member > $(GOLDEN)/logs_member.json
	@for which in controller target organization; do \
	  $(BIN)/python -m ops rollouts template $$which > $(GOLDEN)/rollouts-$$which.json; done
	@$(BIN)/python -m ops support-stacks replication template > $(GOLDEN)/replication.json
	@$(BIN)/python -m tests.conformance.deploying
	@for which in roles app; do $(BIN)/python -m ops setup template $$which > $(GOLDEN)/setup-$$which.json; done
	@$(BIN)/python -m ops operations --markdown > docs/operations.md
	@$(BIN)/python -m tests.reference
	@$(BIN)/python -m tests.conformance.extract
	@$(BIN)/python -m tests.conformance.table

.venv/.notebooks: requirements-notebooks.txt | .venv/.run
	@$(BIN)/python $(INSTALL) requirements-notebooks.txt
	@touch $@

notebook: .venv/.notebooks
	@PYTHONPATH="$(CURDIR)" SLIPWAY_DATA="$(abspath $(SLIPWAY_DATA))" \
	  $(BIN)/python -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks

# The tools that the benchmarks compare with.
.venv/.bench: requirements-bench.txt | .venv/.dev
	@$(BIN)/python $(INSTALL) requirements-bench.txt
	@touch $@

bench: .venv/.bench
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; PYTHONPATH=. $(BIN)/python $$file || exit 1; done

# The tool that changes operators and constants of the modules in [tool.mutmut], one at a time.
.venv/.mutants: requirements-mutants.txt | .venv/.dev
	@$(BIN)/python $(INSTALL) requirements-mutants.txt
	@touch $@

# Print the changes that no test detects.
mutants: .venv/.mutants
	@$(BIN)/python -m mutmut run
	@$(BIN)/python -m mutmut results

# Disable every refusal of ops/ one by one, and print those that no test detects.
witnesses: .venv/.dev
	@$(BIN)/python -m tests.witnesses

# Compile the pinned requirements from the ranges in pyproject.toml. The development set comes first and constrains
# the others, so that they agree on every version.
UV_COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make requirements"
requirements:
	$(UV_COMPILE) pyproject.toml --extra dev -o requirements-dev.txt
	$(UV_COMPILE) pyproject.toml -c requirements-dev.txt -o requirements.txt
	$(UV_COMPILE) pyproject.toml --extra embedded -c requirements-dev.txt -o requirements-embedded.txt
	$(UV_COMPILE) pyproject.toml --extra notebooks -c requirements-dev.txt -o requirements-notebooks.txt
	$(UV_COMPILE) pyproject.toml --extra mcp -c requirements-dev.txt -o requirements-mcp.txt
	$(UV_COMPILE) --group bench -c requirements-dev.txt -o requirements-bench.txt
	$(UV_COMPILE) --group mutants -c requirements-dev.txt -o requirements-mutants.txt
	$(UV_COMPILE) --group checkov -o requirements-checkov.txt
	$(UV_COMPILE) --group docs -o requirements-docs.txt
	$(UV_COMPILE) --group audit -o requirements-audit.txt
	$(MAKE) --no-print-directory shipped

# The wheel and the source distribution.
wheel: .venv/.dev
	@$(BIN)/python -m hatchling build -t wheel -t sdist -d dist

# One self-contained template per job, and their checksums.
release: .venv/.run
	@$(BIN)/python -m ops.release.write dist

# The image of the pages from the Dockerfile, without a container engine: Debian's buildah and mmdebstrap, as root.
# The base is Debian's Python. The build trusts this machine's certificate authorities, the image Debian's.
IMAGE_STORE ?= $(CURDIR)/dist/image
BUILDAH := BUILDAH_ISOLATION=chroot buildah --root "$(IMAGE_STORE)/storage" --runroot "$(IMAGE_STORE)/run"
AUTHORITIES := /etc/ssl/certs/ca-certificates.crt
image:
	@command -v buildah mmdebstrap > /dev/null || { echo "Run as root: apt-get install buildah mmdebstrap"; exit 1; }
	@mkdir -p "$(IMAGE_STORE)"
	@mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-pip,python-is-python3 \
	  bookworm "$(IMAGE_STORE)/base.tar" http://deb.debian.org/debian
	@container=$$($(BUILDAH) from scratch) && $(BUILDAH) add --quiet $$container "$(IMAGE_STORE)/base.tar" / && \
	  $(BUILDAH) config --env PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --env PIP_BREAK_SYSTEM_PACKAGES=1 $$container && \
	  $(BUILDAH) commit --quiet --rm $$container slipway-base
	@$(BUILDAH) build --quiet --pull-never --from slipway-base --tag slipway \
	  $(if $(wildcard $(AUTHORITIES)),--volume $(AUTHORITIES):$(AUTHORITIES):ro) .
	@rm "$(IMAGE_STORE)/base.tar"
	@echo 'Push it: $(BUILDAH) push --digestfile dist/digest slipway docker://REGISTRY/slipway:VERSION'

# Generate the SBOM and the license list of the runtime dependencies.
shipped: .venv/.dev .venv-audit/.made
	@$(AUDIT)/cyclonedx-py requirements --output-reproducible requirements.txt -o docs/sbom.json
	@{ printf '# Licenses\n\nThe licenses of all runtime dependencies. `make shipped` generates this page and [the SBOM](sbom.json).\n\n'; \
	  $(AUDIT)/pip-licenses --python $(BIN)/python --format markdown --with-urls \
	    --packages $$(sed -n 's/^\([A-Za-z0-9_.-]*\)==.*/\1/p' requirements.txt); } > docs/licences.md
