"""What make and the environment say: switches, typos, and what does not count; purely."""

import shlex

import pytest
from facts_of import VERBS, make, refusals

from resetting.command_line import parse
from resetting.wishes import Wish

SWITCHES = ("FORCE", "PRODUCTION", "KEEP", "CARRY", "VERBOSE")


@pytest.mark.parametrize("name", SWITCHES)
def test_h49_a_switch_is_on_or_off_in_whatever_case(name):
    for value in ("1", "yes", "true", "on", "YES", "True", "oN"):
        assert getattr(make("rebuild", **{name: value}), name.lower()) is True
    for value in ("0", "no", "false", "off", "", "NO", "False"):
        assert getattr(make("rebuild", **{name: value}), name.lower()) is False


@pytest.mark.parametrize("value", ["2", "y", "ja", " ", "tru e", "$(x)", "1 1"])
def test_h49_all_else_is_neither_and_refused(value):
    (finding,) = refusals("clear", FORCE=value)
    assert finding.what == f"FORCE is {shlex.quote(value)}, which is neither on nor off."
    assert finding.mend.startswith("make db-clear FORCE=1 ")


def test_h49_the_mend_of_a_switch_repeats_all_else_that_was_said():
    said = {"KEEP": "ja", "FORCE": "2", "POSTGRES_DB": "x", "BACKSCOPE_DIR": "d", "CONFIRM": "x"}
    (finding,) = refusals("rebuild", **said)
    assert finding.what == "FORCE is 2 and KEEP is ja, which is neither on nor off."
    again = (
        "make db-rebuild KEEP=1 FORCE=1 BACKSCOPE_DIR=d POSTGRES_DB=x CONFIRM=x   if it means on"
    )
    assert finding.mend == again
    (finding,) = refusals("clear", SEQ=" A40  x", VERBOSE="ja")
    assert finding.mend == "make db-clear SEQ='A40 x' VERBOSE=1   if it means on"
    (finding,) = refusals("undo", N="x", FORCE="ja")
    assert finding.mend == "make db-undo N=x FORCE=1   if it means on"


def test_h49_what_is_only_in_the_environment_is_left_out_and_said():
    exported = {"PRODUCTION": "1", "FORCE": "nonsense", "KEEP": "1", "N": "x", "SEQ": "A1",
                "CONFIRM": "a"}  # fmt: skip
    wish = make("rebuild", exported)
    left_out = ("CONFIRM", "FORCE", "KEEP", "PRODUCTION")
    assert wish == Wish("rebuild", left_out=left_out, meant={"keep": True})
    assert make("undo", exported).left_out == ("N", "CONFIRM", "FORCE", "PRODUCTION")
    assert make("status", exported).left_out == ()
    assert make("rebuild", {"FORCE": ""}).left_out == ()
    assert make("rebuild", exported, KEEP="1").keep
    both = make("rebuild", exported, KEEP="0")
    assert (both.keep, both.left_out) == (False, ("CONFIRM", "FORCE", "PRODUCTION"))


def test_what_harms_nothing_counts_from_the_environment_too():
    wish = make("rebuild", {"VERBOSE": "1", "BACKSCOPE_DIR": "../b"})
    assert (wish.verbose, wish.folder, wish.left_out) == (True, "../b", ())
    assert make("status", {"VERBOSE": "1", "BACKSCOPE_DIR": "../b"}) == Wish("status", "../b")


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("seq", "SEQ"), ("FORSE", "FORCE"), ("PRODUKTION", "PRODUCTION"), ("KEEPS", "KEEP"),
        ("POSTGRES_DATABASE", "POSTGRES_"), ("backscope_dir", "BACKSCOPE_DIR"), ("zzzz", ""),
    ],
)  # fmt: skip
def test_h50_an_unknown_variable_is_refused_with_the_nearest(typo, meant):
    (finding,) = refusals("clear", **{typo: "1"})
    assert finding.what.startswith(f"There is no variable {typo}")
    assert (f"; did you mean {meant}" in finding.what) == bool(meant)
    assert finding.mend.startswith("make help")


def test_h50_makes_own_and_backscopes_variables_are_known():
    given = {"POSTGRES_DB": "x", "MAKEFLAGS": "", "SHELL": "sh", "PYTHON": "p", "NO_COLOR": "1"}
    assert make("clear", **given).given == {"POSTGRES_DB": "x", "PYTHON": "p"}
    assert make("clear", PYTHON="python3").given == {}  # it is the default


@pytest.mark.parametrize(
    ("verb", "name"),
    [("clear", "KEEP"), ("clear", "N"), ("rebuild", "SEQ"), ("undo", "CARRY"),
     ("status", "VERBOSE"), ("status", "CONFIRM")],
)  # fmt: skip
def test_a_variable_that_the_target_does_not_take_is_refused(verb, name):
    (finding,) = refusals(verb, **{name: "1"})
    assert finding.what == f"make db-{verb} takes no {name}."


def test_all_that_is_wrong_is_said_at_once():
    wrong = refusals("clear", FORCE="maybe", KEEP="1", seq="A1")
    assert [finding.mend.split("   ")[0] for finding in wrong] == ["make help"] * 3
    assert [finding.what.split(",")[0].split(";")[0] for finding in wrong] == [
        "make db-clear takes no KEEP.",
        "There is no variable seq",
        "FORCE is maybe",
    ]


def test_h49_what_is_advised_clears_no_more_than_was_meant():
    """SEQ=A45 make db-clear asks about all, and nothing that it says then clears all."""
    environ = {"SEQ": "A45 a7"}
    wish = make("clear", environ)
    assert (wish.sequences, wish.left_out) == ((), ("SEQ",))
    assert wish.again(force=True) == "make db-clear SEQ='A000045 A000007' FORCE=1"
    assert wish.make("rebuild") == "make db-rebuild"
    by_hand = parse(["clear"], VERBS, {**environ, "RESET_SELF": "bin/backscope-reset"})
    assert (by_hand.sequences, by_hand.left_out) == ((), ("SEQ",))
    assert by_hand.again() == "bin/backscope-reset clear A000045 A000007"
    assert make("clear", {"SEQ": "of numbers"}).meant == {}  # another purpose
    assert make("clear", environ, SEQ="A1").meant == {}
    assert parse(["clear", "A1"], VERBS, environ).meant == {}
    assert parse(["rebuild"], VERBS, environ).meant == {}


def test_h49_what_is_advised_keeps_what_was_meant_to_be_kept():
    """KEEP=1 make db-rebuild asks, and nothing that it says then loses what it was to keep."""
    wish = make("rebuild", {"CARRY": "yes", "FORCE": "1"})
    assert (wish.keeps, wish.left_out) == (False, ("FORCE", "CARRY"))
    assert wish.again(production=True) == "make db-rebuild CARRY=1 PRODUCTION=1"
    by_hand = parse(["rebuild"], VERBS, {"KEEP": "1", "RESET_SELF": "bin/backscope-reset"})
    assert (by_hand.left_out, by_hand.again()) == (("KEEP",), "bin/backscope-reset rebuild --keep")
    for environ, line in (
        ({"KEEP": "/a/path"}, {}), ({"KEEP": "0"}, {}), ({"CARRY": "1"}, {"KEEP": "1"}),
        ({"KEEP": "1"}, {"KEEP": "0"}),
    ):  # fmt: skip
        assert make("rebuild", environ, **line).meant == {}
    assert make("clear", {"KEEP": "1"}).meant == {}  # it takes none
    assert parse(["rebuild", "--carry"], VERBS, {"KEEP": "1"}).meant == {}


@pytest.mark.parametrize("flags", ["k", "ks -- CONFIRM=scope", "k -j2"])
def test_make_s_own_keep_is_not_taken_for_ours(flags):
    """`make --keep` is short for --keep-going."""
    (finding,) = refusals("rebuild", {"MAKEFLAGS": flags}, POSTGRES_DB="x", CONFIRM="x")
    assert finding.mend == "make db-rebuild KEEP=1 POSTGRES_DB=x   if it means that"
    for line in ({"KEEP": "1"}, {"CARRY": "1"}, {"KEEP": "0"}):
        make("rebuild", {"MAKEFLAGS": flags}, **line)
    make("clear", {"MAKEFLAGS": flags})
    make("rebuild", {"MAKEFLAGS": "s -- CONFIRM=kept"})
    make("rebuild", {"MAKEFLAGS": " -- CONFIRM=kept"})
