# The two commands of the README, `make demo` and `make test`, and what a developer types daily.
# Each does its own set-up: .venv is made once and again whenever the dependencies change.

PYTHON ?= python3
EXTRAS ?= test,web
BIN := .venv/bin
STAMP := .venv/.installed
FROM_WHEEL := PYTHONPATH=build/wheel MYPYPATH=build/wheel

.DEFAULT_GOAL := help
.PHONY: help demo label test check wheel clean

help:
	@echo "make demo    teach a simulated driver from 200 comparisons and write a report"
	@echo "make label   answer a few questions yourself, in a browser"
	@echo "make test    run the tests on a freshly built copy of the package"
	@echo "make check   ruff and mypy"
	@echo "make clean   remove .venv, build output and caches (never runs/)"

demo: $(STAMP)
	$(BIN)/prefgym demo

label: $(STAMP)
	$(BIN)/prefgym label --demo driving

test: wheel
	$(FROM_WHEEL) $(BIN)/python -m pytest --jaxtyping-packages=prefgym.feedback,prefgym.simulations,beartype.beartype $(PYTEST_ARGS)

check: wheel
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(FROM_WHEEL) $(BIN)/mypy

# Tests and types judge what users install, not the folder: a module left out of the package
# mapping works in the folder and is missing here. setuptools reuses build/lib, deleted files
# included, so it goes first.
wheel: $(STAMP)
	@rm -rf build/wheel build/lib
	$(BIN)/python -m pip install -q --no-deps --disable-pip-version-check --target build/wheel .

# Editable, so that .venv/bin/prefgym runs the sources as they are.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "prefgym needs Python 3.11 or newer, and '$(PYTHON)' is" \
	       "$$($(PYTHON) --version 2>/dev/null || echo missing)." \
	       "Name another, for example: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Setting up .venv (the first time downloads PyTorch)"
	@$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@echo "Compiling the simulators"
	$(BIN)/python -m prefgym.envs.compile
	@touch $@

clean:
	rm -rf .venv build prefgym.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	find agents envs feedback simulations tests -name __pycache__ -type d -prune -exec rm -rf {} +
