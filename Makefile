# Backscope Reset: the front door. `make` alone prints the help.
# Works from a Backscope checkout by symlink or `make -f`, from its own folder with
# BACKSCOPE_DIR=, and included by another makefile. GNU Make 3.81 and up.

PYTHON ?= python3
reset-goal := $(.DEFAULT_GOAL)
reset-quote = '$(subst ','\'',$1)'
# The tool's own folder, through links and spaces; empty where this file is only a copy.
reset-list := $(filter-out $(MAKEFILES),$(MAKEFILE_LIST))
reset-names := $(call reset-quote,$(reset-list))
reset-alone := $(shell [ ! -e $(reset-names) ] || echo alone)
export RESET_HERE := $(shell unset CDPATH; m=$(reset-names); \
  while [ ! -e "$$m" ]; do m=$$(expr "x$$m" : 'x[^ ]* \(.*\)') || break; done; \
  while [ -h "$$m" ]; do l=$$(readlink "$$m"); \
  case $$l in (/*) m=$$l;; (*) m=$$(dirname "$$m")/$$l;; esac; done; \
  cd -P "$$(dirname "$$m")" && [ -e backscope_reset.py ] && env pwd -P)
reset-own := $(if $(subst x$(CURDIR),,x$(RESET_HERE)),,own)

# How the commands that it advises begin, if a plain `make` would not find this file.
export RESET_FILE := $(if $(filter Makefile makefile GNUmakefile,$(firstword $(reset-list))),,$(if \
  $(reset-alone),$(reset-list),$(firstword $(reset-list))))
# Where the shell is, if make might have gone elsewhere: -C says -w, unless it was silenced.
reset-flags = $(filter-out --% -I% -O%,$(filter -%,$(MFLAGS)))
export RESET_CALLER = $(if $(or $(findstring w,$(reset-flags)),$(findstring s,$(reset-flags)),\
  $(filter --no-print-directory,$(MFLAGS))),from:$(PWD))

# Python judges what was given; make only sees to it that $x arrives as $x.
export RESET_VARIABLES := $(sort $(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v)))
reset-switches := SEQ N KEEP CARRY FORCE CONFIRM PRODUCTION
reset-words := $(reset-switches) BACKSCOPE_DIR VERBOSE NO_COLOR PG_BIN POSTGRES_% APP_ENVIRONMENT
reset-given := $(filter $(reset-words) PYTHON,$(RESET_VARIABLES))
$(foreach v,$(reset-given),$(eval override $v := $$(value $v)))
export PYTHON $(reset-given)

# An odd goal stops all before anything runs. The goals of a makefile that includes this one
# are not known yet: there, only what was meant as a value is odd.
reset-targets := $(addprefix db-,status clear unflag rebuild undo disposable)
reset-tools := demo test test-all lint bench test-matrix clean
reset-known := help $(reset-targets) $(if $(reset-own),$(reset-tools))
reset-value := $(filter $(reset-switches) $(foreach d,0 1 2 3 4 5 6 7 8 9,A$d% a$d% $d%),$(MAKECMDGOALS))
reset-odd := $(firstword $(if $(reset-alone),$(filter-out $(reset-known) .venv/%,$(MAKECMDGOALS)),\
  $(if $(filter $(reset-targets),$(MAKECMDGOALS)),$(reset-value))))
reset-near = $(shell $(call reset-quote,$(PYTHON)) -c 'import difflib, sys; \
  near = difflib.get_close_matches(sys.argv[1], sys.argv[2:], 1); \
  print(*("did you mean %s? " % word for word in near))' \
  $(foreach w,$1 $(reset-known) $(addsuffix =,$(reset-switches)) \
  $(patsubst A%,SEQ=A%,$(filter A%,$1)),$(call reset-quote,$w)) 2>/dev/null)
reset-note := \#
$(if $(RESET_HERE),,$(if $(reset-alone)$(filter $(reset-targets),$(MAKECMDGOALS)),$(error \
  This Makefile is a copy without backscope_reset.py beside it: \
  ln -sf ../backscope-reset/Makefile . $(reset-note) makes it a link)))
$(if $(reset-odd),$(error $(if $(filter $(reset-tools),$(reset-odd)),$(reset-odd) belongs \
  to the tool's own folder: make -C $(call reset-quote,$(RESET_HERE)) $(reset-odd) $(reset-note) \
  $(if $(filter test%,$(reset-odd)),Backscope has its own: flask test,runs it there),There is no target \
  $(reset-odd); $(if $(filter %reset,$(reset-odd)),did you mean db-clear or db-rebuild? ,$(call \
  reset-near,$(reset-odd)))make help lists them all)))

# `make -n` shows the dry run by $(shell): nothing but its output is printed. No line has a
# plus: whatever is believed of the flags, make -n, -q and -t cannot run the real one.
reset-dry = $(findstring n,$(reset-flags))
reset-door = $(reset-set) "$$RESET_HERE/bin/backscope-reset" --make $(@:db-%=%)
# What a makefile around this one sets and does not export is for Python to judge, too; but no
# password gets into an argument list.
reset-found = $(filter-out $(RESET_VARIABLES) %PASSWORD,$(filter $(reset-words),$(.VARIABLES)))
reset-set = $(foreach v,$(reset-found),$(if $(filter file override,$(origin $v)),$v=$(call reset-quote,$($v))))
reset-values = $(foreach v,RESET_HERE RESET_FILE RESET_CALLER RESET_VARIABLES PYTHON $(reset-given),\
  $v=$(call reset-quote,$($v)))
reset-said = $(shell { export $(reset-values); $(reset-door) --dry-run || echo :failed:; } | \
  sed 's/^/|/; s/ /:_:/g')
reset-show = $(foreach line,$(reset-said),$(if $(filter |:failed:,$(line)),$(error $@ would not \
  run),$(info $(subst :_:, ,$(patsubst |%,%,$(line))))))
db-status:  ## show the target and what would be refused
db-clear:  ## clear the stored data; SEQ="A45 A40": only those
db-unflag:  ## un-flag downloads that never finished
db-rebuild:  ## wipe and rebuild; KEEP=1 sets the old database aside
db-undo:  ## swap the kept database and migrations back in
db-disposable:  ## make the database of `flask test` anew, empty
$(reset-targets):
	$(if $(reset-dry),$(strip $(reset-show)),@$(reset-door))

ifneq ($(reset-own),)
include tests/maintenance.mk
endif
ifneq ($(reset-alone),)
# Without this, make -n would add that there was nothing to be done.
.SILENT:
help:
	cd "$$RESET_HERE"; { sed -n 's/^\($(if $(reset-own),,db-)[a-z-]*\):.*  ## \(.*\)/  make \1	\2/p' \
	  Makefile $(if $(reset-own),tests/maintenance.mk); sed -n 's/^#= \{0,1\}//p' Makefile; } | expand -t 22
endif
.DEFAULT_GOAL := $(if $(reset-alone),help,$(reset-goal))
.PHONY: help $(reset-targets) $(reset-tools)
#=
#= Variables:
#=   BACKSCOPE_DIR=DIR the checkout             CONFIRM=NAME  answers in advance
#=   SEQ="A… A…"       only these sequences     N=3           which kept pair
#=   KEEP=1            keep the old database    CARRY=1       its rows come along
#=   FORCE=1           end sessions in the way  PRODUCTION=1  allowed in production
#=   VERBOSE=1         show all output          PYTHON=…      the interpreter
#=   make -n           print, run nothing       NO_COLOR=1    no colours
#=   POSTGRES_DB=… and Backscope's other variables win over .env
