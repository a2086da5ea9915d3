"""What is shown and asked: at every width, on a terminal or none, with streams that are closed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from facts_of import (
    contents_of,
    database_of,
    facts_of,
    session_of,
    settings_of,
    table_of,
    wish_of,
)

from resetting import Failed, Finding, Refused, screen
from resetting.commands import copy, flask, mv, rename, tilde
from resetting.heading import target
from resetting.settings import EXACT

ROOT = Path(screen.__file__).resolve().parent.parent
SENTENCE = "A sentence about the user's world that is longer than the width of many a terminal is."
LONG = Finding(
    SENTENCE + "\n  - the first\n  - the second", "make db-status   tells it all, if it is asked"
)


@pytest.fixture
def terminal(monkeypatch, capsys):
    """Have a terminal of some columns; the result gives what was shown."""

    def of(columns, **environ):
        for stream in (sys.stdout, sys.stderr):
            monkeypatch.setattr(stream, "isatty", lambda: True)
        for name, value in {
            "TERM": "xterm",
            "NO_COLOR": "",
            "COLUMNS": str(columns),
            **environ,
        }.items():
            monkeypatch.setenv(name, value)
        return capsys.readouterr

    return of


def bare(text):
    """A text without colours."""
    return re.sub(r"\x1b\[\d+m", "", text)


def test_a_revision_stays_with_its_number(terminal):
    terminal(40)
    told = screen.folded("scope.~1~: 7 MB, user 1, revision d058e9be2f5c and migrations.~1~")
    assert "revision d058e9be2f5c" in told and "\n" in told


@pytest.mark.parametrize("columns", [80, 60, 13])
def test_h54_sentences_fold_at_the_width_and_lose_no_word(terminal, columns):
    shown = terminal(columns)
    screen.refused(Refused(LONG, LONG))
    screen.failed(Failed(LONG, ("dropdb scope", "mv migrations migrations.~1~")))
    screen.row("Database", SENTENCE)
    screen.done(SENTENCE, 1.5)
    out, err = map(bare, shown())
    screen.row("Kept as", "x" * 50 + " and-its-migrations")
    assert "x" * 50 + "\n" in shown()[0], "a name that is broken cannot be copied"
    lines = [line for line in (out + err).splitlines() if not re.match(" {6}(make|tells)", line)]
    assert max(map(len, lines)) <= max(columns, screen.LABEL + 20)
    for text in (SENTENCE, "- the first", "- the second"):
        assert text in " ".join(err.split())
    assert err.count("- the first") == 2  # once for both refusals, once for the failure
    assert "\n  Done before: dropdb" in err
    assert out.splitlines()[0].startswith("Database     A ")
    assert out.splitlines()[1].startswith(" " * screen.LABEL)


def test_a_mend_is_folded_nowhere_but_before_its_explanation(terminal):
    terminal(60)
    long = "psql 'host=db.example port=5432 user=scope dbname=postgres' -c 'SELECT 1'   ends them"
    assert screen.mends(Finding("", long)).splitlines() == [
        "      # ends them",  # or dropdb would read it for a password
        "      psql 'host=db.example port=5432 user=scope dbname=postgres' -c 'SELECT 1'",
    ]
    assert screen.mends(Finding("", "make db-undo   does it")) == "      make db-undo # does it"


def test_a_command_of_a_question_or_of_a_list_has_a_line_of_its_own(terminal):
    """Folded, its first line would be about another database."""
    shown, long = terminal(60), "make db-clear BACKSCOPE_DIR=../backscope-two POSTGRES_DB=other"
    with pytest.raises(Refused):
        screen.ask(f"{SENTENCE}\n{long}   is enough", "scope", "x", "y")
    lines = bare(shown()[0]).splitlines()
    assert lines[-2:] == ["      # is enough", f"      {long}"]
    assert " ".join(lines[1:-2]) == SENTENCE
    screen.row("Models", "a differs\nb differs", mend="make db-rebuild")
    assert bare(shown()[0]).splitlines()[1:] == [
        " " * 13 + "b differs",
        " " * 13 + "make db-rebuild",
    ]
    screen.row("Models", "a differs", mend="make db-rebuild")
    assert bare(shown()[0]) == "Models       a differs: make db-rebuild\n"


def test_zsh_takes_no_comment_that_is_typed(monkeypatch):
    finding = Finding("", "make db-undo   does it")
    monkeypatch.setenv("SHELL", "/bin/zsh")
    assert screen.mends(finding).splitlines() == ["      # does it", "      make db-undo"]
    monkeypatch.setenv("SHELL", "/bin/bash")
    assert screen.mends(finding) == "      make db-undo # does it"


def test_a_table_and_its_rows_stay_together(terminal):
    for columns in range(40, 80):
        shown = terminal(columns)
        screen.row("Database", "sequences 1204, searches 31, users about 2,000,000, strays ?")
        lines = [line[screen.LABEL :].rstrip(",") for line in shown()[0].splitlines()]
        assert all(line.split()[-1][0] in "0123456789?" for line in lines)


def test_nothing_is_folded_or_painted_into_a_pipe(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    screen.row("Database", SENTENCE)
    screen.failed(Failed(LONG))
    screen.step(1, 2, flask("db", "init", SENTENCE), apart=True)
    out, err = capsys.readouterr()
    assert f"Database     {SENTENCE}\n" in out
    assert f"[1/2] flask db init {flask(SENTENCE).words()[1]}" in out
    assert SENTENCE in err
    assert "\x1b" not in out + err


@pytest.mark.parametrize(
    ("environ", "painted"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)],
)
def test_colour_is_for_terminals_that_want_it(terminal, environ, painted):
    shown = terminal(80, **environ)
    screen.failed(Failed(LONG))
    screen.done("Done", 1)
    screen.took(0.1, "failed", apart=False)
    out, err = shown()
    assert ("\x1b[32mDone" in out) == ("\x1b[31m  failed" in out) == painted
    assert ("\x1b[31m" in err) == painted
    assert painted or "\x1b" not in out + err


@pytest.mark.parametrize("columns", [60, 80])
def test_a_command_is_broken_between_words_and_can_be_pasted(terminal, columns):
    shown = terminal(columns)
    one = copy(
        "scope.~1~", "scope", '"searches"', ["id", "term", "results"], "SELECT setval($$a$$, 1)"
    )
    screen.step(7, 9, one, apart=True)
    head, text = shown()[0].split(" ", 1)
    assert head == "[7/9]"
    typed = shlex.split(text.replace("\\\n", " "))
    assert [" ".join(word.split()) for word in typed] == shlex.split(str(one))  # to SQL, the same
    assert text.count("\\\n") >= 1
    for line in text.splitlines()[:-1]:
        assert len(line) <= columns


def test_a_step_is_one_line_with_its_time(terminal):
    shown = terminal(80)
    screen.step(1, 6, flask("db", "init"), apart=False)
    screen.took(1.25, "", apart=False)
    assert shown()[0] == "[1/6] flask db init".ljust(50) + "    1.2 s\n"
    screen.step(1, 6, flask("db", "init"), apart=True)
    screen.took(1.25, "interrupted", apart=True)
    assert bare(shown()[0]).splitlines()[1] == " " * 51 + "   1.2 s  interrupted"


def test_the_last_exception_of_a_traceback_is_enough(capsys):
    trace = [
        "starting", "Traceback (most recent call last):", '  File "a.py", line 1, in b', "    c()",
        "ValueError: the first", "", "The above exception was the direct cause of:", "",
        "Traceback (most recent call last):", '  File "d.py", line 2, in e', "    f()",
        "sqlalchemy.exc.Error: the last", "(Background on this error)",
    ]  # fmt: skip
    screen.output(trace)
    assert capsys.readouterr().out.splitlines() == [
        "      sqlalchemy.exc.Error: the last",
        "      (Background on this error)",
    ]
    screen.output(trace[:4])  # cut off before it said what was wrong
    assert capsys.readouterr().out.count("\n") == 4
    screen.output([*(f"line {n}" for n in range(20)), " ", ""])
    assert capsys.readouterr().out.splitlines() == [f"      line {n}" for n in range(8, 20)]
    screen.output([])
    assert capsys.readouterr().out == ""


def test_a_failure_of_the_tool_itself_tells_no_secret(capsys):
    try:
        shlex.split("'pw-sEcret.17")
    except ValueError as error:
        screen.broken(error)
    screen.broken(ValueError("pw-sEcret.17"))
    err = capsys.readouterr().err
    assert "ValueError in shlex.py, line " in err
    assert "ValueError in ?, line 0." in err
    assert "sEcret" not in err


@pytest.mark.parametrize("columns", [0, 60, 80])
def test_h56_a_dry_run_is_nothing_but_comments_and_commands(
    terminal, capsys, columns, tmp_path, monkeypatch
):
    own = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{own}:{os.environ['PATH']}")
    shown, wish = terminal(columns) if columns else capsys.readouterr, wish_of(dry_run=True)
    nasty = database_of(contents=contents_of(table_of("a\n rm -r /"), table_of("b\r\n$(x)")))
    target(wish, facts_of(database=nasty))
    screen.row("Kept as", SENTENCE, dry_run=True)
    screen.row("Nothing", "", dry_run=True)
    lines = bare(shown()[0]).splitlines()
    assert all(line.startswith("# ") for line in lines)
    assert not columns or max(map(len, lines[-2:])) <= columns
    screen.dry_run(
        [flask("db", "init"), rename(("a", "b"))],
        settings_of(checkout=tmp_path),
        wish_of(given={"POSTGRES_DB": "my db", "APP_ENVIRONMENT": ""}),
    )
    assert shown()[0].splitlines()[1:] == [
        "export PGHOST=localhost PGPORT=5432 PGUSER=scope POSTGRES_DB='my db'",
        "(set -e",
        f"cd {tmp_path}",
        "flask db init",
        str(rename(("a", "b"))),
        ")",
    ]


def test_a_dry_run_stops_at_the_first_command_that_fails(capsys, tmp_path):
    """And the shell that it was pasted into goes on."""
    screen.dry_run([mv("no", "where"), mv("a", "b")], settings_of(checkout=tmp_path), wish_of())
    (tmp_path / "a").touch()
    typed = f"{capsys.readouterr().out}echo $? >{tmp_path}/end"
    subprocess.run(["sh"], input=typed, text=True, check=True, cwd=tmp_path)
    assert (tmp_path / "end").read_text() == "1\n"
    assert (tmp_path / "a").exists()


def test_a_dry_run_copies_values_as_a_run_does(capsys, tmp_path):
    screen.dry_run([copy("a", "b", "t", ["c"])], settings_of(checkout=tmp_path), wish_of())
    printed = capsys.readouterr().out
    assert f"PGOPTIONS='{EXACT}'" in printed
    fails = "case $* in *STDOUT*) exit 1; esac; cat"
    (tmp_path / "psql").write_text(f"#!/bin/sh\n{fails}\n")
    (tmp_path / "psql").chmod(0o755)
    for shell in ("bash", "sh"):  # the one sees both ends of a pipe, another will not begin
        environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        typed = f"{printed}echo $? >{tmp_path}/end".replace("\n)", "\ntouch on\n)")
        subprocess.run([shell], input=typed, text=True, check=False, cwd=tmp_path, env=environ)
        assert (tmp_path / "end").read_text() != "0\n"
        assert not (tmp_path / "on").exists()


def test_h1_a_dry_run_names_the_flask_of_this_very_environment(capsys, monkeypatch, tmp_path):
    """PYTHON=.venv/bin/python is enough, and what another environment would run is not."""
    other = tmp_path / "flask"
    other.touch(0o755)
    own = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{tmp_path}:{own}:/usr/bin:/bin")
    screen.dry_run([flask("db", "init")], settings_of(), wish_of())
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("export PGHOST=")
    assert lines[2:4] == [f"PATH={tilde(own)}:$PATH", "(set -e"]
    screen.dry_run([mv("a", "b")], settings_of(), wish_of())
    assert "PATH" not in capsys.readouterr().out


def test_a_dry_run_in_the_checkout_goes_nowhere(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    screen.dry_run([], settings_of(checkout=tmp_path.resolve()), wish_of())
    assert "cd " not in capsys.readouterr().out


def test_whom_force_has_ended(capsys):
    screen.ended([session_of()])
    head, line = capsys.readouterr().out.splitlines()
    assert "restart Backscope" in head
    assert line.startswith("  pid 11 on scope: flask")


def test_h27_a_dry_run_takes_back_what_would_win_over_what_it_exports(capsys):
    environ = {"PGSERVICE": "x", "PGHOSTADDR": "1.2.3.4", "PGSSLMODE": "require"}
    screen.dry_run([], settings_of(environ), wish_of())
    assert "\nunset PGHOSTADDR PGSERVICE\nexport " in capsys.readouterr().out
    hint = settings_of(environ).client("dropdb", "scope")
    assert hint.startswith("env -u PGHOSTADDR -u PGSERVICE dropdb -h localhost ")


def test_what_is_refused_is_nothing_that_a_shell_would_run(capsys):
    steps = [flask("db", "init"), rename(("a", "b\nc"))]
    screen.dry_run(steps, settings_of({"PGSERVICE": "x"}), wish_of(), refused=True)
    lines = capsys.readouterr().out.splitlines()
    assert "# flask db init" in lines
    assert all(line.startswith("# ") for line in lines)


def test_a_comment_is_one_on_each_of_its_lines(terminal):
    terminal(40)
    lines = screen.mends(Finding("", f"make help   {SENTENCE}")).splitlines()
    assert lines[-1] == "      make help"
    assert len(lines) > 2
    assert all(line.startswith("      # ") for line in lines[:-1])


def test_a_word_in_red_is_as_wide_as_it_looks(terminal):
    shown = terminal(40)
    screen.row("Backscope", "~/src/backscope, production", red="production")
    assert bare(out := shown()[0]) == "Backscope    ~/src/backscope, production\n"
    assert "\x1b[31mproduction\x1b[0m" in out


def test_the_place_of_a_syntax_error_is_shown(capsys):
    screen.output(["Traceback (most recent call last):", '  File "a.py", line 1, in <module>',
                   '  File "models.py", line 7', "    def (", "        ^",
                   "SyntaxError: invalid syntax"])  # fmt: skip
    assert capsys.readouterr().out.split("\n") == [
        '      File "models.py", line 7', "      SyntaxError: invalid syntax", ""]  # fmt: skip
