"""What the user asks for, and how to ask for it again; purely."""

import shlex

import pytest
from facts_of import VERBS, make, refusals
from hypothesis import given
from hypothesis import strategies as st

from resetting import Refused
from resetting.command_line import parse
from resetting.wishes import Wish, sequence_ids


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
