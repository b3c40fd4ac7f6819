# Only python3 and make are needed; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lab bench calibrate coverage clean

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[lab,test]"
	@touch $@

setup: $(STAMP)  ## make .venv with pinned versions

demo: $(STAMP)  ## three simulated boroughs, end to end, beside the known truth
	$(BIN)/hotspot-eval demo

test: $(STAMP) lint  ## style, types and every test
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow" -q

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/nbstripout --verify --keep-id $$(git ls-files '*.ipynb')

lab: $(STAMP)  ## JupyterLab on the notebooks, with its token
	$(BIN)/jupyter lab --notebook-dir=notebooks

bench: $(STAMP)  ## both sides of every comparison in one run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[bench]"
	for script in benchmarks/*.py; do $(ONE_THREAD) $(BIN)/python $$script || exit 1; done

calibrate: $(STAMP)  ## size, coverage and power on real counts without an intervention
	$(ONE_THREAD) $(BIN)/python -m pytest -q -m slow tests/calibration

coverage: $(STAMP)  ## coverage of every interval in worlds with known truth: docs/coverage.md
	$(ONE_THREAD) $(BIN)/python -m tests.calibration.coverage_table

clean:
	rm -rf $(VENV) outputs/*/
