# Everything a newcomer or CI needs; `make help` lists it. Needs Python 3.11-3.14 and make.
# Nothing outside this folder is changed, but for the cache in ~/.cache/polly (see docs/settings.md).

SHELL := /bin/sh
PYTHON ?= python3
PROFILE ?= servers
TEST_WORKERS ?= 2
# Each worker has servers of its own, about 4 GB; much of the time is spent on waiting for them.
SERVER_WORKERS ?= 3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTANCE ?= .polly
DEMO_HOME := .polly-demo
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
BENCH_STAMP := .venv-bench/.installed
NATIVE := $(wildcard polly_assets/native/*.[ch]pp)

# Of scanpy only the data set in its wheel is wanted: without its record pip does not miss the rest.
define install_demo_data
@$(PIP) --no-deps --requirement requirements/demo.txt
@rm -rf $(VENV)/lib/python3*/site-packages/scanpy-*.dist-info
endef

.DEFAULT_GOAL := help
.PHONY: help demo test test-servers up-servers down-servers demo-servers check setup up bench lock graph backends docs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(RUN_STAMP) ## Ingest example files (or DATA=FOLDER) into the atlas `demo` and ask it questions
	@$(BIN)/python scripts/demo.py --home $(DEMO_HOME) $(if $(DATA),--data "$(DATA)")

test: $(DEV_STAMP) ## Run all tests (ARGS="tests/house -x" for some)
	@$(if $(ARGS),,POLLY_OUTCOMES=.outcomes/embedded.json )$(BIN)/python -m pytest -m "not servers" $(if $(ARGS),$(ARGS),-n $(TEST_WORKERS) --dist loadfile)

test-servers: $(DEV_STAMP) ## Install and start the real servers, and run the tests that need them
	@$(if $(ARGS),,POLLY_OUTCOMES=.outcomes/servers.json )$(BIN)/python -m pytest -m servers $(if $(ARGS),$(ARGS),-n $(SERVER_WORKERS) --dist loadfile)

up-servers: $(DEV_STAMP) ## Install and start the servers of PROFILE=servers|aws; writes .servers/PROFILE.env
	@$(BIN)/python -m tests.servers.stack up $(PROFILE)

down-servers: ## Stop the servers of every profile, and remove their data
	@for profile in servers aws; do $(BIN)/python -m tests.servers.stack down $$profile; done

demo-servers: up-servers ## The demo on the servers of PROFILE=servers|aws
	@set -a; . .servers/$(PROFILE).env; \
	  $(BIN)/python scripts/demo.py --home .polly-demo-$(PROFILE) $(if $(DATA),--data "$(DATA)")

check: $(DEV_STAMP) ## Lint, format, types, import rules, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/house

setup: $(DEV_STAMP) ## Make .venv with everything that development needs

up: $(RUN_STAMP) ## Serve UI, daemon and API on loopback (INSTANCE=FOLDER, default .polly)
	@$(BIN)/polly up --home $(INSTANCE)

bench: $(BENCH_STAMP) ## Run the benchmarks against their peers (ARGS=--quick)
	@.venv-bench/bin/python -m benchmarks $(ARGS)

lock: ## Resolve the dependencies anew into requirements/
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/python -m pip install --quiet uv
	@PATH="$$PWD/.venv-lock/bin:$$PATH" sh scripts/lock.sh
	@rm -rf .venv-lock

graph: $(DEV_STAMP) ## Renew the snapshot of the asset graph
	@$(BIN)/python -m tests.house.graph

backends: $(DEV_STAMP) ## Write what the suites said into docs/backends.md (ARGS=--check: compare)
	@$(BIN)/python scripts/backends.py $(ARGS)

docs: $(DEV_STAMP) ## Renew the generated parts of the docs
	@$(BIN)/python scripts/docs.py

clean: ## Remove environments, caches and the demo (instances stay)
	rm -rf $(VENV) .venv-bench .venv-lock $(DEMO_HOME) build *.egg-info
	rm -f polly_assets/native/*.so
	rm -rf .outcomes .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
	  sys.exit(0 if (3, 11) <= v < (3, 15) else "Python 3.11-3.14 is needed, %d.%d found; make PYTHON=python3.12" % v[:2])'
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): pyproject.toml $(NATIVE) requirements/runtime.txt requirements/demo.txt | $(BIN)/python
	@echo "installing into $(VENV)"
	@$(PIP) --constraint requirements/runtime.txt --editable '.[ui,anndata]'
	$(install_demo_data)
	@touch $@

$(DEV_STAMP): pyproject.toml $(NATIVE) requirements/dev.txt requirements/demo.txt | $(BIN)/python
	@echo "installing into $(VENV)"
	@$(PIP) --constraint requirements/dev.txt --editable '.[ui,anndata,dg,aws,servers,dev]'
	$(install_demo_data)
	@touch $(RUN_STAMP) $@

$(BENCH_STAMP): pyproject.toml $(NATIVE) benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --editable . --requirement benchmarks/requirements.txt
	@touch $@
