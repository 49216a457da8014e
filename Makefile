# `make demo` and `make test` do all the set-up on a fresh machine with Python 3.11 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo-board
# Two processes of one thread each.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

# Packages of their own, each with its own dependencies and tests.
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))

.PHONY: demo test test-all test-plugins plugins benchmark gpu docs lint install clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bench needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

install: $(VENV)/.installed

demo: install
	$(BIN)/bench run --separator hdemucs-ft --gains cnn --out $(DEMO) --no-report
	$(BIN)/bench run --separator hdemucs-ft --gains cnn-residual --out $(DEMO)

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -n 2 -p no:benchmark

$(VENV)/.plugins: $(VENV)/.installed $(PLUGINS:%=%/pyproject.toml)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e . $(PLUGINS:%=-e %)
	touch $@

plugins: $(VENV)/.plugins

# Two packages at a time, one thread each; what each says is printed when it is done.
test-plugins: plugins
	$(BIN)/mypy --strict $(PLUGINS:%=%/src)
	printf '%s\n' $(PLUGINS) | OMP_NUM_THREADS=1 xargs -P 2 -I{} sh -c 'said=$$(cd {} && \
	  "$(abspath $(BIN))/python" -m pytest -q -p no:benchmark 2>&1); code=$$?; echo "{}: $$said"; exit $$code'

test-all: test test-plugins
	$(PYTEST) -n 2 -p no:benchmark -m slow

benchmark: install
	$(BIN)/python -m pytest -m benchmark --benchmark-columns=min,median,rounds tests/benchmarks

gpu: install
	$(BIN)/python -m pytest -m gpu -p no:benchmark -s -rs tests/gpu

docs: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	BENCH_LOAD_PLUGINS= NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) $(DEMO) build dist site
