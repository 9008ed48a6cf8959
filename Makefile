# Two commands do everything on a fresh machine:  make report   make test
# QUARTO=/path/to/quarto uses that Quarto; without one the embedded engine renders.

PYTHON  ?= python3
PROFILE ?= default
EXP     ?= exp02
WORKERS ?= 2
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
BROWSE  := $(VENV)/.dashboard
# compiled while it is installed: each first import of torch or scikit-learn would do it, in every process that may not write
UV_ADD   = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt

.PHONY: help setup report dashboard test quick retrain status lint bench faults fuzz clean

help:  ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(STAMP)  ## install everything into .venv

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("cvlib needs Python 3.10 or newer, this is %d.%d: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 10) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	# what an older checkout installed under the name of somebody else's package
	$(BIN)/uv pip uninstall --quiet --python $(BIN)/python cvlib
	rm -rf cvlib.egg-info
	$(UV_ADD) --editable '.[dev]'
	@touch $@

# FiftyOne and its MongoDB, for the dashboard and its tests: `make report` does without
$(BROWSE): $(STAMP)
	$(UV_ADD) --editable '.[dev,dashboard,browser]'
	$(BIN)/python -m cvlib.dashboard.environment --install
	@touch $@

report: $(STAMP)  ## the PDF and the HTML; trains what is missing or stale (PROFILE=full for the GPU edition)
	$(BIN)/cvlib render --profile $(PROFILE)

dashboard: $(BROWSE)  ## an experiment's mistakes in the browser (EXP=exp01; default exp02)
	$(BIN)/cvlib dashboard $(EXP) --profile $(PROFILE)

test: $(BROWSE)  ## every check: lint, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m compileall -q cvlib tests  # its processes may be told to write no bytecode
	$(BIN)/pytest --numprocesses $(WORKERS) --dist worksteal

faults: $(STAMP)  ## inject every fault and write docs/reliability.md (half an hour)
	$(BIN)/python -m tests.faults --write

fuzz: $(STAMP)  ## fuzz every reader for ten minutes each
	$(BIN)/python -m tests.faults fuzz --seconds 600

quick: $(STAMP)  ## a small profile of every experiment, trained from nothing and rendered
	rm -rf experiments/runs-quick _output-quick
	$(BIN)/cvlib render --profile quick

retrain: $(STAMP)  ## train the shipped study again, every run of it
	$(BIN)/cvlib run --rerun all --profile $(PROFILE)

status: $(STAMP)  ## which results are fresh, missing or stale, and why
	$(BIN)/cvlib status --profile $(PROFILE)

lint: $(STAMP)  ## format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)  ## speed, side by side (see benchmarks/README.md)
	$(BIN)/python benchmarks/throughput.py

clean:  ## remove what rendering made
	rm -rf _output _output-quick _output-full .quarto experiments/runs-quick
