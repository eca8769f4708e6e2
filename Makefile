# Each target does its own set-up: a virtual environment of its own with locked dependencies.

VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
UV     := $(BIN)/uv

# Certificates of the machine, as pip has them, also behind a proxy of one's own.
export UV_SYSTEM_CERTS := 1
export UV_NATIVE_TLS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo run test check lint types contracts format bench soak peers chaos fidelity mutants mutation docs dist audit lock clean

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

# Figures of this machine; the ratios beside them say how much is ours. `tests.bench.breadth` takes a quarter of an hour.
bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench

# Other back-testers for `make bench`, each in an environment of its own.
peers: | $(UV)
	for peer in freqtrade==2026.9 backtesting==0.6.6 vectorbt==1.2.0; do $(UV) venv -q --allow-existing .bench/$${peer%%=*} && \
		$(UV) pip install -q --python .bench/$${peer%%=*}/bin/python $$peer pyarrow==26.0.1 || exit 1; done

# A day of exchange time with the whole market, random approvals and faults: `make soak HOURS=2 SYMBOLS=50 SEED=3`.
soak: HOURS ?= 24
soak: SYMBOLS ?= 600
soak: SEED ?= 1
soak: SPEED ?= 150
soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak.run --hours $(HOURS) --symbols $(SYMBOLS) --seed $(SEED) --speed $(SPEED)

# Random trouble by the hundred; a failing seed is told with its schedule and repeats with SEED=n.
chaos: export CHAOS_SEEDS ?= 200
chaos: export FRAMES ?= 100000
chaos: export CRASH_POINTS ?= all
chaos: export KEYS ?= 10000
chaos: export RESIZES ?= 1000
chaos: export SLOW_S ?= 20
chaos: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 tests/chaos tests/console/test_rough_terminal.py tests/engine/trading/test_chaos.py tests/engine/exchange/test_mutated_frames.py \
		tests/walks/test_killed.py

# A month of three symbols through the laboratory and through the desk on the exchange; four minutes, recordings needed.
fidelity: export FIDELITY := 1
fidelity: $(VENV)/.dev
	$(BIN)/python -m pytest tests/engine/research/test_fidelity.py

# Takes each safety rule away in turn; every loss must be noticed by a test.
mutants: $(VENV)/.dev
	$(BIN)/python -m tests.house.mutants

# Changes six safety modules in a thousand small ways; under 90 % noticed fails. Eight minutes of a core.
mutation: JOBS ?= 1
mutation: $(VENV)/.dev
	$(BIN)/python -m tests.house.mutation $(JOBS)

# The newcomer's hour as the README has it, installation included, and every example of the pages.
docs: export DOCS := full
docs: $(VENV)/.dev
	$(BIN)/python -m pytest tests/docs

# Wheel and source archive, each installed with the locked packages into an empty home and run there.
dist: $(VENV)/.dev
	rm -rf dist build
	$(UV) build -q --out-dir dist .
	$(BIN)/python -m tests.support.try_install dist

# Known faults of the locked packages; says so and goes on where the database cannot be reached.
audit: $(VENV)/.dev
	$(BIN)/python -m tests.support.audit

lock: $(UV)
	$(UV) pip compile -q pyproject.toml --extra research --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate -o requirements.lock
	$(UV) pip compile -q pyproject.toml --extra research --extra postgres --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(UV):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q uv

# Bytecode is compiled at installation: without it the first paint takes three times as long.
$(VENV)/.app: requirements.lock pyproject.toml | $(UV)
	$(UV) pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock \
		|| $(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps -e .
	@$(BIN)/python -m compileall -q console engine strategies config
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(UV)
	$(UV) pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-dev.lock \
		|| $(BIN)/python -m pip install -q --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install -q --no-deps -e .
	@touch $@
