"""Each command, in memory: H5 H18 H19 H20 H29 H30 H42 H46 H47 H51 H70 H71 H84 H88 H92 H93."""

from dataclasses import replace
from functools import partial

import builders as make
from builders import cases, lines, messages, outcome

from backscope_reset import COMMANDS
from resetting import backups
from resetting.commands.sequences import ClearSequences
from resetting.commands.undo import FinishSwap
from resetting.snapshot import BUILDING, App, Database
from resetting.steps import psql


def command(name, snapshot=None, **given):
    return COMMANDS[name](make.options(name, **given), snapshot or make.snapshot())


def seen(*tables, host="localhost", **fields):
    given = make.settings({"POSTGRES_HOST": host})
    return make.snapshot(given, database=make.database(tables=tables, **fields))


def kept(*tables, **fields):
    new = make.database("scope", "r9", oid=9)
    old = replace(make.database(tables=tables), name="scope.~1~")
    pairs = {"migrations": new.revisions, "folders": {1: old.revisions}, "backups": {1: old}}
    return make.snapshot(**{"database": new, **pairs, **fields})


def ids(matching, kind=ClearSequences):
    return kind(make.options("clear", SEQ="A45 a8"), seen(TABLE, matching_ids=matching))


clear = partial(command, "clear")
rebuild = partial(command, "rebuild")
TABLE = make.table()
EMPTY = make.table(rows=0)
CLEARED = make.table(rows=0, oid=99)
LOCKED = make.table(rows=None, oid=99, structure=[])
EMPTIED = kept(TABLE, database=make.database(tables=[CLEARED], oid=9), migrations={"r1"})
FIRST = make.snapshot(database=Database("scope"), migrations=None)
FAR = seen(TABLE, host="far")
UNSEEN = make.snapshot(database=make.database(tables=[], error="odd"))
PRODUCTION = make.snapshot(app=App(production=True))
BACKUP = make.database("scope.~1~", "r2")
OLDER = make.database("scope.~2~", "r3")
FOREIGN = make.database("scope.~3~", "r3", owned=False)
BOTH = make.snapshot(backups={1: BACKUP, 2: OLDER, 3: FOREIGN}, folders={1: BACKUP.revisions})
THEIRS = make.snapshot(backups={3: FOREIGN})
WAITING = replace(BOTH, migrations=None, folders={0: frozenset(["r1"])})
MOVED = ["dropdb scope", "mv migrations migrations.~1~"]
NEW = ["createdb scope", "flask db init", "flask db migrate", "flask db upgrade"]
SWAPPED = lines(backups.swap_in(make.snapshot(), force=False))
COPIED = [f"createdb -T scope scope.~0~ '{BUILDING}'", "cp -R migrations migrations.~0~"]
CLEAR = ["flask clear-database"]
CLEAR_COPY = ["env POSTGRES_DB=scope.~0~ flask clear-database"]
MOVED_AWAY = make.snapshot(migrations=None)
FOLDERLESS = [COPIED[0], *CLEAR_COPY, SWAPPED[0]]
DROPS = ["dropdb scope.~1~", "rm -r migrations.~1~", "dropdb scope.~2~"]
SOME = "WHERE id IN ('A000045', 'A000008')"
DELETE = str(psql("scope", f"DELETE FROM sequences {SOME}"))
SET = "UPDATE sequences SET values_requested = false"
STUCK = 'WHERE values_requested AND "values" IS NULL AND '
UNFLAG = str(psql("scope", f"{SET} {SOME.replace('WHERE ', STUCK)}"))
# A command; its steps, and what it asks.
ASKED = {
    "rebuild": (rebuild(), MOVED + NEW, "sequences: 3 rows"),
    "unseen": (rebuild(UNSEEN), MOVED + NEW, "cannot be seen"),
    "empty": (rebuild(seen(EMPTY)), MOVED + NEW, ""),
    "first": (rebuild(FIRST, KEEP="1"), NEW, ""),
    "clear": (clear(), CLEAR, ""),
    "clear-far": (clear(FAR), CLEAR, "sequences: 3 rows"),
    "clear-production": (clear(PRODUCTION), CLEAR, "sequences: 3 rows"),
    "clear-keep-far": (clear(FAR, KEEP="1"), COPIED + CLEAR_COPY + SWAPPED, ""),
    "clear-keep-folderless": (clear(MOVED_AWAY, KEEP="1"), FOLDERLESS, ""),
    "prune": (command("prune", BOTH), DROPS, "scope.~1~, scope.~2~"),
    "disposable-unseen": (command("disposable", UNSEEN), [MOVED[0], NEW[0]], "cannot be seen"),
    "sequences": (ids(["A000045"]), [DELETE], ""),
    "unflag": (ids(["A000045"], COMMANDS["unflag"]), [UNFLAG], ""),
}
INDEXED = clear(seen(make.table(structure=["column id text", "index one"])))
UNFINISHED = kept(TABLE, migrations=frozenset(["r1"]), folders={0: frozenset(["r9"])})
BUILT = make.snapshot(beside=make.database("scope.~0~", oid=5))
BUILT_EMPTY = make.snapshot(beside=make.database("scope.~0~", oid=5, tables=[]))
BACK = make.snapshot(database=replace(BACKUP, name="scope"))
CARRY = rebuild(CARRY="1")
UNDO = command("undo", BOTH)
FINISH = FinishSwap(make.options("undo"), WAITING)
VERIFIED = {
    "rebuilt": (rebuild(), kept(TABLE), "rebuilt: 1 table at revision r9"),
    "copied": (CARRY, kept(TABLE), "copied sequences: 3 rows"),
    "stored-later": (CARRY, kept(make.table(rows=5)), "only in scope.~1~: sequences: 5 rows"),
    "cleared": (clear(KEEP="1"), EMPTIED, "what it had is kept as scope.~1~"),
    "stored-since": (clear(), seen(CLEARED, make.table("new", 1)), "stored since: new: 1 row"),
    "locked-since": (INDEXED, seen(LOCKED), "stored since: sequences: not counted"),
    "disposable": (command("disposable"), seen(oid=9, other_objects={"function": 1}), "is empty"),
    "finished": (FINISH, kept(TABLE), "scope is there: 8 MB, sequences: 3 rows"),
    "sequences": (ids(["A000045"]), ids([]).snapshot, "1 sequence cleared: A000045"),
}
FAILED = {
    "no-tables": (rebuild().verify, seen(), "no tables sequences"),
    "no-revision": (rebuild().verify, seen(TABLE, revisions=frozenset()), "no revision"),
    "not-swapped": (rebuild(KEEP="1").verify, make.snapshot(), "not finished"),
    "folders": (rebuild(KEEP="1").verify, UNFINISHED, "not finished"),
    "no-backup": (CARRY.verify, kept(backups={}), "not finished"),
    "unseen": (clear().verify, UNSEEN, "cannot be seen"),
    "no-action": (clear().verify, make.snapshot(), "no action"),
    "left": (clear().verify, seen(TABLE, CLEARED), "not cleared: sequences: 3 rows."),
    "lost-index": (INDEXED.verify, seen(CLEARED), "sequences: index one"),
    "empty-beside": (CARRY.check_built, BUILT_EMPTY.beside, "no tables sequences"),
    "copy-not-cleared": (clear(KEEP="1").check_built, BUILT.beside, "no action"),
    "not-kept": (clear(KEEP="1").verify, seen(CLEARED), "not finished"),
    "undo": (UNDO.verify, make.snapshot(), "not finished"),
    "undo-folders": (UNDO.verify, replace(BACK, folders={0: BACKUP.revisions}), "not finished"),
    "finish": (FINISH.verify, WAITING, "still not"),
    "prune": (command("prune", BOTH).verify, BOTH, "Not removed: scope.~1~, scope.~2~"),
    "disposable": (command("disposable").verify, seen(), "not there"),
    "sequences": (ids(["A000045"]).verify, ids(["A000045"]).snapshot, "Not cleared: A000045"),
}
REMOVED = ["rm -rf migrations.~0~", "dropdb --force scope.~0~"]


@cases("command, steps, question", ASKED)
def test_what_is_lost_is_asked_and_steps_are_documented(command, steps, question):
    assert lines(command.steps()) == steps
    assert question in command.confirmation()
    assert bool(question) == bool(command.confirmation())


def test_keep_builds_beside_and_swaps_and_carry_copies_first():
    steps = list(rebuild(CARRY="1").steps())
    kinds = [step.program for step in steps]
    assert kinds == ["createdb", "flask", "flask", "flask", "psql", "psql", "mv", "mv"]
    assert [step.commits for step in steps].index(True) == 5
    assert {step.database for step in steps[:4]} == {"scope.~0~"}
    assert steps[:4] + steps[5:] == list(rebuild(KEEP="1").steps())
    assert rebuild(KEEP="1").confirmation() == rebuild(CARRY="1").confirmation() == ""


@cases("command, now, key", VERIFIED)
def test_what_is_reached_is_said(command, now, key):
    assert key in command.verify(now)


@cases("verify, now, key", FAILED)
def test_what_is_not_reached_has_failed(verify, now, key):
    assert key in outcome(verify, now)


def test_what_is_built_is_removed_only_if_it_is_ours():
    assert lines(backups.remove_beside(BUILT, 5)) == REMOVED
    assert [*backups.remove_beside(BUILT, 6), *backups.remove_beside(BUILT, 0)] == []


def test_an_undo_takes_the_newest_backup_if_it_is_valid():
    invalid = make.snapshot(backups={1: replace(BACKUP, valid=False)})
    assert messages(UNDO.checks()) == ""
    assert [UNDO.number, command("undo", BOTH, N="2").number] == [1, 2]
    assert "is owned by" in messages(command("undo", THEIRS).checks())
    assert "no such backup, or it is not valid" in messages(command("undo", invalid).checks())


def test_status_names_what_differs_and_what_helps(capsys):
    given = make.settings({"POSTGRES_DISPOSABLE_DB": "scope"})
    found = make.database("scope", "r7", matching_ids=["A000001"])
    app = App(models=[make.model()], differences=["add column a.b"], production=True)
    fields = {"app": app, "beside": make.database("scope.~0~"), "backups": {1: BACKUP}}
    status = command("status", make.snapshot(given, database=found, **fields))
    shown = "\n".join(f"{label}: {text}" for label, text in status.heading())
    for key in (
        "r7, which migrations",
        "would add column a.b",
        "Unfinished: A000001",
        "would empty",
    ):
        assert key in shown
    assert "Half built: scope.~0~" in shown
    assert "no migrations" in shown
    status.show(COMMANDS)
    said = capsys.readouterr().out
    for key in ("could run with PRODUCTION=1", ".env\n", "CARRY=1", "unflag", "undo\n", "prune\n"):
        assert key in said
    same = command("status", make.snapshot(app=App(differences=[])))
    assert ("Models", "the same as the database") in same.heading()
    same.show(COMMANDS)
    assert "To " not in capsys.readouterr().out


def test_some_sequences_are_cleared_and_the_others_named():
    assert list(ids(["A000045"]).heading()) == [("Not cached", "A000008")]
    assert "A000008" in lines(ids(["A000045"]).steps())[0]
    assert list(ids([]).steps()) == []
    (step,) = lines(command("unflag", seen(TABLE, matching_ids=["A000001"])).steps())
    assert "SET values_requested = false WHERE values_requested AND" in step
    assert "are cleared" in ids(None).verify(seen(matching_ids=[]))
    assert "cannot be seen" in outcome(ids(["A000045"]).verify, seen(matching_ids=None))


def test_only_strong_locks_are_in_the_way_of_some_sequences():
    weak = make.session(8, locks_table=True)
    strong = make.session(7, locks_table=True, blocks_sequences=True)
    locked = seen(TABLE, matching_ids=["A000045"], sessions=[weak, strong])
    some = ClearSequences(make.options("clear", SEQ="A45", FORCE="1"), locked)
    assert "'SELECT pg_terminate_backend(7)'" in lines(some.steps())[0]
    refused = messages(replace(some, options=make.options()).problems())
    assert "In the way: 1 session\npid 7" in refused
    kept = replace(some, options=make.options("clear", SEQ="A45", KEEP="1"))
    assert "not for SEQ" in messages(kept.checks())
    assert "no backup 9" in messages(command("prune", BOTH, N="9").checks())
    busy = make.snapshot(backups={1: replace(BACKUP, sessions=[weak])})
    assert command("prune", busy).blocking_sessions() == [weak]
    assert command("undo", busy).blocking_sessions() == [weak]
