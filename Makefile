# Farol. `make` lists what can be made.
.DEFAULT_GOAL := help
PYTHON ?= python3
BOOT = $(PYTHON) tools/bootstrap.py

UV = $(firstword $(wildcard .uv/bin/uv) uv)

.PHONY: help setup run test bench bench-directory chaos load fuzz fuzz-api train check clean environments sbom audit lint-security fuzz-parsers

help:  ## list these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: train  ## install everything, train the models, make the database
	@.venv/bin/farol migrate

run: train  ## set up what is missing, then serve at http://127.0.0.1:8080
	@exec .venv/bin/farol serve

test: train  ## set up what is missing, then run all tests
	@$(BOOT) --tests
	.venv-engine/bin/python -m pytest tests/engine
	.venv/bin/python -m pytest tests --ignore tests/engine --ignore tests/chaos -n auto --maxprocesses 4 --dist loadfile
	.venv/bin/python -m pytest tests/chaos

bench: train  ## measure against stock Rasa 3.6.21 and write benchmarks/results.md (takes a while)
	@$(BOOT) --tests
	.venv/bin/python -m benchmarks.run

bench-directory: environments  ## measure the search for places on SQLite and PostgreSQL, write benchmarks/directory.md
	@$(BOOT) --tests
	.venv/bin/python -m benchmarks.directory_search

fuzz-api: environments  ## throw everything at the partners' API of the directory (schemathesis; some minutes)
	@$(BOOT) --tests
	.venv/bin/python -m tests.directory.fuzz_api

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

sbom: environments  ## write what each environment is made of, from uv.lock (CycloneDX, var/sbom-*.json)
	@mkdir -p var
	@for group in assistant engine; do $(UV) export --quiet --frozen --preview-features sbom-export \
	  --format cyclonedx1.5 --no-default-groups --group $$group --output-file var/sbom-$$group.json >/dev/null \
	  && echo var/sbom-$$group.json || exit 1; done

audit: environments  ## look up known faults of all pinned packages; needs the network, and fails without it
	@mkdir -p var
	@for group in assistant engine; do echo "$$group:"; $(UV) export --quiet --frozen --no-default-groups --no-emit-project \
	  --group $$group --output-file var/pins-$$group.txt >/dev/null || exit 1; done
	$(UV) tool run pip-audit --strict --disable-pip --require-hashes --requirement var/pins-assistant.txt
	$(UV) tool run --python 3.10 pip-audit --strict --disable-pip --require-hashes --requirement var/pins-engine.txt

lint-security:  ## look for dangerous code: bandit, and our rules for semgrep (from PyPI, the first time)
	@$(PYTHON) tools/lint_security.py

fuzz: environments  ## the long form of the fuzzing and canary tests: a million requests, then the parsers (hours)
	@$(BOOT) --tests
	@mkdir -p var
	.venv/bin/python -m tests.fuzz.storm --requests 1000000 --seed $(or $(SEED),7) --json var/storm.json
	FAROL_FUZZ=1000000 FAROL_CANARIES=10000 .venv/bin/python -m pytest tests/payloads tests/trust/test_at_rest.py

fuzz-parsers: environments  ## a million inputs for the channels' parsers, by atheris (fetched from PyPI; minutes)
	@$(BOOT) --tests
	$(UV) pip install --quiet --python .venv/bin/python --target var/atheris atheris==3.0.0
	@mkdir -p var/corpus
	PYTHONPATH=var/atheris:. .venv/bin/python -m tests.fuzz.parsers -runs=1000000 -max_len=4096 -seed=$(or $(SEED),7) \
	  var/corpus tests/channels/payloads

clean:  ## remove environments, models and the database of this folder (asks first)
	@printf 'Remove .venv, .venv-engine, .uv, models and var? [y/N] ' && read answer && [ "$$answer" = y ]
	rm -rf .venv .venv-engine .uv models var
