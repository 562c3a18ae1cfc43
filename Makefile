PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 5000
# Of `make faults`: the schedule, how many faults and acknowledged writes at least, and which storages.
SEED ?= 1
FAULTS ?= 100
WRITES ?= 1000000
STORAGES ?=
# Of `make docs`: where the site goes.
SITE ?= docs/_build
# Of `make fuzz`: how many inputs at least.
INPUTS ?= 1000000
# Most tests wait for servers some of the time. Those of failovers wait most of it, and measure it with
# nothing else beside.
PROCESSES ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2)
WAITING ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 2)

# Everything that is installed goes into the checkout: .venv/ and .cache/.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
export HOST PORT

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast faults fuzz bench bench-quick picture docs lint format audit lock release clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: .venv/installed ## install what the other targets need into the checkout

.venv/installed: requirements.txt
	@echo "installing the tools into .venv/"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[0-9.]*\).*/\1/p' requirements.txt)"
	@.venv/bin/uv pip sync --quiet --require-hashes requirements.txt
	@touch $@

demo: setup ## render the default project and serve it with sample customers
	@.venv/bin/python scripts/demo.py

test: setup ## render the template in every way, and judge what was rendered
	@.venv/bin/pytest -n $(PROCESSES) --dist worksteal --durations=10 --ignore tests/test_failover.py --ignore tests/faults
	@.venv/bin/pytest -n $(WAITING) --dist worksteal tests/test_failover.py tests/faults

test-fast: setup ## the part of the tests that takes seconds
	@.venv/bin/pytest -n auto -m 'not slow'

faults: setup ## break each storage for long, as in: make faults SEED=1 STORAGES=json: docs/reliability.md
	@.venv/bin/python -m tests.faults --seed $(SEED) --faults $(FAULTS) --writes $(WRITES) $(STORAGES)

fuzz: setup ## run the tests with Hypothesis for long, as in: make fuzz SEED=1 INPUTS=1000000: docs/reliability.md
	@.venv/bin/python -m tests.fuzzing --seed $(SEED) --inputs $(INPUTS)

bench: setup ## measure beside naive versions and limits: docs/performance.md, docs/failover.svg (needs wrk)
	@.venv/bin/python -m benchmarks.performance
	@.venv/bin/python -m benchmarks.failover
	@.venv/bin/python -m benchmarks.cold_start
	@.venv/bin/python -m benchmarks.moves
	@.venv/bin/python -m benchmarks.dependencies

bench-quick: setup ## measure some of docs/performance.md in two minutes (needs wrk)
	@.venv/bin/python -m benchmarks.performance --quick

picture: setup ## draw docs/page.png and docs/demo.svg, the page at /docs and a terminal
	@.venv/bin/python -m scripts.docs_picture
	@.venv/bin/python -m scripts.readme_picture

docs: setup ## build the site of docs/ into docs/_build; a warning is an error
	@.venv/bin/sphinx-build -q -E -W --keep-going -n docs $(SITE)

lint: setup ## check the style and types of the template's own Python
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy

format: setup ## format the template's own Python
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

audit: setup ## look for known weaknesses in the template's own tools
	@.venv/bin/uvx --quiet pip-audit@2.10.1 --strict --disable-pip --require-hashes --requirement requirements.txt

lock: setup ## write the newest versions that pyproject.toml allows into requirements.txt
	@.venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --custom-compile-command "make lock" pyproject.toml --output-file requirements.txt

release: setup ## check, commit and tag a release, as in: make release VERSION=1.2.3
	@.venv/bin/python scripts/release.py "$(VERSION)"

clean: ## delete what the other targets made
	rm -rf docs/_build .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
