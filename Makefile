# `make demo` and `make test` do all the set-up on a fresh machine with Python 3.11 or newer and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo-board
# The supported versions of Python. What is installed for each is in locks/: `make lock` renews them.
PYTHONS := 3.11 3.12 3.13
LOCK = $$(lock=locks/python$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])').txt; \
  if test -f $$lock; then echo "-c $$lock"; else echo "no $$lock: the newest releases are taken" >&2; fi)
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Two processes of one thread each. What is compiled is kept, whatever the environment says: it is started often.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest

# The default tests' files lie in memory where there is room: much of their time would be a disk's.
IN_MEMORY = $(if $(TMPDIR),,$(shell grep -s ' /dev/shm ' /proc/mounts | grep -qv noexec && test -w /dev/shm && \
  df -Pm /dev/shm | awk 'NR == 2 && $$4 >= 1024 {print "TMPDIR=/dev/shm"}'))

# Packages of their own, each with its own dependencies and tests.
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))

.PHONY: demo output-stage output-stage-aside output-stage-trained output-stage-witnesses output-stage-demo
.PHONY: test test-all test-plugins test-pythons plugins benchmark gpu docs pictures lock licences mutants install clean

$(VENV)/.installed: pyproject.toml $(wildcard locks/*.txt)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bench needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $(LOCK) -e '.[dev]'
	touch $@

install: $(VENV)/.installed

demo: install
	$(BIN)/bench run --separator hdemucs-ft --gains cnn --out $(DEMO) --no-report
	$(BIN)/bench run --separator hdemucs-ft --gains cnn-residual --prescription nalr-fit --out $(DEMO)

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(IN_MEMORY) $(PYTEST) -n 2 -p no:benchmark

$(VENV)/.plugins: $(VENV)/.installed $(PLUGINS:%=%/pyproject.toml)
	$(PIP) $(LOCK) --no-build-isolation -e . $(PLUGINS:%=-e %)
	touch $@

plugins: $(VENV)/.plugins

# Two packages at a time, one thread each; what each says is printed when it is done.
test-plugins: plugins
	$(BIN)/mypy --strict $(PLUGINS:%=%/src)
	printf '%s\n' $(PLUGINS) | OMP_NUM_THREADS=1 xargs -P 2 -I{} sh -c 'said=$$(cd {} && \
	  "$(abspath $(BIN))/python" -m pytest -q -p no:benchmark 2>&1); code=$$?; echo "{}: $$said"; exit $$code'

test-all: test test-plugins
	$(PYTEST) -n 2 -p no:benchmark -m slow

# Install, types and tests on every supported Python that the machine has: on the path, or pyenv's.
test-pythons:
	@failed=; for version in $(PYTHONS); do \
	  for python in python$$version $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python ""; do \
	    $$python -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$$version')" 2>/dev/null && break; \
	  done; \
	  if test -z "$$python"; then echo "Python $$version: not on this machine"; continue; fi; \
	  echo "Python $$version: $$python"; \
	  $(MAKE) test PYTHON=$$python VENV=$(VENV)-$$version || failed="$$failed $$version"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

# The newest releases that the ranges of all packages here allow, by uv, for Linux.
lock: install
	$(PIP) uv
	mkdir -p locks
	for version in $(PYTHONS); do \
	  printf '%s\n' '-e .[dev,docs,cluster]' $(PLUGINS:%='-e ./%') | $(BIN)/uv pip compile --quiet --upgrade - \
	    --python-version $$version --no-annotate --custom-compile-command 'make lock' \
	    --no-emit-package bench-hearing $(PLUGINS:plugins/%=--no-emit-package %) \
	    --output-file locks/python$$version.txt > /dev/null || exit 1; \
	done

# docs/licences.md, from what is installed, and what else the locks name.
licences: plugins
	$(PIP) pip-licenses
	$(BIN)/pip-licenses --format=json --with-urls --with-system \
	  --ignore-packages bench-hearing $(notdir $(PLUGINS)) pip uv pip-licenses | $(BIN)/python docs/licences.py

# Small faults put into the code, one at a time: those that are known, and N of each group of packages (cosmic-ray).
N ?= 50
mutants: install
	$(PIP) cosmic-ray coverage
	$(BIN)/python -m tests.mutants $(N)

benchmark: install
	$(BIN)/python -m pytest -m benchmark --benchmark-columns=min,median,rounds tests/benchmarks

gpu: install
	$(BIN)/python -m pytest -m gpu -p no:benchmark -s -rs tests/gpu

docs: install
	$(PIP) $(LOCK) -e '.[docs]'
	BENCH_LOAD_PLUGINS= NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The pictures of README and docs, from the demo's board and a headless Chromium.
pictures: demo
	$(BIN)/python docs/pictures.py $(DEMO)

# The finding on output stages; CADENZA is a set in the challenge's layout with a split "valid".
CADENZA ?= cadenza
STAGES := leaderboards/measured/output-stage
STAGE_SET := --suite $(STAGES)/suite.toml -o dataset.root=$(CADENZA) --no-report --time-limit 0
STAGE_RUNS := ablate $(STAGE_SET) --out $(STAGES)/board
SHIPPED := nalr,nalr-compressor,nalr-headroom,nalr-limiter,nalr-fit,nalr-tuned

output-stage: install
	$(BIN)/bench $(STAGE_RUNS) --separator mixture,hdemucs,oracle --prescription $(SHIPPED)
	$(BIN)/bench $(STAGE_RUNS) --separator oracle --gains none --prescription nalr --no-baselines
	$(BIN)/bench $(STAGE_RUNS) --separator mixture,oracle --no-baselines \
	  --prescription nalr-headroom,nalr-limiter,nalr-fit --grid prescription.max_loudness_loss=1,3,6
	$(BIN)/bench $(STAGE_RUNS) --separator mixture,oracle --no-baselines \
	  --prescription nalr-tuned --max-loudness-loss 3
	$(BIN)/bench leaderboard --suite $(STAGES)/suite.toml --out $(STAGES)/board --format markdown >$(STAGES)/board.md
	$(BIN)/python $(STAGES)/summarise.py $(STAGES)/board $(STAGES) docs/assets
	rm -rf $(STAGES)/board/checkpoints

# The same output stages on the songs of the split "train", which no choice was made on.
output-stage-aside: install
	$(BIN)/bench ablate $(STAGE_SET) --out $(STAGES)/aside --split train --no-baselines --separator mixture,oracle \
	  --prescription nalr,nalr-headroom,nalr-limiter,nalr-fit,nalr-tuned

# Trained separators and gains on the same songs: 8 steps each, on the songs of the split "train".
TRAINED := $(STAGE_RUNS) --separator hdemucs-ft --seeds 3 --no-baselines -o training.epochs=2 -o training.segments=16 \
  -o training.batch=4 -o training.segment_seconds=2 -o training.learning_rate=3e-4 -o training.gains_learning_rate=3e-3 \
  -o training.prescription_learning_rate=0.1 -o training.validation_songs=1 -o training.validation_pairs=4 \
  -o training.validation_seconds=5
output-stage-trained: install
	$(BIN)/bench $(TRAINED) --gains cnn-residual --prescription nalr-limiter-ft --loss haaqi,joint,haaqi-light
	$(BIN)/bench $(TRAINED) --gains cnn-residual --prescription nalr-limiter --loss "mse + 0.3*sdr"
	$(BIN)/bench $(TRAINED) --gains cnn-embedding --prescription nalr-limiter-ft --loss haaqi
	$(BIN)/bench leaderboard --suite $(STAGES)/suite.toml --out $(STAGES)/board --format markdown >$(STAGES)/board.md
	rm -rf $(STAGES)/board/checkpoints

# HASPI and HASQI beside HAAQI, on four pairs; they are slow.
output-stage-witnesses: plugins
	$(BIN)/bench ablate --suite $(STAGES)/witnesses.toml -o dataset.root=$(CADENZA) --separator mixture --limit 4 \
	  --prescription nalr,nalr-limiter,nalr-tuned --no-baselines --no-report --time-limit 0 --out $(STAGES)/witnesses

# Trained systems and output stages on 12 songs of the demo's synthesiser, which SONGS gets.
SONGS ?= output-stage-songs
DEMO_STAGES := leaderboards/measured/output-stage-demo
DEMO_SET := --suite $(DEMO_STAGES)/suite.toml -o dataset.root=$(SONGS) --limit 12 --no-report --time-limit 0 \
  --out $(DEMO_STAGES)/board
DEMO_RUNS := ablate $(DEMO_SET) --separator hdemucs-ft --no-baselines
LONGER := -o training.epochs=3 -o training.segments=48 -o training.learning_rate=5e-4 \
  -o training.validation_pairs=8 -o training.prescription_learning_rate=1e-3
# Separator and gains are trained on what is not clipped yet; all songs are trained on, and the last epoch is kept.
UNCLIPPED := --loss "haaqi@remix + 0.01*sdr" -o training.epochs=3 -o training.segments=48 -o training.schedule=cosine \
  -o training.validation_songs=0

# More songs to train on, for longer: 40 minutes of a core for the separator alone, 20 for both. The 12 songs that are scored are
# the same.
MORE_SONGS ?= output-stage-more-songs
LONG := --loss sdr -o training.epochs=10 -o training.segments=400 -o training.segment_seconds=3 -o training.schedule=cosine \
  -o training.validation_songs=0

output-stage-demo: install
	test -d $(SONGS) || \
	  $(BIN)/bench data demo $(SONGS) --songs 24 --valid-songs 12 --seconds 10 --scenes 2 --listeners 1
	$(BIN)/bench ablate $(DEMO_SET) --separator mixture,hdemucs,oracle --prescription nalr,nalr-limiter,nalr-fit
	$(BIN)/bench ablate $(DEMO_SET) --separator hdemucs --no-baselines --prescription nalr-tuned
	$(BIN)/bench $(DEMO_RUNS) --seeds 3 --gains cnn-residual --prescription nalr-limiter-ft --loss haaqi,joint,haaqi-light
	$(BIN)/bench $(DEMO_RUNS) --seeds 3 --gains cnn-residual --prescription nalr-fit-ft --loss haaqi,joint,haaqi-light \
	  -o training.prescription_learning_rate=1e-3
	$(BIN)/bench $(DEMO_RUNS) --seeds 3 --gains cnn-residual --prescription nalr-limiter --loss "mse + 0.3*sdr"
	$(BIN)/bench $(DEMO_RUNS) --seeds 3 --gains cnn-embedding --prescription nalr-limiter-ft --loss haaqi
	$(BIN)/bench $(DEMO_RUNS) --gains cnn-residual --prescription nalr-fit-ft --loss haaqi $(LONGER)
	$(BIN)/bench $(DEMO_RUNS) --gains cnn-residual --prescription nalr-tuned $(UNCLIPPED)
	test -d $(MORE_SONGS) || \
	  $(BIN)/bench data demo $(MORE_SONGS) --songs 96 --valid-songs 12 --seconds 10 --scenes 2 --listeners 1
	$(BIN)/bench $(DEMO_RUNS) -o dataset.root=$(MORE_SONGS) --gains fixed --prescription nalr-tuned $(LONG)
	$(BIN)/bench $(DEMO_RUNS) -o dataset.root=$(MORE_SONGS) --gains cnn-residual --prescription nalr-tuned $(UNCLIPPED) \
	  -o training.epochs=6 -o training.segments=160
	$(BIN)/bench leaderboard --suite $(DEMO_STAGES)/suite.toml --out $(DEMO_STAGES)/board --effects \
	  --format markdown >$(DEMO_STAGES)/board.md
	$(BIN)/python $(DEMO_STAGES)/bounds.py $(SONGS) >$(DEMO_STAGES)/bounds.md
	rm -rf $(DEMO_STAGES)/board/checkpoints

clean:
	rm -rf $(VENV) $(PYTHONS:%=$(VENV)-%) $(DEMO) build dist site
