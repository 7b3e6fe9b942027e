# Farol. `make` lists what can be made.
.DEFAULT_GOAL := help
PYTHON ?= python3
BOOT = $(PYTHON) tools/bootstrap.py

.PHONY: help setup run test bench chaos load train check clean environments

help:  ## list these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: train  ## install everything, train the models, make the database
	@.venv/bin/farol migrate

run: train  ## set up what is missing, then serve at http://127.0.0.1:8080
	@exec .venv/bin/farol serve

test: train  ## set up what is missing, then run all tests
	@$(BOOT) --tests
	.venv-engine/bin/python -m pytest tests/engine
	.venv/bin/python -m pytest tests --ignore tests/engine

bench: train  ## measure against stock Rasa 3.6.21 and write benchmarks/results.md (takes a while)
	@$(BOOT) --tests
	.venv/bin/python -m benchmarks.run

chaos: environments  ## kill everything at random moments and see whether a message is lost (takes hours)
	@$(BOOT) --tests
	.venv/bin/python -m benchmarks.chaos

load: environments  ## measure how many messages a second this machine takes, end to end
	@$(BOOT) --tests
	.venv/bin/python -m benchmarks.load

train: environments  ## train the models of languages that have changed
	@.venv-engine/bin/python -W ignore -m nlu.train

environments:
	@$(BOOT)

check:  ## look for faults in content/
	@.venv/bin/farol content check

clean:  ## remove environments, models and the database of this folder (asks first)
	@printf 'Remove .venv, .venv-engine, .uv, models and var? [y/N] ' && read answer && [ "$$answer" = y ]
	rm -rf .venv .venv-engine .uv models var
