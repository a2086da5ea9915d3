"""One syntax for make and for a shell, and how to ask again: H49 H50."""

import builders as make
from builders import cases, outcome

from backscope_reset import COMMANDS
from resetting.options import OPTIONS, parse, usage

REFUSED = {
    "typo": ("rebuild", {"RESET_VARIABLES": "FORSE"}, "Did you mean FORCE?"),
    "lower-case": ("rebuild", {"RESET_VARIABLES": "seq"}, "Did you mean SEQ?"),
    "together": ("rebuild", {"RESET_VARIABLES": "QQQQ", "KEEP": "x"}, "KEEP cannot be x"),
    "not-taken": ("rebuild --seq A1", {}, "does not take SEQ"),
    "number": ("undo --n x", {}, "N cannot be x. An example is 3."),
    "no-number": ("prune", {"N": ""}, "N cannot be"),
    "foreign-digit": ("undo", {"N": "\u0663"}, "N cannot be"),
    "long-sequence": ("clear --seq A1234567", {}, "SEQ cannot be A1234567."),
    "two-in-one": ("clear --seq A1A2", {}, "An example is 'A45 A40'."),
    "no-sequence": ("clear", {"SEQ": " "}, "SEQ cannot be"),
}
GIVEN = {"KEEP": "1", "BACKSCOPE_DIR": "d", "PRODUCTION": "1", "CONFIRM": "scope", "VERBOSE": "1"}
TYPED = {"POSTGRES_DB": "my db", "PYTHON": "p", "POSTGRES_PASSWORD": "no", "OTHER": "no"}
BOTH = "BACKSCOPE_DIR=d PRODUCTION=1"
AGAIN = {
    "shell": (TYPED, "", f"KEEP=1 {BOTH} POSTGRES_DB='my db' PYTHON=p N=1 backscope-reset rebuild"),
    "make": ({"RESET_MAKE": "make -C x"}, "undo", f"make -C x db-undo {BOTH} N=1"),
    "status": ({"RESET_SELF": "/a b/r"}, "status", f"{BOTH} N=1 '/a b/r' status"),
}


def test_flags_and_the_environment_are_the_same():
    flags = parse(["rebuild", "--keep", "--confirm", "scope"], COMMANDS, {"KEEP": "0"})
    environ = {"KEEP": "1", "CONFIRM": "scope", "SEQ": "A1", "RESET_VARIABLES": "PYTHON KEEP"}
    assert flags.given == parse(["rebuild"], COMMANDS, environ).given
    for word, on in (("yes", True), ("TRUE", True), ("no", False), ("", False)):
        assert make.options(KEEP=word).on("KEEP") == on
    assert parse(["clear", "--dry-run"], COMMANDS, {}).dry_run
    assert [name for name in (*COMMANDS, *OPTIONS) if name not in usage(COMMANDS)] == []
    unfinished = COMMANDS["unflag"].condition(make.options(SEQ="A45 a40"))
    assert "IS NULL AND id IN ('A000045', 'A000040')" in unfinished


@cases("words, environ, key", REFUSED)
def test_what_means_nothing_is_refused(words, environ, key):
    assert key in outcome(parse, words.split(), COMMANDS, environ)


@cases("environ, other, line", AGAIN)
def test_a_hint_repeats_what_the_command_takes(environ, other, line):
    options = make.options("rebuild", environ, **GIVEN)
    assert options.command_line(other, N="1") == line
    assert "KEEP='' " in options.command_line(KEEP="")
