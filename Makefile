# Two targets do all the set-up: `make run` and `make test`. Both need Python 3.11 or newer, and nothing else.

PYTHON ?= python3
BIN := .venv/bin
# The environment is made anew where it is of another Python than the one that is asked for.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
MADE := .venv/python-$(VERSION)

# Else each of the hundreds of processes that the tests start would compile the package for itself.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint check docs bench engines fuzz mutants ledger clean

run: .venv/installed
	$(BIN)/rnnverify run configs/simple_rnn.yaml

test: lint
	$(BIN)/pytest -n 2 --dist worksteal

lint: .venv/tests-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: .venv/installed
	$(BIN)/rnnverify check configs/

docs: .venv/tests-installed
	$(BIN)/python -m docs

bench: .venv/tests-installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks

engines: .venv/tests-installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[engines]'
	$(BIN)/pytest -n 2 tests/candidates
	$(BIN)/python -m benchmarks.engines

fuzz: .venv/tests-installed
	$(BIN)/python -m benchmarks.fuzz specs 500
	$(BIN)/python -m benchmarks.fuzz observations 500
	$(BIN)/python -m benchmarks.fuzz models 500

mutants: .venv/tests-installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[mutants]'
	$(BIN)/python -m benchmarks.mutants

ledger: .venv/installed
	$(BIN)/python -m rnnverify.spec.ledger

clean:
	rm -rf .venv .cache build mutants tests/recorded/cache

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "rnnverify needs Python 3.11 or newer, and $(PYTHON) is $(or $(VERSION),not there);" \
			"name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	rm -rf .venv
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed: $(MADE) pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/tests-installed: $(MADE) pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@ .venv/installed
