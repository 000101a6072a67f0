# `make` checks everything; `make run` opens the dashboard on the sample tenant; without make, README has the commands.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
# Nothing is installed but what the lock files name, with the hashes that they have.
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes

.DEFAULT_GOAL := all
.PHONY: all check format lock sbom test test-deep test-fast run demo bench bench-full sample clean

all: check test

# Each target installs what it needs and no more: the product, then the demonstration, then tests and checks.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock | $(BIN)/python
	$(PIP) -r requirements.lock
	touch $@

$(VENV)/.demo: requirements-demo.lock requirements.lock | $(BIN)/python
	$(PIP) -r requirements-demo.lock
	touch $@ $(VENV)/.run

$(VENV)/.dev: requirements-dev.lock requirements-demo.lock requirements.lock | $(BIN)/python
	$(PIP) -r requirements-dev.lock
	touch $@ $(VENV)/.demo $(VENV)/.run

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/audit

# After a change of requirements*.txt, or to raise all with UPGRADE=--upgrade: every package with its version and hashes, for every platform. The three locks
# agree: what the product runs with is what it was tested with.
LOCKED = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --quiet \
	--custom-compile-command "make lock"
lock: $(VENV)/.dev
	$(LOCKED) $(UPGRADE) requirements-dev.txt -o requirements-dev.lock
	$(LOCKED) -c requirements-dev.lock requirements-demo.txt -o requirements-demo.lock
	$(LOCKED) -c requirements-dev.lock requirements.txt -o requirements.lock

# What the product consists of, as CycloneDX 1.6, from its lock.
sbom: $(VENV)/.dev
	mkdir -p build
	$(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --mc-type application \
		--output-reproducible --sv 1.6 -o build/sbom.json

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder

# The cases that `make test` leaves out, then two hundred random worlds instead of ten, 20,000 damaged records instead
# of 500, a hundred kills of a reader and of a sender, then machines that are killed and cut off thirty times: more than
# an hour on two cores.
test-deep: $(VENV)/.dev
	CUTS=200 $(BIN)/python -m pytest tests/store/test_power_cuts.py
	$(BIN)/python -m pytest -m deep -n 2 --dist loadfile
	EXAMPLES=100 $(BIN)/python -m pytest tests/model/test_load_aggregates.py
	WORLDS=200 $(BIN)/python -m pytest tests/scenarios -n 2 --dist load
	FUZZ=20000 $(BIN)/python -m pytest -m "deep or not deep" tests/fuzz
	KILLS=100 $(BIN)/python -m pytest tests/ingest/test_files.py tests/notify/test_deliver.py -k kill --timeout 5400
	KILLS=30 $(BIN)/python -m pytest -m "deep or not deep" tests/store/test_machines.py tests/notify/test_deliver_machines.py

# Without the tests that are marked slow.
test-fast: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow and not deep" -n 2 --dist loadfile

# The environment, the sample tenant with logs until now where the store is empty, then the dashboard, whose server runs
# the background jobs and prints its address.
run: $(VENV)/.run
	$(BIN)/python -m pipeline sample build/sample --users 50 --groups 6 --days 14 --until now --load
	$(BIN)/streamlit run dashboard.py --server.port $(PORT)

# The same beside a stand-in for Microsoft Graph, in a folder of its own, with time that runs 200 times as fast.
demo: $(VENV)/.demo
	$(BIN)/python -m demo --port $(PORT)

# At most twenty minutes on two cores; bench-full grows stores of ten and thirty million events and takes hours.
bench: $(VENV)/.dev
	$(BIN)/python benchmarks/all.py

bench-full: $(VENV)/.dev
	$(BIN)/python benchmarks/all.py --full

sample: $(VENV)/.run
	$(BIN)/python sample_logs/generate.py

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .import_linter_cache
