# Two commands are enough: `make demo` and `make test`. Both make their own virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEED ?= 1
CLIENTS ?= 60
PORT ?= 0
# One more than there are processors: tests that start processes wait half of their time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: demo year test fast lint format install soak bench screens clean

demo: $(VENV)/.demo
	@$(BIN)/molva demo --seed $(SEED) --clients $(CLIENTS) --port $(PORT)

year: $(VENV)/.demo
	$(BIN)/molva demo --once --seed $(SEED) --clients $(CLIENTS)

test: $(VENV)/.test
	$(PYTEST) $(TESTS)

# Everything but the tests in a browser and those of the whole product as processes
fast: $(VENV)/.test
	$(PYTEST) -m "not browser and not journey" $(TESTS)

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(VENV)/.test
	$(BIN)/python -m pytest tests/journeys/soak.py tests/services/soak_events.py --timeout 7200

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

# docs/screens anew, by a browser in the live demo
screens: $(VENV)/.test
	$(BIN)/python -m tests.web.screens

install: $(VENV)/.test

$(VENV)/.python:
	$(PYTHON) -c 'import sys; sys.exit("Molva needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/.demo: $(VENV)/.python setup.cfg constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo]'
	touch $@

$(VENV)/.test: $(VENV)/.python setup.cfg constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) build *.egg-info
