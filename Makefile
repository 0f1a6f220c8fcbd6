# SPDX-License-Identifier: GPL-2.0
#
# Every target first makes sure that what it needs is installed (build-aux/bootstrap), which takes
# a moment when it is.

PYTHON ?= python3.11
export PYTHON

bin := .venv/bin
owner := build-aux/as-owner

# In the private world we are root, and the tree is perhaps not root's: nothing is cached there.
world := PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY=/run/hypothesis \
	$(bin)/python tests/netns/enter.py
world_pytest := $(world) $(bin)/python -m pytest -p no:cacheprovider
in_worlds := tests/netns tests/bench

.PHONY: help ready demo test lint unit netns bench clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

ready: ## install what is missing: Debian packages, .venv
	@build-aux/bootstrap

demo: ready ## send packets through a real kernel queue (root), or a capture through the policy
	@PYTHONDONTWRITEBYTECODE=1 $(bin)/python -m tests.netns.demo

test: lint ## everything: lint, all tests, those in namespaces and on real kernels included
	$(world_pytest)
	$(MAKE) --no-print-directory test-service
	$(MAKE) --no-print-directory test-kmod

lint: ready ## ruff, mypy, the import linter
	$(owner) $(bin)/ruff check .
	$(owner) $(bin)/ruff format --check .
	$(owner) $(bin)/mypy
	$(owner) $(bin)/lint-imports

unit: ready ## the tests that need no namespaces
	$(owner) $(bin)/python -m pytest $(in_worlds:%=--ignore %)

netns: ready ## the tests in network namespaces
	$(world_pytest) $(in_worlds)

bench: ready ## CPU time a packet, ours and others'
	bench/run

include tests/qemu/Makefile.inc
include tests/service/Makefile.inc

deb: ready ## Debian packages, in dist/
	@build-aux/bootstrap --packages build-aux/debian-packages-deb
	build-aux/deb

install: ## put everything into PREFIX (/usr/local), below DESTDIR for packages
	build-aux/install

clean: ## remove all that make made
	rm -rf .venv .cache build dist .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name '*.egg-info' -prune -exec rm -rf {} +
