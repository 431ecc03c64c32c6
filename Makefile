# `make demo` and `make test` set up everything by themselves: they need Python 3.11 or newer, and make.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test slow fuzz soak bench lint types docs clean help

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: $(VENV)/.installed  ## the main job on a local Dask cluster, compared with one AerSimulator
	$(BIN)/qiskit-cluster demo

test: $(VENV)/.installed-test  ## all but the long tests, the examples of README and docs among them
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

slow: $(VENV)/.installed-test  ## the other tests: processes that are killed, whole clusters
	$(BIN)/python -m pytest -m slow $(ARGS)

fuzz: $(VENV)/.installed-test  ## random circuits and options against plain Aer, 2500 calls, about ten minutes
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-2500} $(BIN)/python -m pytest tests/faults/test_fuzz.py $(ARGS)

soak: $(VENV)/.installed-test  ## all faults at once for ten minutes; ARGS="--minutes 60 --seed 7"
	$(BIN)/python -m tests.faults.soak $(ARGS)

bench: $(VENV)/.installed  ## side by side with what a user would use instead, as ratios
	$(BIN)/python -m benchmarks $(ARGS)

lint types docs: $(VENV)/.installed-tox  ## ruff and layers; mypy; the documentation
	$(BIN)/tox -q -e $@

clean:  ## remove the virtual environment and what was built
	rm -rf $(VENV) .tox build dist docs/_build *.egg-info packages/*/build packages/*/src/*.egg-info

$(VENV)/.python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml constraints.txt
	$(INSTALL) -e '.[all]'
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed packages/local-kubernetes/pyproject.toml
	$(INSTALL) -e '.[all,integrations,chemistry]' --group test -e 'packages/local-kubernetes[dask]'
	touch $@

$(VENV)/.installed-tox: $(VENV)/.python constraints.txt
	$(INSTALL) tox
	touch $@
