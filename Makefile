# Needs Python 3.11 or newer and make; each target sets up the rest (see scripts/bootstrap.py).
# Words for the command behind a target: make demo ARGS="--lan --shoppers 5", make test ARGS="-k basket".

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
BOOTSTRAP := $(PYTHON) scripts/bootstrap.py
WEB := $(BIN)/python scripts/build_web.py

# Containers often forbid Python to keep what it compiled; then every start compiles the whole house again.
unexport PYTHONDONTWRITEBYTECODE

EVENTS ?= 50000
SEED ?= 1

.PHONY: help install demo test bench bench-weighing bench-peak bench-lane simulate-money lint format lock clean \
	lint-style lint-format lint-types lint-imports lint-licences lint-web-types lint-web-format

help:
	@echo "make install   set up the virtual environment, the pinned packages and the screens"
	@echo "make demo      open a store on this machine"
	@echo "make test      run all tests"
	@echo "make lint      run all checks of the sources"
	@echo "make bench     measure"
	@echo "make bench-weighing   the weigh check beside an oracle, on simulated stores; draws its curves"
	@echo "make bench-peak       simulated peak hours: lanes that wait for exceptions, and lanes that send them aside"
	@echo "make bench-lane       how long a lane takes from the pass to the open gate"
	@echo "make simulate-money EVENTS=1000000 SEED=1   play a million events of money against its invariants"
	@echo "make format    format all sources"
	@echo "make lock      resolve the dependencies again, into requirements/ and web/package-lock.json"
	@echo "make clean     remove everything that make made (the data in .unqueue stays)"

install:
	@$(BOOTSTRAP) run

demo: install
	@$(BIN)/unqueue demo $(ARGS)

test:
	@$(BOOTSTRAP) test
	@$(WEB) run test
	@$(BIN)/python scripts/run_tests.py $(ARGS)

bench:
	@$(BOOTSTRAP) test
	@$(BIN)/unqueue bench $(ARGS)

bench-weighing:
	@$(BOOTSTRAP) test
	@$(BIN)/python -m unqueue.bench.weighing.figures --out weighing.svg $(ARGS)

bench-peak:
	@$(BOOTSTRAP) test
	@$(BIN)/python -m unqueue.bench.peak.figures --out peak.svg $(ARGS)

bench-lane:
	@$(BOOTSTRAP) test
	@$(BIN)/python -m unqueue.bench.lane.figures $(ARGS)

simulate-money:
	@$(BOOTSTRAP) test
	@$(BIN)/python -m tests.simulation.money --events $(EVENTS) --seed $(SEED) $(ARGS)

# All checks run, even where an earlier one finds something.
lint:
	@$(BOOTSTRAP) dev
	@$(MAKE) --no-print-directory --keep-going lint-style lint-format lint-types lint-imports lint-licences \
		lint-web-types lint-web-format

lint-style:
	@$(BIN)/ruff check .

lint-format:
	@$(BIN)/ruff format --check .

lint-types:
	@$(BIN)/mypy -p unqueue
	@$(BIN)/mypy scripts hatch_build.py

lint-imports:
	@$(BIN)/lint-imports --no-logo

lint-licences:
	@$(BIN)/python scripts/check_licences.py

lint-web-types:
	@$(WEB) run check

lint-web-format:
	@$(WEB) run lint

format:
	@$(BOOTSTRAP) dev
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .
	@$(WEB) run format

lock:
	@$(BOOTSTRAP) dev
	@$(BIN)/python scripts/lock.py

clean:
	rm -rf .venv web/node_modules src/unqueue/web_dist dist build .hypothesis test-results
	rm -rf .mypy_cache .ruff_cache .import_linter_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
