"""How commands are written: what is shown is what is run, whatever the names hold (H26)."""

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2.extensions import parse_dsn

from resetting import commands as write
from resetting.commands import Step

# No NUL, which no argument can hold; no lone surrogates, which no file of UTF-8 can.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NASTY = st.text("~=:.'\"\\$`! \n\t-*?[]{}#&|;<>()aé%@,/", max_size=8)
WORDS = st.lists(st.one_of(TEXT, NASTY), min_size=1, max_size=4)


def shell(script):
    """The words that a shell makes of some text."""
    command = ["sh", "-c", f"printf '%s\\0' {script}"]
    home = {"PATH": "/usr/bin:/bin", "HOME": "/home/a b"}
    return subprocess.run(command, capture_output=True, check=True, env=home).stdout.split(b"\0")


@settings(max_examples=20, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=12))
def test_a_shell_gives_back_the_very_words_of_any_step(steps):
    text = " ".join(str(Step(tuple(words))) for words in steps)
    expected = [word.encode() for words in steps for word in words]
    assert shell(text) == [*expected, b""]


@given(WORDS)
def test_words_are_read_as_posix_has_it(words):
    assert shlex.split(str(Step(tuple(words)))) == words


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("migrations.~1~", "migrations.~1~"),  # as people write it
        ("~", "'~'"),
        ("~root", "'~root'"),
        ("a=~b", "'a=~b'"),  # some shells put the home folder there
        ("a:~b", "'a:~b'"),
        ("", "''"),
        ("My DB", "'My DB'"),
        ("q'uote", '"q\'uote"'),
        ("q'u$e", "'q'\"'\"'u$e'"),
        ("-dash", "-dash"),
        ("ünï", "'ünï'"),
    ],
)
def test_a_word_is_shown_as_people_write_it(word, shown):
    assert write.quote(word) == shown
    assert shell(shown) == [word.encode(), b""]


@given(st.one_of(TEXT, NASTY), st.one_of(TEXT, NASTY))
def test_sql_in_lines_is_the_same_sql(name, text):
    sql = f"COMMENT ON DATABASE {write.identifier(name)} IS {write.literal(text)}; SELECT 1, 2, 3"
    if "\n" not in sql:
        (shown,) = shlex.split(write.in_lines(sql, 30))
        assert shown.replace("\n    ", " ") == sql


@given(st.one_of(TEXT, NASTY))
def test_a_connection_string_is_of_that_very_database(name):
    text = write.conninfo(name)
    if "=" in text or "://" in text:  # as libpq decides whether it is a name
        assert parse_dsn(text) == ({"dbname": name} if name else {"dbname": ""})
    else:
        assert text == name


@pytest.mark.parametrize("name", ["a=b", "postgresql://x/y", "postgres://x", "-d", "'", "\\"])
def test_what_psql_would_take_for_more_is_written_out(name):
    assert write.conninfo(name).startswith("dbname=")


@pytest.mark.parametrize("name", ["scope", "scope.~1~", "My DB", "a-b", "ünï"])
def test_what_is_a_plain_name_stays_one(name):
    assert write.conninfo(name) == name


def unquoted(text, mark):
    """What PostgreSQL reads in quotes."""
    assert text[0] == text[-1] == mark
    inner = text[1:-1]
    assert mark not in inner.replace(mark * 2, ""), "it would end earlier"
    return inner.replace(mark * 2, mark)


@given(st.one_of(TEXT, NASTY))
def test_an_identifier_is_that_very_name(name):
    assert unquoted(write.identifier(name), '"') == name


@given(st.one_of(TEXT, NASTY))
def test_a_literal_is_that_very_text(text):
    written = write.literal(text)
    if written.startswith("$$"):
        assert written == f"$${text}$$"
        assert "$" not in text
    elif written.startswith("E"):
        assert unquoted(written[1:], "'").replace("\\\\", "\\") == text
    else:
        assert unquoted(written, "'") == text
        assert "\\" not in text  # whatever standard_conforming_strings says


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        (write.dropdb("scope"), "dropdb scope"),
        (write.dropdb("-dash", force=True), "dropdb --force -- -dash"),
        (write.createdb("scope", "-E", "UTF8"), "createdb -E UTF8 scope"),
        (write.createdb("--help"), "createdb -- --help"),
        (write.flask("db", "init"), "flask db init"),
        (write.mv("migrations", "migrations.~1~"), "mv migrations migrations.~1~"),
        (write.psql("-d", "SELECT 1", "SELECT 2"), "psql -X -d dbname=-d -c 'SELECT 1; SELECT 2'"),
        (
            write.rename(("scope", "scope.~1~"), opening=["scope.~1~"]),
            'psql -X -d postgres -c \'ALTER DATABASE "scope" RENAME TO "scope.~1~"; '
            'ALTER DATABASE "scope.~1~" ALLOW_CONNECTIONS true\'',
        ),
        (
            write.copy("old", "new", '"t"', ["a", "b"], "SELECT 1"),
            "psql -X -d old -c 'COPY (SELECT \"a\", \"b\" FROM \"t\") TO STDOUT' | "
            "psql -X -d new -c 'COPY \"t\" (\"a\", \"b\") FROM STDIN; SELECT 1'",
        ),
    ],
)  # fmt: skip
def test_the_steps_as_they_are_typed(step, shown):
    assert str(step) == shown
    assert step.program == shown.split()[0]


def test_a_step_that_asks_has_the_terminal():
    assert write.flask("clear-database", asks=True).asks
    assert not write.flask("clear-database").asks
    assert write.allow_connections('a"b', False) == 'ALTER DATABASE "a""b" ALLOW_CONNECTIONS false'


def test_a_path_in_the_home_folder_is_short_and_goes_there(monkeypatch):
    monkeypatch.setenv("HOME", "/home/a b")
    assert write.tilde(Path("/home/a b")) == "~"
    assert write.tilde(Path("/home/a b/x y/z")) == "~/'x y/z'"
    assert write.tilde(Path("/srv/x y")) == "'/srv/x y'"
    assert shell(write.tilde(Path("/home/a b/x y/z"))) == [b"/home/a b/x y/z", b""]
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError))
    assert write.tilde(Path("/srv/x")) == "/srv/x"


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("make db-undo   brings it back", ("make db-undo", "brings it back")),
        ("make db-undo", ("make db-undo", "")),
        ("   it knows a, b", ("", "it knows a, b")),
        ("dropdb 'a   b' && rm -r x   removes it", ("dropdb 'a   b' && rm -r x", "removes it")),
        ("dropdb 'a   b'", ("dropdb 'a   b'", "")),
        ("make x   names the server's own port", ("make x", "names the server's own port")),
    ],
)
def test_a_command_and_what_it_is_for(line, parts):
    assert write.halves(line) == parts


def test_only_sql_is_folded():
    step = write.psql("my old database with a rather long name", "SELECT 1, 2, 3 FROM t WHERE x")
    assert [word for word in step.words(20) if "\n" in word] == [step.words(20)[-1]]
    assert step.words(20)[3] == step.words()[3]


def test_the_home_of_sudo_is_not_the_readers(monkeypatch):
    path = Path.home() / "backscope"
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert write.tilde(path) == "~/backscope"
    monkeypatch.setenv("SUDO_USER", "me")
    assert write.tilde(path) == str(path)
