# Backscope Reset: `make` alone prints the help, README.md tells the rest.
# It works from a Backscope checkout by symbolic link or `make -f`, and from its own folder.
commands := db-status db-clear db-unflag db-rebuild db-undo db-prune db-disposable
options := BACKSCOPE_DIR CONFIRM FORCE KEEP CARRY PRODUCTION SEQ N VERBOSE PYTHON NO_COLOR PG_BIN
here := $(dir $(realpath $(lastword $(MAKEFILE_LIST))))
ifneq ($(words $(here)),1)
$(error make takes no spaces in the path of this Makefile; bin/backscope-reset, beside it, does)
endif
unknown := $(filter-out help $(commands),$(MAKECMDGOALS))
ifneq ($(filter $(commands),$(MAKECMDGOALS)),)
$(if $(unknown),$(error There is no target $(firstword $(unknown)): make help lists them))
endif

# What was typed on make's command line arrives as it was typed, with its $$.
RESET_VARIABLES := $(sort $(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v)))
values := $(filter $(options) APP_ENVIRONMENT POSTGRES_%,$(RESET_VARIABLES))
$(foreach v,$(values),$(eval override $v := $$(value $v)))

# How the commands begin that Python prints: with what finds this Makefile, quoted for a shell.
quote = '$(subst ','\'',$1)'
special := ' " & ; | < > ( ) * ? [ ] { } ~ ! ` \ $$ \#
odd = $(word 2,x$1x)$(strip $(foreach c,$(special),$(findstring $c,$1)))
quoted = $(if $(odd),$(call quote,$1),$1)
caller := $(if $(word 2,$(value PWD)),$(value PWD),$(realpath $(PWD)))
away := $(subst x$(CURDIR),,x$(caller))
first := $(or $(wildcard $(firstword $(MAKEFILE_LIST))),$(here)Makefile)
file := $(filter-out Makefile makefile GNUmakefile,$(first))
RESET_MAKE := make$(if $(away), -C $(call quoted,$(CURDIR)))$(if $(file), -f $(call quoted,$(file)))
export RESET_MAKE RESET_VARIABLES PYTHON $(values)

.PHONY: help $(commands)
run := "$${PYTHON:-python3}" $(call quote,$(here)backscope_reset.py)
help:
	@$(run) help
	@$(own-help)
ifeq ($(findstring n,$(filter-out --% -I% -O%,$(filter -%,$(MFLAGS)))),)
$(commands): db-%:
	@$(run) $*
else
# `make -n` prints the commands and can run none: no line has a +, none is in the recipe.
# $(shell) makes line ends spaces, so these are another character on the way.
.SILENT:
define newline


endef
mark = $(shell printf '\001')
environ = $(foreach v,RESET_MAKE RESET_VARIABLES PYTHON $(values),$v=$(call quote,$($v)))
dry-run = $(shell export $(environ); $(run) $* --dry-run | paste -sd '$(mark)' -)
$(commands): db-%:
	$(info $(or $(subst $(mark),$(newline),$(dry-run)),$(error $@ would be refused)))
endif
ifeq ($(here),$(CURDIR)/)
include $(here)tests/dev.mk
endif
