# Targets of the tool's own folder, the only one where ../Makefile includes this.
.PHONY: demo test test-all lint bench clean
pytest := .venv/bin/pytest -q -n 3 --dist loadgroup --cov --cov-report=term-missing:skip-covered tests
own-help = awk -F ':.*\#\# ' 'BEGIN { print "" } NF == 2 { printf "  make %-14s %s\n", $$1, $$2 }' tests/dev.mk

demo: .venv/made  ## show the tool at work on a server and a Backscope of its own
	@bin/demo
test: .venv/made  ## run the tests
	@unset PYTHON; $(pytest) -m 'not slow'
test-all: .venv/made  ## run these and the slow ones
	@unset PYTHON; $(pytest)
lint: .venv/made  ## run the linters
	.venv/bin/ruff check . && .venv/bin/ruff format --check .
	.venv/bin/shellcheck bin/demo bin/backscope-reset .ci/run
	.venv/bin/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml
bench: .venv/made  ## measure how long the commands take
	bin/with-postgres .venv/bin/python tests/bench.py
clean:  ## remove what these have made
	@if [ ! -e .venv/made-here ]; then echo "There is no .venv here that make has made."; exit; fi; \
	rm -rf .venv .coverage .coverage.* .hypothesis .*_cache

.venv/made: requirements.txt tests/requirements.txt
	@[ ! -e .venv ] || [ -e .venv/made-here ] || \
	  { echo ".venv was not made by make; move it away first." >&2; exit 2; }
	@echo "Installing into .venv, once: some 150 MB, about half a minute ..."
	@mkdir -p .venv && touch .venv/made-here
	@[ -x .venv/bin/pip ] || "$${PYTHON:-python3}" -m venv .venv
	@[ -t 1 ] || quiet=-q; .venv/bin/pip install $$quiet --disable-pip-version-check $(^:%=-r %)
	@touch $@
