# Two targets do all the set-up: `make run` and `make test`. Both need Python 3.11 or newer, and nothing else.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint check bench fuzz ledger clean

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

bench: .venv/tests-installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks

fuzz: .venv/tests-installed
	$(BIN)/python -m benchmarks.fuzz specs 500
	$(BIN)/python -m benchmarks.fuzz observations 500
	$(BIN)/python -m benchmarks.fuzz models 500

ledger: .venv/installed
	$(BIN)/python -m rnnverify.spec.ledger

clean:
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/tests-installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@ .venv/installed
