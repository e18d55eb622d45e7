# `make` alone lists the targets. PYTHON chooses the interpreter of .venv: make test PYTHON=python3.12
PYTHON ?= python3
# The interpreter of .venv-ttnn; looked for when not given.
TTNN_PYTHON ?=
# How many processes run the tests: a number, or auto for one a processor, up to 4. Give 0 to debug.
JOBS ?= auto
# Passed on to the command: make demo ARGS="--help", make test ARGS="-k linear"
ARGS ?=

VENV := .venv
TTNN_VENV := .venv-ttnn
INCUMBENT_VENV := .venv-tt-symbiote
DOCS_VENV := .venv-docs
OVERLAY := requirements-transformers-4.txt
OVERLAY_PATH := $(CURDIR)/$(VENV)/overlay-transformers-4
# The tests that must hold with every supported series of transformers.
TRANSFORMERS_TESTS ?= symbiote_vit/tests symbiote_llama/tests symbiote_speecht5/tests \
	plugins/symbiote_owlvit/tests plugins/symbiote_ttnn/tests/generic \
	tests/test_example_bert.py
# A worker takes neighbouring tests, which share what is slow to set up; the idle one steals.
IN_PARALLEL = -n $(JOBS) --maxprocesses 4 --dist worksteal
# Sets the shell's variable python to an interpreter that ttnn has a wheel for.
FIND_TTNN_PYTHON = python="$(TTNN_PYTHON)"; \
	[ -n "$$python" ] || python="$$($(PYTHON) tools/find_python.py)" || exit 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test test-ttnn test-transformers-4 oracle parity bench \
	bench-ttnn bench-incumbent lint format wheels docs docs-serve docs-venv

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

setup:  ## set up .venv with PYTHON (every target does it when needed)
	@$(PYTHON) tools/setup_venv.py $(VENV)

demo: setup  ## run the main job: a ViT on torch and swapped, compared (ARGS=llama: a Llama)
	@$(VENV)/bin/symbiote demo $(ARGS)

test: setup  ## run the tests (those that need ttnn only where it has a wheel)
	@$(VENV)/bin/python -m pytest $(IN_PARALLEL) $(ARGS)

test-ttnn:  ## run the tests with the real ttnn, on a Python 3.12 or 3.10 that it finds
	@$(FIND_TTNN_PYTHON); "$$python" tools/setup_venv.py $(TTNN_VENV)
	@$(TTNN_VENV)/bin/python -m pytest --require-ttnn $(IN_PARALLEL) $(ARGS)

test-transformers-4:  ## run the models' tests with transformers 4.57 laid over .venv
	@$(PYTHON) tools/setup_venv.py $(VENV) --overlay $(OVERLAY)
	@PYTHONPATH="$(OVERLAY_PATH)" $(VENV)/bin/python -c 'import transformers as t; \
	assert t.__version__.startswith("4.57."), t.__version__; t.ViTModel'
	@PYTHONPATH="$(OVERLAY_PATH)" $(VENV)/bin/python -m pytest $(IN_PARALLEL) $(TRANSFORMERS_TESTS) $(ARGS)

oracle: setup  ## judge the emulator by TTNN's recorded answers, operation by operation
	@$(VENV)/bin/python tools/oracle.py $(ARGS)

parity:  ## hold the emulator to TTNN on mock chips: 2,000 calls of every operation
	@$(FIND_TTNN_PYTHON); "$$python" tools/setup_venv.py $(TTNN_VENV)
	@$(TTNN_VENV)/bin/python tools/parity.py $(ARGS)

bench: setup  ## measure the figures that the documentation claims
	@$(VENV)/bin/python -m pytest benchmarks -s -p no:randomly $(ARGS)

bench-ttnn:  ## measure the figures on mock chips, with the real ttnn as test-ttnn has it
	@$(FIND_TTNN_PYTHON); "$$python" tools/setup_venv.py $(TTNN_VENV)
	@$(TTNN_VENV)/bin/python -m pytest benchmarks --require-ttnn -m ttnn -s -p no:randomly $(ARGS)

bench-incumbent:  ## measure tt-symbiote beside ours, in a venv of its own (6 GB)
	@$(FIND_TTNN_PYTHON); [ -x $(INCUMBENT_VENV)/bin/pip ] || "$$python" -m venv $(INCUMBENT_VENV)
	@$(INCUMBENT_VENV)/bin/python -m pip install --quiet --no-input -r requirements-incumbent.txt
	@$(MAKE) --no-print-directory bench-ttnn ARGS="-k incumbent $(ARGS)"

lint: setup  ## ruff and mypy, changing nothing
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

format: setup  ## let ruff format and mend what it can
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

wheels: setup  ## build every wheel into dist/ and check each one alone
	@$(VENV)/bin/python tools/check_wheels.py

docs: docs-venv  ## build the documentation into site/, without a warning
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict --quiet $(ARGS)
	@echo "the documentation is in site/index.html"

docs-serve: docs-venv  ## show the documentation while it is written
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs serve $(ARGS)

docs-venv:
	@[ -x $(DOCS_VENV)/bin/pip ] || $(PYTHON) -m venv $(DOCS_VENV)
	@$(DOCS_VENV)/bin/python -m pip install --quiet --no-input --disable-pip-version-check \
		-r requirements-docs.txt -c constraints.txt
