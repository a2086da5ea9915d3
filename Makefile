# Backscope Reset: `make` alone prints the help, README.md tells the rest.
# It works from a Backscope checkout by symbolic link or `make -f`, and from its own folder.
here := $(dir $(realpath $(lastword $(MAKEFILE_LIST))))
commands := db-status db-clear db-unflag db-rebuild db-undo db-disposable
own := demo test test-all lint bench clean
$(if $(wildcard $(here)backscope_reset.py),,$(error \
  The folder of Backscope Reset must not have spaces in its name))
odd := $(if $(filter $(commands),$(MAKECMDGOALS)),$(filter-out help $(commands),$(MAKECMDGOALS)))
$(if $(odd),$(error There is no target $(firstword $(odd)): make help lists them))

# What was typed on make's command line arrives as it was typed, with its $$.
typed := $(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v))
ours := $(filter BACKSCOPE_DIR CONFIRM FORCE KEEP CARRY PRODUCTION SEQ N VERBOSE PYTHON \
  NO_COLOR PG_BIN APP_ENVIRONMENT POSTGRES_%,$(typed))
$(foreach v,$(ours),$(eval override $v := $$(value $v)))
# For Python: which names were typed, how the commands that it advises begin.
export RESET_VARIABLES := $(sort $(typed))
away := $(if $(PWD),$(subst x$(CURDIR),,x$(or $(realpath $(PWD)),$(PWD))))
other := $(filter-out Makefile makefile GNUmakefile,$(firstword $(MAKEFILE_LIST)))
RESET_MAKE := make$(if $(away), -C $(CURDIR))$(if $(other), -f $(other))
export PYTHON RESET_MAKE $(ours)

# `make -n` prints the commands and can run none: no line has a +, none is in the recipe.
dry := $(findstring n,$(filter-out --% -I% -O%,$(filter -%,$(MFLAGS))))
run := "$${PYTHON:-python3}" "$(here)backscope_reset.py"
quote = '$(subst ','\'',$1)'
values = $(foreach v,RESET_VARIABLES RESET_MAKE $(ours),$v=$(call quote,$($v)))
define newline


endef
show = $(info $(or $(subst && ,&&$(newline),$(shell export $(values); $(run) $1 --dry-run)),\
  $(error db-$1 would be refused)))
ifneq ($(dry),)
.SILENT:
endif

.PHONY: help $(commands)
help:
	@$(run) help
$(commands): db-%:
	$(if $(dry),$(call show,$*),@$(run) $*)

ifeq ($(here),$(CURDIR)/)
.PHONY: $(own)
demo: .venv/made
	@unset PYTHON; bin/demo
test test-all: .venv/made
	@unset PYTHON; .venv/bin/pytest -q -n 3 --cov --cov-report=term-missing:skip-covered tests \
	  $(if $(filter test,$@),-m 'not slow')
lint: .venv/made
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
	.venv/bin/shellcheck bin/demo bin/backscope-reset .ci/run
	.venv/bin/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml
bench: .venv/made
	bin/with-postgres .venv/bin/python tests/bench.py
.venv/made: requirements.txt tests/requirements.txt
	@[ ! -e .venv ] || [ -e .venv/made-here ] || \
	  { echo ".venv was not made by this Makefile; move it away first." >&2; exit 2; }
	@echo "Installing into .venv: some 150 MB, about half a minute ..."
	@mkdir -p .venv && touch .venv/made-here
	@[ -x .venv/bin/pip ] || "$${PYTHON:-python3}" -m venv .venv
	@.venv/bin/pip install -q --disable-pip-version-check $(patsubst %,-r %,$^)
	@touch $@
clean:
	@if [ -e .venv/made-here ]; then rm -rf .venv .coverage .coverage.* .hypothesis .*_cache; \
	else echo "There is no .venv here that this Makefile made."; fi
endif
