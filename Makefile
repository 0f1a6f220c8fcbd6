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

# The suite's part in which all of the engine runs, for the sanitizers.
engine_tests := tests/engine tests/differential tests/policy/test_vectors.py

.PHONY: help ready demo test test-here lint lint-c unit netns sanitized bench bench-endure clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

ready: ## install what is missing: Debian packages, .venv; compile the engine
	@build-aux/bootstrap

demo: ready ## send packets through a real kernel queue (root), or a capture through the policy
	@PYTHONDONTWRITEBYTECODE=1 $(bin)/python -m tests.netns.demo

test: test-here test-service test-kmod-service ## everything: lint, all tests, on a real systemd and real kernels too
	$(MAKE) --no-print-directory -j2 test-kmod $(beside)

test-here: lint lint-c ## all that needs no other kernel
	$(owner) $(bin)/meson test --quiet --print-errorlogs -C build/release
	$(world_pytest) --ignore tests/service
	$(MAKE) --no-print-directory sanitized test-fuzz

lint: ready ## ruff, mypy, the import linter; stubs beside the extension; cppcheck
	$(owner) $(bin)/ruff check .
	$(owner) $(bin)/ruff format --check .
	$(owner) $(bin)/mypy
	$(owner) $(bin)/lint-imports
	$(owner) env MYPYPATH=daemon $(bin)/stubtest --mypy-config-file pyproject.toml \
		qverdictd._fast
	$(owner) cppcheck --quiet -j2 --project=build/release/compile_commands.json \
		--file-filter='*daemon/fast/*' --library=python --inline-suppr \
		--enable=warning,performance,portability --error-exitcode=1

lint-c: ready ## clang-tidy over the engine (slow; a build with gcc, -Werror, is part of ready)
	$(owner) run-clang-tidy-16 -quiet -j2 -p build/release '/daemon/fast/'

unit: ready ## the tests that need no namespaces
	$(owner) $(bin)/meson test --quiet --print-errorlogs -C build/release
	$(owner) $(bin)/python -m pytest $(in_worlds:%=--ignore %) --ignore tests/service

netns: ready ## the tests in network namespaces
	$(world_pytest) $(in_worlds)

sanitized: ready ## the engine under ASan and UBSan, its threads under TSan (clang, -Werror)
	$(owner) build-aux/sanitize thread build
	$(owner) $(bin)/meson test --quiet --print-errorlogs -C build/thread
	$(owner) build-aux/sanitize address build
	$(owner) $(bin)/meson test --quiet --print-errorlogs -C build/address
	$(owner) env DIFFERENTIAL_PAIRS=20000 \
		build-aux/sanitize address python -m pytest -p no:cacheprovider $(engine_tests)

# Where no package or no Debian can be made, the report says that the service was not measured.
bench: ready ## speed and memory, ours and others', beside the goals: bench/REPORT.md
	-$(MAKE) --no-print-directory deb && tests/service/base
	bench/run

bench-endure: ready ## memory and descriptors over an hour of load and 10,000 reloads
	bench/run --only hour,reloads

include tests/qemu/Makefile.inc
include tests/fuzz/Makefile.inc
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
