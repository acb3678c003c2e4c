# Every command of the checkout. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/.tools/bin/uv)
RUN := $(UV) run --no-sync

.PHONY: help setup up demo test check fmt bench contracts

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

$(CURDIR)/.tools/bin/uv:
	@echo "Getting uv, the package manager (once, into .tools) …"
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target .tools uv

.venv/.locked: $(UV) uv.lock pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml)
	@echo "Installing the locked dependencies …"
	@$(UV) sync --quiet --locked --all-packages --group dev --compile-bytecode
	@touch $@

setup: .venv/.locked ## Install everything that is needed

up: setup ## Start all of Executor on this machine, in the foreground (Ctrl-C stops it)
	@.venv/bin/executor up

demo: setup ## Show the main job end to end, on real upstreams
	@.venv/bin/python -m examples.demo

test: setup ## Run all tests that this machine can run
	@scripts/test-upstreams
	@$(RUN) pytest -n 2 --dist loadfile -q

check: setup ## Format, lint, types, architecture contracts
	@$(UV) lock --check --quiet
	$(RUN) ruff format --check --quiet .
	$(RUN) ruff check --quiet .
	$(RUN) basedpyright --level error
	$(RUN) lint-imports --no-cache
	$(RUN) python scripts/contracts.py --check
	$(RUN) python scripts/reference.py --check
	@echo "All checks passed."

fmt: setup ## Format and mend what can be mended
	$(RUN) ruff check --fix --quiet .
	$(RUN) ruff format --quiet .

bench: setup ## Measure direct against through Executor
	@$(RUN) python -m bench

contracts: setup ## Write what is generated from the contracts
	$(RUN) python scripts/contracts.py
	$(RUN) python scripts/reference.py
