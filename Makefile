# For those who like make; everything here is one of the commands of `python3 -m provvypay`.

PYTHON ?= python3
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench lock

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make the environment and build the front end
	$(PYTHON) -m provvypay build

demo: ## Run the whole product here, with demo data
	$(PYTHON) -m provvypay demo

test: ## Run the test suite
	$(PYTHON) -m provvypay test

check: ## Run everything that has to be green before a change lands
	bash .ci/run

bench: setup ## Measure speed, as ratios against limits of the same run
	$(VENV)/python -m benchmarks

lock: ## Write both locks anew from pyproject.toml (uv is fetched into a folder of its own)
	$(PYTHON) scripts/lock.py
