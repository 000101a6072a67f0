# `make` checks everything; `make run` opens the dashboard on the sample tenant; without make, README has the commands.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501

.DEFAULT_GOAL := all
.PHONY: all check format test run demo bench sample clean

all: check test

$(VENV)/.ready: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

check: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n 3 --dist loadfile

# The environment, the sample tenant, then the dashboard, whose server runs the beats and prints its address.
run: $(VENV)/.ready
	$(BIN)/python -m pipeline ingest sample_logs || test $$? -eq 1
	$(BIN)/streamlit run dashboard.py

# The same beside a stand-in for Microsoft Graph, in a folder of its own, with time that runs 200 times as fast.
demo: $(VENV)/.ready
	$(BIN)/python -m demo --port $(PORT)

bench: $(VENV)/.ready
	$(BIN)/python benchmarks/load.py
	$(BIN)/python benchmarks/eta.py
	$(BIN)/python benchmarks/forecast.py
	$(BIN)/python benchmarks/match.py
	$(BIN)/python benchmarks/pages.py

sample: $(VENV)/.ready
	$(BIN)/python sample_logs/generate.py

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .import_linter_cache
