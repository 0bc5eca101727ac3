# `make train` and `make test` do all the set-up a fresh machine needs: Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install train test test-all torture audit check format notebooks docs screenshots dist clean

help:
	@echo "make train      set up, train on the embedded sample, show what to type next"
	@echo "make test       set up, run the tests that don't take long"
	@echo "make test-all   set up, run all tests"
	@echo "make torture    fuzz, kill, starve and attack it for most of an hour"
	@echo "make audit      look for insecure code and known faults of dependencies, and list them all"
	@echo "make check      lint and type-check"
	@echo "make format     format the code"
	@echo "make notebooks  run the notebooks and keep what they show"
	@echo "make docs       build the documentation site into site/"
	@echo "make screenshots take the pictures of the service's page anew"
	@echo "make dist       build the packages, and train with each in an empty folder"
	@echo "make clean      remove the environment and caches"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

train: install
	@$(BIN)/graphrec train --force
	@echo "(The command is $(BIN)/graphrec, or just graphrec after: source $(BIN)/activate)"

# Two files at a time, each on one thread; what a file trains, it trains once.
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov

test: install
	$(PYTEST) -m "not slow"

test-all: install
	$(PYTEST)

torture: install
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -W ignore -m tests.torture

# In an environment of their own, so that what these need isn't listed as graphrec's.
audit:
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet bandit==1.9.4 pip-audit==2.10.1 cyclonedx-bom==7.5.0
	build/audit/bin/bandit --quiet --recursive graphrec --severity-level medium
	build/audit/bin/cyclonedx-py requirements constraints.txt --pyproject pyproject.toml \
		--output-reproducible --output-file build/graphrec.cdx.json
	@echo "build/graphrec.cdx.json lists all dependencies (CycloneDX)."
	build/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: install
	$(BIN)/python -m notebooks.run

docs: install
	NO_MKDOCS_2_WARNING=true $(BIN)/python -m mkdocs build --strict --quiet
	@echo "The site is site/index.html."

screenshots: install
	$(BIN)/python -m website.screenshots

dist: install
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python -m pytest tests/test_release.py

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
