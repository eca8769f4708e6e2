# Each target does its own set-up: a virtual environment of its own with locked dependencies.

VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
UV     := $(BIN)/uv

.PHONY: demo run test check lint types contracts format bench chaos soak lock clean

demo: $(VENV)/.app
	@$(BIN)/perpdeck demo

run: $(VENV)/.app
	@$(BIN)/perpdeck run

test: check

check: lint types contracts
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(UV)
	$(UV) pip compile -q pyproject.toml --extra research --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate -o requirements.lock
	$(UV) pip compile -q pyproject.toml --extra research --extra postgres --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(UV):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q uv

# Bytecode is compiled at installation: without it the first paint takes three times as long.
$(VENV)/.app: requirements.lock pyproject.toml | $(UV)
	$(UV) pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@$(BIN)/python -m compileall -q console engine strategies config
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(UV)
	$(UV) pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-dev.lock
	$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@
