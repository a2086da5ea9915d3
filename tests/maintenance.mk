# The targets of the tool's own maintainers, for the Makefile in its own folder.

demo: .venv/made-for-demo  ## the tour, on a throw-away server and a stand-in
	unset PYTHON; bin/demo
test: .venv/made-for-tests  ## run the tests, but for the slow ones
test-all: .venv/made-for-tests  ## run all the tests
test test-all:
	unset PYTHON; .venv/bin/pytest -q -n 3 --cov --cov-report=term-missing:skip-covered tests \
	  $(if $(filter test,$@),-m 'not slow')
lint: .venv/made-for-tests  ## ruff, mypy and shellcheck
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
	.venv/bin/shellcheck bin/demo bin/backscope-reset .ci/run
bench: .venv/made-for-tests  ## time it against the commands typed by hand
	bin/with-postgres .venv/bin/python tests/bench.py
test-matrix: .venv/made-for-tests  ## the tests on other Pythons and servers
	.venv/bin/python tests/matrix.py
.venv/made-for-demo: requirements.txt tests/demo.txt
.venv/made-for-tests: tests/requirements.txt .venv/made-for-demo
.venv/made-for-%:
	[ ! -e .venv ] || [ -e .venv/made-by-backscope-reset ] || \
	  { echo ".venv was not made by this Makefile; move it away first." >&2; exit 2; }
	echo "Installing into .venv for the $*: some 150 MB, about half a minute ..."
	mkdir -p .venv && touch .venv/made-by-backscope-reset
	[ -x .venv/bin/pip ] || "$${PYTHON:-python3}" -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check $(patsubst %,-r %,$(filter %.txt,$^))
	touch $@
clean:  ## remove what these targets have made here
	if [ -e .venv/made-by-backscope-reset ]; then rm -rf .venv .matrix .coverage .coverage.* \
	  .hypothesis .*_cache; else echo "There is no .venv here that this Makefile made."; fi
