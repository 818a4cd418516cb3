# `make help` lists what there is.
PYTHON ?= python3
KILLS ?= 100
MACHINES ?= 20
RECOVERIES ?= 300
FULL ?= 25
FAULT ?= 12
KEPT ?= 1000
SOAK ?= 4500
RATE ?= 1000
QUEUED ?= 1000000
LIVED ?= 30 20 1 2
OWNERS ?= 10000
MOVED ?= 100000
RADIUS ?= 10000000
ACCOUNTS ?= 1000000
RECORDED ?= 60
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

help:  ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

$(VENV)/.dev: requirements/dev.lock pyproject.toml
	@echo "Building $(VENV): a minute or two, the first time …"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@ $(VENV)/.run

$(VENV)/.run: requirements/run.lock pyproject.toml
	@echo "Building $(VENV): a minute or two, the first time …"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/run.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

up: $(VENV)/.run  ## start Mailkeep in development mode
	$(BIN)/mailkeep up --dev

drill: $(VENV)/.dev  ## 8 August 2022, played against an ordinary set-up and Mailkeep; DRILL="--fast"
	$(BIN)/python -m mailkeep_drill $(DRILL)

bench: $(VENV)/.dev  ## the gateway's rates beside Postfix's; BENCH="--quick --only http-accept"
	sh scripts/bench_deps.sh
	$(BIN)/python -m mailkeep_bench $(BENCH)

test: $(VENV)/.dev  ## every test, on SQLite and on a real PostgreSQL
	$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

# A proof writes its report aside: one that fails leaves the last good one where it is.
prove: $(VENV)/.dev  ## the long proofs, with reports in docs/proofs; sizes: KILLS, MACHINES, RECOVERIES, FULL, FAULT, KEPT, SOAK, RATE, QUEUED, LIVED, OWNERS, RADIUS, MOVED, ACCOUNTS, RECORDED
	$(BIN)/python tests/proofs/kills.py $(KILLS) > docs/proofs/kills.md.new
	mv docs/proofs/kills.md.new docs/proofs/kills.md
	$(BIN)/python tests/proofs/machines.py $(MACHINES) > docs/proofs/machines.md.new
	mv docs/proofs/machines.md.new docs/proofs/machines.md
	RECOVERY_EXAMPLES=$(RECOVERIES) $(BIN)/pytest tests/rooms/recovery/test_machine.py --timeout 0
	$(BIN)/python tests/proofs/full_disk.py $(FULL) > docs/proofs/full_disk.md.new
	mv docs/proofs/full_disk.md.new docs/proofs/full_disk.md
	$(BIN)/python tests/proofs/providers.py $(FAULT) > docs/proofs/providers.md.new
	mv docs/proofs/providers.md.new docs/proofs/providers.md
	$(BIN)/python tests/proofs/retention.py $(KEPT) > docs/proofs/retention.md.new
	mv docs/proofs/retention.md.new docs/proofs/retention.md
	$(BIN)/python tests/proofs/trust.py $(ACCOUNTS) > docs/proofs/trust.md.new
	mv docs/proofs/trust.md.new docs/proofs/trust.md
	$(BIN)/python tests/proofs/owners.py $(OWNERS) > docs/proofs/owners.md.new
	mv docs/proofs/owners.md.new docs/proofs/owners.md
	$(BIN)/python tests/proofs/cutover.py $(MOVED) > docs/proofs/cutover.md.new
	mv docs/proofs/cutover.md.new docs/proofs/cutover.md
	$(BIN)/python tests/proofs/detection.py $(LIVED) > docs/proofs/detection.md.new || test $$? = 1
	mv docs/proofs/detection.md.new docs/proofs/detection.md
	$(BIN)/python tests/proofs/recorded.py $(RECORDED) > docs/proofs/recorded.md.new
	mv docs/proofs/recorded.md.new docs/proofs/recorded.md
	$(BIN)/python tests/proofs/noticing.py > docs/proofs/noticing.md.new
	mv docs/proofs/noticing.md.new docs/proofs/noticing.md
	$(BIN)/python -m mailkeep_bench --own --only memory --queued $(QUEUED) --markdown docs/proofs/million.md || test $$? = 1
	$(BIN)/python -m mailkeep_bench --own --only life --soak $(SOAK) --rate $(RATE) --batch 20 --markdown docs/proofs/life.md || test $$? = 1
	$(BIN)/python -m mailkeep_drill --kill9 10
	git log -1 --format='%nMade by `make prove` on commit %h.' | cat drill-report/scorecard.md - > docs/proofs/drill.md
	$(BIN)/python tests/proofs/timing.py > docs/proofs/timing.md.new
	mv docs/proofs/timing.md.new docs/proofs/timing.md
	$(BIN)/python tests/proofs/radius.py $(RADIUS) > docs/proofs/radius.md.new
	mv docs/proofs/radius.md.new docs/proofs/radius.md
	$(BIN)/python tests/proofs/console.py > docs/proofs/console.md.new
	mv docs/proofs/console.md.new docs/proofs/console.md
	sh scripts/prove_nodemailer.sh $(BIN)/pytest
	sh scripts/prove_matrix.sh $(BIN)/python 2 docs/proofs/matrix.json > docs/proofs/matrix.md.new
	mv docs/proofs/matrix.md.new docs/proofs/matrix.md

check: $(VENV)/.dev  ## lint, types, the order of the packages, licences
	$(BIN)/ruff check src tests scripts connectors
	$(BIN)/ruff format --check src tests scripts connectors
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tests/house/licences.py

lock:  ## resolve the dependencies anew (needs uv)
	uv pip compile pyproject.toml --extra drill --group dev --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade -o requirements/dev.lock
	uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -c requirements/dev.lock -o requirements/run.lock

deps:  ## Debian packages that some tests use
	sh scripts/deps.sh

.PHONY: help up drill bench test check prove lock deps
