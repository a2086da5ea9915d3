"""How a pair is built, filled and swapped: H23 H33 H44 H59 H68 H85 H89 H91 H93 H94 H95 H104."""

import itertools
import re
import subprocess
import sys
from dataclasses import replace

import builders as make
import pytest
from builders import LATIN, cases, lines

from resetting import backups, copies
from resetting.backups import unfinished_moves
from resetting.snapshot import App, Database
from resetting.steps import move

FILLED = make.column("new", required=True, fill="false")
OTHER = make.table(columns=["id", "old", "sum"])
NEWER = make.model(make.column(), make.column("sum", computed=True), make.column("new"))
KEY = make.model(make.column(increment=1))
DOWN = make.model(make.column(increment=-2))
NUMBERED = make.table(sequence_values={"id": 9})
SCHEMA = {"schema": "a", "name": "b"}
SETVAL = "setval(pg_get_serial_sequence('\"public\".\"sequences\"', 'id'), "
COPIES = {
    "columns-of-both": (OTHER, NEWER, 'COPY (SELECT "id" FROM "public"', 'sequences" ("id") FROM'),
    "filled": (make.table(), make.model(make.column(), FILLED), '"id", false FROM', '"id", "new"'),
    "compared": (make.table(), make.model(), '"id"', "count(*) <> 3"),
    "schema": (make.table(**SCHEMA), make.model(**SCHEMA), 'FROM "a"."b"', 'COPY "a"."b"'),
    "generator": (NUMBERED, KEY, "", f'{SETVAL}greatest(max("id"), 9))'),
    "new-generator": (make.table(), KEY, "", f'{SETVAL}greatest(max("id"), NULL))'),
    "downwards": (NUMBERED, DOWN, "", f'{SETVAL}least(min("id"), 9))'),
}
ABSENT = Database("scope")
ASCII = Database("template1", 1, locale=["SQL_ASCII", "C", "C"])
OF_LATIN = {1: make.database(locale=LATIN)}
CREATED = {
    "same": ({"backups": OF_LATIN}, ""),
    "locale": ({"database": make.database(locale=LATIN)}, "-E LATIN1 {} -T template0 "),
    "first-utf8": ({"database": ABSENT, "template": ASCII}, "-E UTF8 {} -T template0 "),
    "no-postgres": ({"server": make.SERVER._replace(maintenance="template1")}, "-T template0 "),
}
RENAME = re.compile(r'ALTER DATABASE "([^"]+)" RENAME TO "([^"]+)"')
# What the database and the folder with this end of a name record and hold; None: there is none.
WORLDS = {
    "ordinary": {"": ("r1", "r1"), ".~1~": ("r2", "r2")},
    "same-revision": {"": ("r1", "r1"), ".~1~": ("r1", "r1")},
    "current-records-nothing": {"": ("", "r1"), ".~1~": ("r2", "r2")},
    "backup-records-nothing": {"": ("r1", "r1"), ".~1~": ("", "")},
    "current-without-folder": {"": ("r1", None), ".~1~": ("r2", "r2")},
    "backup-without-folder": {"": ("r1", "r1 r2"), ".~1~": ("r2", None)},
    "older-backup": {"": ("r1", "r1"), ".~2~": ("r3", "r3"), ".~1~": ("r2", "r2")},
    "dropped": {".~1~": ("r2", "r2"), ".~2~": (None, "r1")},
    "dropped-with-folder": {"": (None, "r1"), ".~1~": ("r2", "r2")},
}
SWAPPED_IN = {
    "ordinary": {"": ("r1", "r1"), ".~0~": ("r9", "r9")},
    "no-folder": {"": ("r1", None), ".~0~": ("r9", "r9")},
    "cleared-copy": {"": ("r1", "r1"), ".~0~": ("r1", "r1")},
    "records-nothing": {"": ("", "r1"), ".~0~": ("r9", "r9")},
    "after-clear-keep": {"": ("r1", "r1"), ".~1~": ("r1", "r1"), ".~0~": ("r9", "r9")},
    "older-without-folder": {"": ("r1", "r1"), ".~2~": ("r2", None), ".~0~": ("r9", "r9")},
}
AT_REST = {
    **WORLDS,
    "only-the-backup-records": {"": ("", "r2"), ".~1~": ("r2", None)},
    "nothing-fits": {"": ("r1", "r2"), ".~1~": ("r2", "r2 r3")},
    "the-backup's-own": {"": ("r1", None), ".~1~": ("r1", "r1")},
    "killed-after-createdb": {"": ("", None), ".~1~": ("r2", "r2"), ".~2~": (None, "r1")},
    "two-share": {"": ("r1", "r7"), ".~1~": ("r2", "r2"), ".~2~": (None, "r1")},
}


def test_what_is_built_is_marked_guarded_and_begun_again():
    left = make.snapshot(beside=make.database("scope.~0~", oid=5))
    *removed, create, init, _, _ = backups.build(left)
    assert lines(removed) == ["rm -rf migrations.~0~", "dropdb --force scope.~0~"]
    assert create.argv[-2:] == ["scope.~0~", "backscope-reset is building this"]
    assert str(init) == "env POSTGRES_DB=scope.~0~ flask db init -d migrations.~0~"


def test_both_databases_are_renamed_in_one_transaction():
    swap = next(backups.swap_in(make.snapshot(), force=False))
    assert len(swap.argv[-1].split("; ")) == 3
    assert swap.argv[-1].endswith('COMMENT ON DATABASE "scope" IS NULL')
    forced = next(backups.swap_in(make.snapshot(), force=True))
    assert forced.argv[-1].endswith("datname IN ('scope', 'scope.~0~')")
    assert replace(forced, argv=swap.argv, pipe_to=None, may_fail=False) == swap
    assert forced.may_fail and forced.pipe_to == swap


@cases("table, model, source, target", COPIES)
def test_rows_are_copied_and_generators_go_on(table, model, source, target):
    snapshot = make.snapshot(database=make.database(tables=[table]), app=App(models=[model]))
    (copy,) = copies.copy_rows(snapshot, compare=True)
    assert source in copy.argv[-1]
    assert target in copy.pipe_to.argv[-1]
    assert (copy.rows, copy.title) == (3, f"copy {table}")


@cases("fields, options", CREATED)
def test_a_database_is_created_like_the_old_one(fields, options):
    expected = f"createdb {options}scope".format("--lc-collate=C --lc-ctype=C")
    assert str(backups.createdb(make.snapshot(**fields), "scope")) == expected


class World:
    """Databases and folders by name, each with the revisions that are recorded or held."""

    def __init__(self, pairs):
        self.held = {}
        for suffix, pair in pairs.items():
            for stem, revisions in zip(("scope", "migrations"), pair):
                if revisions is not None:
                    self.held[stem + suffix] = frozenset(revisions.split())
        self.origins = {name: name for name in self.held}

    def database(self, name):
        if name not in self.held:
            return Database(name)
        return replace(make.database(self.origins[name]), name=name, revisions=self.held[name])

    def numbered(self, stem):
        names = [name for name in self.held if name.startswith(f"{stem}.")]
        return {int(name[len(stem) + 2 : -1]): name for name in names}

    def look(self):
        kept = {number: self.database(name) for number, name in self.numbered("scope").items()}
        beside = kept.pop(0, Database("scope.~0~"))
        folders = {number: self.held[name] for number, name in self.numbered("migrations").items()}
        if beside.oid:
            folders.pop(0, None)
        pair = {"database": self.database("scope"), "migrations": self.held.get("migrations")}
        return make.snapshot(beside=beside, backups=kept, folders=folders, **pair)

    def apply(self, steps):
        for step in steps:
            assert step.program in ("psql", "mv")
            for old, new in RENAME.findall(step.argv[-1]) or [step.argv[-2:]]:
                assert new not in self.held
                self.held[new] = self.held.pop(old)
                self.origins[new] = self.origins.pop(old)


def check_everywhere(pairs, steps_of, origin):
    everything = set(World(pairs).held)
    for first, second in itertools.product(range(7), range(4)):
        world = World(pairs)
        before = world.database("scope").oid
        world.apply(list(steps_of(world.look()))[:first])
        world.apply(unfinished_moves(world.look())[:second])
        moves = unfinished_moves(world.look())
        if not moves and world.database("scope").oid in (0, before):
            moves = steps_of(world.look())
        world.apply(moves)
        assert world.origins["scope"] == origin
        assert world.held["scope"] <= world.held["migrations"]
        for number, name in world.numbered("scope").items():
            assert world.held[name] <= world.held.get(f"migrations.~{number}~", world.held[name])
        assert set(world.origins.values()) == everything
        assert unfinished_moves(world.look()) == []


@cases("pairs", WORLDS)
def test_an_undo_killed_anywhere_is_finished_by_running_again(pairs):
    check_everywhere(pairs, lambda seen: backups.swap_back(seen, 1, force=False), "scope.~1~")


@cases("pairs", SWAPPED_IN)
def test_a_swap_in_killed_anywhere_is_finished(pairs):
    check_everywhere(pairs, lambda seen: backups.swap_in(seen, force=False), "scope.~0~")


@cases("pairs", AT_REST)
def test_where_no_swap_was_interrupted_nothing_is_unfinished(pairs):
    assert unfinished_moves(World(pairs).look()) == []


def test_an_undo_leaves_what_two_databases_share():
    for pairs in (AT_REST["two-share"], {"": ("r1", "r1 r2"), ".~1~": ("r2", "r1 r2")}):
        world = World(pairs)
        world.apply(backups.swap_back(world.look(), 1, force=False))
        assert world.look().folders == World(pairs).look().folders


def test_a_waiting_folder_of_nobody_takes_a_free_number():
    for current, waiting in (("r1", "r9"), ("r1", "r1 r9"), ("r7", "r9")):
        world = World({"": ("r1", current), ".~0~": (None, waiting), ".~1~": ("r2", "r2")})
        world.apply(unfinished_moves(world.look()))
        assert world.held["migrations.~2~"] == {*waiting.split()}
        assert world.held["migrations"] == {current}


@pytest.mark.skipif(sys.platform != "linux", reason="H103 IS NOT TESTED: mv has -T on Linux only")
def test_h103_a_folder_is_never_moved_into_another(tmp_path):
    for name in ("old", "migrations/versions"):
        (tmp_path / name).mkdir(parents=True)
    step = move("old", "migrations")
    assert subprocess.run(step.argv, cwd=tmp_path, capture_output=True).returncode != 0
    assert (tmp_path / "old").is_dir()
    assert str(step) == "mv -T old migrations"
