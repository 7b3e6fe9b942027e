# Farol. `make` lists what can be made.
.DEFAULT_GOAL := help
PYTHON ?= python3
BOOT = $(PYTHON) tools/bootstrap.py

.PHONY: help setup run test bench train check clean

help:  ## list these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup:  ## install everything, train the models, make the database
	@$(BOOT)
	@.venv/bin/farol train
	@.venv/bin/farol migrate

run: setup  ## set up what is missing, then serve at http://127.0.0.1:8080
	@exec .venv/bin/farol serve

test: setup  ## set up what is missing, then run all tests
	@$(BOOT) --tests
	.venv-engine/bin/python -m pytest tests/engine
	.venv/bin/python -m pytest tests --ignore tests/engine

bench: setup  ## measure against stock Rasa 3.6.21 and write benchmarks/results.md (takes a while)
	@$(BOOT) --tests
	.venv/bin/python -m benchmarks.run

train: setup  ## train the models of languages that have changed

check:  ## look for faults in content/
	@.venv/bin/farol content check

clean:  ## remove environments, models and the database of this folder (asks first)
	@printf 'Remove .venv, .venv-engine, .uv, models and var? [y/N] ' && read answer && [ "$$answer" = y ]
	rm -rf .venv .venv-engine .uv models var
