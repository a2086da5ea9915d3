# Backscope Reset: the front door. `make` alone prints the help.
# Works from a Backscope checkout by symlink or `make -f`, and from its own folder
# with BACKSCOPE_DIR=. GNU Make 3.81 and up.

PYTHON ?= python3
VARIABLES := BACKSCOPE_DIR CONFIRM FORCE KEEP PRODUCTION SEQ N VERBOSE PYTHON NO_COLOR PG_BIN \
  POSTGRES_DB POSTGRES_HOST POSTGRES_PORT POSTGRES_USER POSTGRES_PASSWORD \
  POSTGRES_DISPOSABLE_DB APP_ENVIRONMENT
# A value goes into the environment as it was typed: $x stays $x.
$(foreach v,$(VARIABLES),$(if $(findstring command,$(origin $v)),$(eval override $v := $$(value $v))))

# The tool's own folder, also behind a symlink, also with a space in it.
hash := \#
HERE := $(shell m='$(subst ','\'',$(MAKEFILE_LIST))'; m=$${m$(hash) }; [ -e "$$m" ] || m=$${m$(hash)$(hash)* }; \
  while [ -h "$$m" ]; do l=$$(readlink "$$m"); \
  case $$l in (/*) m=$$l;; (*) m=$$(dirname "$$m")/$$l;; esac; done; cd -P "$$(dirname "$$m")" && pwd)
export RESET_HERE := $(HERE)

# `make -n` runs these lines too (+), with --dry-run; so do -q and -t, which must not touch.
# MAKEFLAGS begins with n or, after a long option in 3.81, has -n; after -- come variables.
space := $(subst ,, )
words := $(subst |, ,$(firstword $(subst |--|, ,-$(subst $(space),|,$(MAKEFLAGS)))))
letters := $(filter-out --%,$(filter -%,$(words)))
given = $(if $(filter undefined,$(origin $1)),,$2)
options = $(call given,BACKSCOPE_DIR,--backscope-dir="$$BACKSCOPE_DIR") \
  $(call given,CONFIRM,--confirm="$$CONFIRM") $(if $(filter-out 0,$(FORCE)),--force) \
  $(if $(filter-out 0,$(PRODUCTION)),--production) $(if $(filter-out 0,$(VERBOSE)),--verbose) \
  $(if $(findstring n,$(letters))$(findstring q,$(letters))$(findstring t,$(letters)),--dry-run)
RESET = +@"$$RESET_HERE/bin/backscope-reset" $(strip $1 $(options) $2)
own = @cd "$$RESET_HERE" && $1
export PYTHON $(foreach v,$(VARIABLES),$(call given,$v,$v))

help:  ## this help
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1	\2/p' "$$RESET_HERE/Makefile" | expand -t 20
	@sed -n 's/^#= \{0,1\}//p' "$$RESET_HERE/Makefile"
db-status:  ## show the target and what would be refused
	$(call RESET,status)
db-clear:  ## clear the stored data; SEQ="A000045 A000040": only those
	$(call RESET,clear,$(call given,SEQ,-- "$$SEQ"))
db-unflag:  ## un-flag downloads that never finished
	$(call RESET,unflag,$(call given,SEQ,-- "$$SEQ"))
db-rebuild:  ## wipe and rebuild; KEEP=1 sets the old database aside
	$(call RESET,rebuild,$(if $(filter-out 0,$(KEEP)),--keep))
db-undo:  ## swap the kept database and migrations back in
	$(call RESET,undo,$(call given,N,-- "$$N"))
demo: .venv  ## the tour, on a throw-away server and a stand-in
	$(call own,bin/demo)
test: .venv  ## run the tests, against a throw-away server
	$(call own,.venv/bin/pytest -q -n 3 --cov --cov-report=term-missing:skip-covered tests)
lint: .venv  ## ruff, mypy and shellcheck
	$(call own,.venv/bin/ruff check . && .venv/bin/ruff format --check .)
	$(call own,.venv/bin/mypy && .venv/bin/shellcheck bin/demo bin/backscope-reset .ci/run)
bench: .venv  ## time it against the commands typed by hand
	$(call own,bin/with-postgres .venv/bin/python tests/bench.py)
test-matrix: .venv  ## the tests on other Pythons and servers
	$(call own,.venv/bin/python tests/matrix.py)
.venv:
	$(call own,if ! [ .venv/made -nt requirements.txt -a .venv/made -nt tests/requirements.txt ]; then \
	  "$$PYTHON" -m venv .venv && .venv/bin/pip install -q --disable-pip-version-check \
	  -r requirements.txt -r tests/requirements.txt && touch .venv/made; fi)
clean:  ## remove what these targets have made here
	$(call own,rm -rf .venv .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis)
#=
#= Variables:
#=   BACKSCOPE_DIR=DIR  the checkout             CONFIRM=NAME  answers in advance
#=   SEQ="A…"           only these sequences     N=3           which kept pair
#=   FORCE=1            end sessions in the way  KEEP=1        keep the database
#=   PRODUCTION=1       allowed in production    VERBOSE=1     show all output
#=   PYTHON=…           the interpreter          make -n       print, run nothing
#=   POSTGRES_DB=… and Backscope's other variables win over .env
.PHONY: help db-status db-clear db-unflag db-rebuild db-undo demo test lint bench test-matrix .venv clean
