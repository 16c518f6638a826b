# What a newcomer types: `make demo` and `make test`; `make stress` takes half an hour. Each sets up all it needs in .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test stress lint clean

demo: .venv/core
	$(BIN)/charnn train lm --minutes 2 --to checkpoints/demo --overwrite
	@echo; echo "== charnn sample checkpoints/demo --seed 1"; $(BIN)/charnn sample checkpoints/demo --seed 1
	@echo; echo "== charnn sample checkpoints/demo 'The expression ' --temperature 0.5 --seed 2 --length 300"
	@$(BIN)/charnn sample checkpoints/demo 'The expression ' --temperature 0.5 --seed 2 --length 300

test: .venv/test lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

stress: .venv/test
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.stress

lint: .venv/test
	$(BIN)/ruff check -q .
	$(BIN)/mypy

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/core: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/test: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@ .venv/core
