"""H40 to H43: what others do, and which signals come, while the tool asks or a command runs."""

import contextlib
import os
import pty
import select
import shutil
import signal
import subprocess

import pexpect
import pytest
from checkout import PASSWORD

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid ="
    " (SELECT objid FROM pg_locks WHERE locktype = 'advisory' LIMIT 1)"
)


def at_the_question(backscope, *arguments):
    """Start the tool on a terminal, and wait until it asks."""
    argv = backscope.argv(*arguments)
    terminal = pexpect.spawn(
        argv[0], argv[1:], cwd=str(backscope.folder), env={**backscope.environ, **backscope.fast},
        encoding="utf-8", timeout=60, dimensions=(24, 200),
    )  # fmt: skip
    terminal.expect("Type its name to go on: ")
    return terminal


def answered(backscope, terminal):
    """Type the name, and give what is said then."""
    terminal.send(backscope.name + "\r")
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.before


def test_h40_another_database_takes_the_name_while_it_is_asked(backscope):
    name, stranger = backscope.name, f"{backscope.name}_stranger"
    sql = backscope.postgres.sql
    sql(f"CREATE DATABASE {stranger} TEMPLATE {name} OWNER scope")
    terminal = at_the_question(backscope, "rebuild")
    sql(f"ALTER DATABASE {name} RENAME TO {name}_away")
    sql(f"ALTER DATABASE {stranger} RENAME TO {name}")
    before = backscope.snapshot()
    out = answered(backscope, terminal)
    assert f"{name} is another database than the one that was shown." in out
    assert terminal.exitstatus == 2
    assert backscope.snapshot() == before
    assert not backscope.trace.exists()


def test_h41_the_lock_is_lost_while_it_is_asked(backscope):
    before = backscope.snapshot()
    terminal = at_the_question(backscope, "rebuild")
    assert backscope.postgres.sql(TERMINATE) == [(True,)]
    other = backscope.refused("rebuild", "--confirm", backscope.name)  # the folder's lock
    assert "Another reset of" in other.err
    out = answered(backscope, terminal)
    assert "The lock of this reset is lost" in out
    assert terminal.exitstatus == 2
    assert backscope.snapshot() == before


# ------------------------------------------------------------ H42: a stranger's database


def createdb_of_a_stranger(backscope, table):
    """Give a shell command that makes a database of the target's name, with our role even."""
    tool = f"PGPASSWORD={PASSWORD} {backscope.postgres.bin}"
    fill = f" && {tool}/psql -qXd {backscope.name} -c 'CREATE TABLE theirs AS SELECT 1 AS one'"
    return f"{tool}/createdb {backscope.name}" + fill * table


@pytest.mark.parametrize("table", [True, False])
def test_h42_somebody_creates_the_target_before_our_createdb(backscope, table):
    old = backscope.mine()[backscope.name]
    do = createdb_of_a_stranger(backscope, table)
    result = backscope.run("rebuild", "--keep", SHELL_BEFORE="createdb*", DO=do, **backscope.fast)
    assert result.code == 1, result
    assert not [call for call in result.trace if call.startswith("dropdb")]
    assert backscope.mine()[f"{backscope.name}.~1~"] == old
    assert backscope.postgres.rows(backscope.name) == ({"theirs": [(1,)]} if table else {})
    assert f"The old database is kept as {backscope.name}.~1~." in result.err


@pytest.mark.slow
def test_h42_somebody_creates_the_target_and_a_signal_ends_another_step(backscope):
    """That a command was cut does not mean that an empty database is ours."""
    do = f"{createdb_of_a_stranger(backscope, False)}; kill -INT $PPID; kill -INT $$"
    result = backscope.run("rebuild", "--keep", INSTEAD="mv*", DO=do, **backscope.fast)
    assert result.code == 130, result
    assert not [call for call in result.trace if call.startswith("dropdb")]
    assert set(backscope.mine()) == {backscope.name, f"{backscope.name}.~1~"}


@pytest.mark.parametrize("there", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_h42_somebody_makes_migrations_before_our_flask_db_init(backscope, there):
    if not there:
        shutil.rmtree(backscope.folder / "migrations")
    databases, rows, files = backscope.snapshot()
    do = f"mkdir -p {backscope.folder}/migrations && echo 1 >{backscope.folder}/migrations/mine.py"
    result = backscope.run("rebuild", "--keep", SHELL_BEFORE="createdb*", DO=do)
    assert result.code == 1, result
    assert not [call for call in result.trace if call.startswith("rm")]
    after, same, found = backscope.snapshot()
    assert (after, same) == (databases, rows)
    assert b"1\n" in [text for name, text in found.items() if name.endswith("mine.py")]
    assert {name: found.get(name) for name in files} == files


# ------------------------------------------------------------ H43: signals


@pytest.mark.parametrize("signals", [1, 2])
def test_h43_ctrl_c_while_the_server_creates(backscope, signals, tmp_path):
    """The server goes on after createdb has died: it waits for a lock that we hold here."""
    before = backscope.snapshot()
    reached, go = tmp_path / "reached", tmp_path / "go"
    os.mkfifo(reached)
    os.mkfifo(go)
    process = backscope.start(
        "rebuild", "--keep", SHELL_BEFORE="createdb*",
        DO=f"echo 1 >{reached}; read line <{go}", **backscope.fast,
    )  # fmt: skip
    assert reached.read_text() == "1\n"
    with contextlib.closing(backscope.postgres.connect()) as holder:
        holder.autocommit = False
        holder.cursor().execute("LOCK TABLE pg_database IN SHARE MODE")
        go.write_text("on\n")
        query = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%CREATE DATABASE%' AND"
        with contextlib.closing(backscope.postgres.connect()) as looking:
            cursor = looking.cursor()
            while True:
                cursor.execute(f"{query} wait_event_type = 'Lock' AND pid <> pg_backend_pid()")
                if cursor.fetchall():
                    break
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
            select.select([], [], [], 0.1)  # two within 0.2 s, as a person types them
        waits = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT FROM pg_stat_activity%'"
        while process.poll() is None and not backscope.postgres.sql(waits):
            pass  # the tool waits for what its createdb has begun
        holder.rollback()
    result = backscope.finish(process)
    assert result.code == 130, result
    assert "Interrupted by SIGINT. Everything is as it was before." in result.err
    assert backscope.snapshot() == before


def held(backscope, arguments, **environ):
    """Start the tool on a terminal, with a standard error that is full; give it and its reader."""
    read, write = os.pipe()
    master, slave = pty.openpty()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"." * 4096)
    os.set_blocking(write, True)
    process = subprocess.Popen(
        backscope.argv(*arguments), cwd=backscope.folder, env={**backscope.environ, **environ},
        stdin=slave, stdout=slave, stderr=write,
    )  # fmt: skip
    os.close(write)
    os.close(slave)
    return process, read, master


def hold(process, read):
    """Send Ctrl-C while the last words wait to be written; give the exit status and the words."""
    for _ in range(300):
        process.send_signal(signal.SIGINT)
        select.select([], [], [], 0.002)
    with open(read, encoding="utf-8") as stream:
        return stream.read().lstrip("."), process.wait()


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.slow
def test_h43_ctrl_c_that_is_held(backscope, keep):
    """What is said in the end is true, however many signals come while it is said."""
    before = backscope.snapshot()
    arguments = ["rebuild", *(["--keep"] if keep else ["--confirm", backscope.name])]
    process, read, master = held(backscope, arguments, HANG="flask db init", **backscope.fast)
    child = backscope.hung()
    words, status = hold(process, read)
    os.close(master)
    assert status == 130, words
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert "Traceback" not in words
    assert "Interrupted by SIGINT." in words
    assert ("Everything is as it was before." in words) == keep
    assert "Nothing was changed" not in words
    assert (backscope.snapshot() == before) == keep


@pytest.mark.slow
def test_ctrl_c_that_is_held_at_the_question(backscope):
    before = backscope.snapshot()
    process, read, master = held(backscope, ["rebuild"])
    said = b""
    while b"Type its name" not in said:
        said += os.read(master, 1000)
    words, status = hold(process, read)
    os.close(master)
    assert status == 130, words
    assert "Nothing was changed." in words
    assert "Traceback" not in words
    assert backscope.snapshot() == before


@pytest.mark.slow
def test_nothing_was_changed_is_not_said_of_a_deletion_that_went_on(backscope):
    """A psql that was ended leaves its statement running; a large table is only estimated."""
    backscope.sql("DELETE FROM sequences")
    backscope.fill(11000)
    backscope.sql("ANALYZE sequences")
    with contextlib.closing(backscope.as_scope()) as session:
        session.autocommit = False
        session.cursor().execute("SELECT * FROM sequences WHERE id = 'A000005' FOR UPDATE")
        process = backscope.start("clear", "A5")
        query = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DELETE%'"
        while not backscope.sql(f"{query} AND wait_event_type = 'Lock'"):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.stdout.readline()
        select.select([], [], [], 0.1)
    result = backscope.finish(process)
    assert result.code == 130, result
    gone = not backscope.sql("SELECT * FROM sequences WHERE id = 'A000005'")
    assert ("Nothing was changed" in result.err) != gone
