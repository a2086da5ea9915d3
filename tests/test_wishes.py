"""What the user asks for: words, switches, typos, and how to ask for it again; purely."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resetting import Refused
from resetting.wishes import Wish, from_make, parse, sequence_ids

ALL = ("confirm", "force", "production", "verbose")
TAKES = {
    "status": (), "clear": ("sequences", *ALL), "rebuild": ("keep", "carry", *ALL),
    "undo": ("number", *ALL),
}  # fmt: skip
VERBS = {verb: (f"help of {verb}", takes) for verb, takes in TAKES.items()}


def make(verb, environ=None, dry_run=False, **line):
    """The wish of make with these variables on its command line, and of an environment."""
    told = {**(environ or {}), **line, "RESET_VARIABLES": " ".join(line)}
    return from_make(verb, TAKES[verb], told, dry_run)


def refusals(*arguments, **more):
    """The findings of a wish that is refused."""
    with pytest.raises(Refused) as refused:
        make(*arguments, **more)
    return refused.value.findings


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
    assert wish == Wish("rebuild", left_out=("CONFIRM", "FORCE", "KEEP", "PRODUCTION"))
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


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["A45"], ("A000045",)),
        (["a45", "A000045  A40"], ("A000045", "A000040")),
        (["A0"], ("A000000",)),
        (["A999999\tA1\n"], ("A999999", "A000001")),
        ([], ()),
    ],
)
def test_sequences_are_written_as_backscope_has_them(words, ids):
    assert sequence_ids(Wish("clear"), words) == ids


@pytest.mark.parametrize(
    "words",
    [["45"], ["A1,", "A2"], ["A000001;2"]],
)
def test_what_may_be_meant_is_offered_and_nothing_else(words):
    with pytest.raises(Refused) as refused:
        sequence_ids(Wish("clear", sequences=(), folder="x"), words)
    (finding,) = refused.value.findings
    ids = {"45": "A000045", "A1,": "'A000001 A000002'", "A000001;2": "'A000001 A000002'"}[words[0]]
    assert finding.mend == f"make db-clear SEQ={ids} BACKSCOPE_DIR=x   is what may be meant"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fib"], "fib is no OEIS sequence number."),
        (["45", "A1", "b2"], "45, b2 are no OEIS sequence numbers."),
        (["A1234567"], "A1234567 is no OEIS sequence number."),
        (["A٣"], "'A٣' is no OEIS sequence number."),  # a digit, but not OEIS's
        (["'; DROP"], '"\';", DROP are no OEIS sequence numbers.'),
        ([""], "SEQ is empty: it names no sequence."),
        (["  "], "SEQ is empty: it names no sequence."),
    ],
)
def test_what_is_no_sequence_is_refused_and_the_mend_clears_nothing(words, says):
    with pytest.raises(Refused) as refused:
        sequence_ids(Wish("unflag"), words)
    (finding,) = refused.value.findings
    assert finding.what == says
    helps = finding.mend == "make help   tells how sequences are named"
    assert helps or finding.mend == "make db-unflag SEQ=A000001   leaves that out"


def test_an_empty_seq_is_not_everything():
    assert refusals("clear", SEQ="")[0].what.startswith("SEQ is empty")
    assert make("clear", SEQ="a1 A2").sequences == ("A000001", "A000002")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "01", "1 2", "٣", "1234567"])
def test_what_is_no_number_of_a_pair_is_refused(number):
    (finding,) = refusals("undo", N=number)
    assert "no number of a kept database" in finding.what
    assert finding.mend.startswith("make db-status")


def test_a_number_of_a_pair():
    assert make("undo", N="12").number == 12
    assert make("undo").number == 0
    for number in ("", "0", "x"):  # N=$n with an empty n is not the newest one
        with pytest.raises(Refused) as raised:
            make("undo", N=number)
        assert "no number of a kept database" in raised.value.findings[0].what


FULL = Wish(
    "rebuild", "a b", number=3, sequences=("A000001", "A000002"), force=True, keep=True, carry=True,
    production=True, confirm="x", verbose=True, given={"POSTGRES_DB": "my db"},
)  # fmt: skip


def test_again_repeats_the_whole_wish():
    assert FULL.again() == (
        "make db-rebuild SEQ='A000001 A000002' N=3 KEEP=1 CARRY=1 FORCE=1 PRODUCTION=1"
        " BACKSCOPE_DIR='a b' POSTGRES_DB='my db'"
    )
    assert FULL.again(keep=False, carry=False).count("=1 ") == 2
    assert Wish("clear").again(force=True) == "make db-clear FORCE=1"


def test_another_command_is_about_the_same_database():
    assert FULL.make("status") == "make db-status BACKSCOPE_DIR='a b' POSTGRES_DB='my db'"
    assert Wish("clear").make("rebuild", carry=True) == "make db-rebuild CARRY=1"


@given(
    st.builds(
        Wish,
        st.just("undo"),
        st.text("ab './$", min_size=1),
        number=st.integers(0, 99),
        force=st.booleans(),
        production=st.booleans(),
        confirm=st.none(),
        given=st.dictionaries(st.just("POSTGRES_DB"), st.text("ab '\"$`-=é")),
    )
)
def test_what_is_advised_is_understood_as_the_same_wish(wish):
    words = shlex.split(wish.again())
    assert words[:2] == ["make", "db-undo"]
    assert make("undo", **dict(word.split("=", 1) for word in words[2:])) == wish


def test_another_command_is_advised_with_what_it_takes():
    for verb in VERBS:
        wish = Wish(verb, "d", force=True, production=True, number=3, sequences=("A000001",))
        for other in set(VERBS) - {verb}:
            words = shlex.split(wish.make(other))
            assert words[:2] == ["make", f"db-{other}"]
            make(other, **dict(word.split("=", 1) for word in words[2:]))  # or it is refused
    assert str(Wish("status", production=True)) == "make db-status"


def test_confirm_may_hold_anything():
    assert make("clear", CONFIRM="a$b 'c'").confirm == "a$b 'c'"
    assert make("clear", CONFIRM="").confirm == ""  # given, so it must be the name
    assert make("clear").confirm is None


def test_the_command_line_takes_what_a_verb_takes():
    wish = parse(["rebuild", "--keep", "--force", "--dry-run", "--confirm", "x"], VERBS, {})
    assert wish == Wish("rebuild", force=True, keep=True, confirm="x", dry_run=True)
    assert parse(["clear", "a1", "A2"], VERBS, {}).sequences == ("A000001", "A000002")
    assert parse(["clear", "--confirm=--x"], VERBS, {}) == Wish("clear", confirm="--x")
    for words in (["undo", "3", "--backscope-dir", "d"], ["--backscope-dir", "d", "undo", "3"]):
        assert parse(words, VERBS, {}) == Wish("undo", "d", number=3)
    environ = {"POSTGRES_DB": "x", "FORCE": "1", "APP_ENVIRONMENT": "production", "HOME": "/"}
    given = {"POSTGRES_DB": "x", "APP_ENVIRONMENT": "production"}
    assert parse(["undo"], VERBS, environ) == Wish("undo", given=given)


def test_make_comes_through_the_same_door():
    environ = {"RESET_VARIABLES": "KEEP", "KEEP": "yes"}
    assert parse(["--make", "rebuild"], VERBS, environ) == Wish("rebuild", keep=True)
    assert parse(["--make", "rebuild", "--dry-run"], VERBS, environ).dry_run
    assert not parse(["--make", "clear"], VERBS, {}).dry_run


@pytest.mark.parametrize(
    "words",
    [[], ["reset"], ["clear", "--keep"], ["rebuild", "A1"], ["rebuild", "--kee"],
     ["--dry-run", "clear"], ["undo", "1", "2"], ["status", "--force"], ["clear", "--confirm"]],
)  # fmt: skip
def test_what_is_misused_ends_with_status_2_and_no_traceback(words, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(words, VERBS, {})
    assert ended.value.code == 2
    assert "usage: backscope-reset" in capsys.readouterr().err


def test_the_help_names_every_verb(capsys):
    with pytest.raises(SystemExit) as ended:
        parse(["--help"], VERBS, {})
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(f"help of {verb}" in out for verb in VERBS)
    assert "Exit status: 0 done" in out
    assert "--make" not in out


def test_h56_what_is_advised_begins_as_what_was_typed():
    tool = {"RESET_SELF": "../it's/bin/backscope-reset", "POSTGRES_DB": "x y", "PYTHON": "p"}
    wish = parse(["undo", "3", "--force", "--backscope-dir", "b c"], VERBS, tool)
    begin = "POSTGRES_DB='x y' PYTHON=p \"../it's/bin/backscope-reset\""
    assert wish.again(confirm="a b", verbose=True) == (
        f"{begin} undo 3 --force --verbose --backscope-dir 'b c' --confirm 'a b'")  # fmt: skip
    assert wish.make("clear", sequences=("A000001", "A000002")) == (
        f"{begin} clear A000001 A000002 --backscope-dir 'b c'")  # fmt: skip
    assert wish.help == '"../it\'s/bin/backscope-reset" undo --help'
    elsewhere = make("clear", {"RESET_FILE": "../a b/Makefile"})
    assert elsewhere.make("rebuild", keep=True) == "make -f '../a b/Makefile' db-rebuild KEEP=1"
    assert elsewhere.help == "make -f '../a b/Makefile' help"


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
    assert make("clear", {"SEQ": "of numbers"}).meant == ()  # another purpose
    assert make("clear", environ, SEQ="A1").meant == ()
    assert parse(["clear", "A1"], VERBS, environ).meant == ()
    assert parse(["rebuild"], VERBS, environ).meant == ()
