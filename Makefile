# make audit   the main job, on the embedded digits
# make test    every check: format, lint, types, docs, tests
# Each makes the virtual environment that it needs; nothing but Python, make, git and a C++ compiler is expected.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

SOURCES := pyproject.toml CMakeLists.txt README.md $(shell find src -type f -not -name '*.pyc')

.PHONY: audit test format lint types docs tests browser bench clean

audit: $(VENV)/audit.stamp
	$(BIN)/xent audit

test: $(VENV)/dev.stamp lint types docs browser tests

# A source that changed is installed anew: what is tested is what a user gets, not the working tree.
$(VENV)/audit.stamp: $(SOURCES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[audit]'
	@touch $@

$(VENV)/dev.stamp: $(SOURCES)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	@touch $@ $(VENV)/audit.stamp

format: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

docs: $(VENV)/dev.stamp
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build/html

tests: $(VENV)/dev.stamp
	$(BIN)/python -m pytest

# The report is looked at in a real browser where one is there or can be had; those tests skip and say so where not.
browser:
	@command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || \
	  { command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ] && echo "installing chromium for the browser tests" && \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	  echo "no chromium here and none could be installed: the browser tests will be skipped"

bench: $(VENV)/dev.stamp
	for script in benchmarks/[!_]*.py; do $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) build dist docs/_build xent-audit
