"""What can be seen, in words; and migrations, which are read as Python and never run."""

from facts_of import contents_of, database_of, facts_of, session_of, settings_of, table_of

from resetting.facts import App, Lock
from resetting.folders import look_at_folder, look_at_folders

FIRST = '"""A migration."""\nrevision = "aaa"\ndown_revision = None\nraise SystemExit(1)\n'
SECOND = "revision: str = 'bbb'\ndown_revision: Union[str, None] = 'aaa'\n"
MERGE = "revision = 'ccc'\ndown_revision = ('bbb', 'xxx')\na.b = 1\n"


def make(folder, **files):
    """Make a folder of migrations."""
    (folder / "versions").mkdir(parents=True)
    for name, text in files.items():
        (folder / "versions" / f"{name}.py").write_bytes(text.encode())
    return folder


def test_revisions_and_heads_of_a_folder(tmp_path):
    folder = look_at_folder(make(tmp_path / "m", one=FIRST, two=SECOND))
    assert (folder.revisions, folder.heads) == ({"aaa", "bbb"}, {"bbb"})
    folder = look_at_folder(make(tmp_path / "n", one=FIRST, two=SECOND, three=MERGE))
    assert (folder.revisions, folder.heads) == ({"aaa", "bbb", "ccc"}, {"ccc"})


def test_a_folder_with_odd_files_is_no_failure(tmp_path):
    odd = {"syntax": "revision = (", "nul": "a\0b", "number": "revision = 7\nx = y = 'z'\nz: int\n"}
    folder = make(tmp_path / "m", one=FIRST, **odd)
    (folder / "versions" / "folder.py").mkdir()
    assert look_at_folder(folder).revisions == {"aaa"}
    (tmp_path / "file").touch()
    assert look_at_folder(tmp_path / "file").revisions == set()


def test_the_folders_of_a_checkout(tmp_path):
    nothing = look_at_folders(tmp_path)
    assert (nothing.there, nothing.current, nothing.numbered) == (False, None, {})
    make(tmp_path / "migrations", one=FIRST)
    for name in ("~10~", "~2~", "~0~", "~02~", "~x~", "~-1~", "~2~x", "old"):
        make(tmp_path / f"migrations.{name}", two=SECOND)
    seen = look_at_folders(tmp_path)
    assert list(seen.numbered) == [0, 2, 10]
    assert seen.there
    assert seen.current.revisions == {"aaa"}
    assert seen.numbered[10].path == tmp_path / "migrations.~10~"


def test_h21_a_link_is_there_even_if_it_leads_nowhere(tmp_path):
    (tmp_path / "migrations").symlink_to("nowhere")
    seen = look_at_folders(tmp_path)
    assert seen.there
    assert seen.current.revisions == set()


def test_a_session_in_words():
    assert str(session_of()) == (
        "pid 11 on scope: flask, role scope, idle since 12:00, from 127.0.0.1 port 5000"
    )
    assert str(session_of(port=-1, state="", application="", holds="a")) == (
        "pid 11 locks a: role scope, by the socket"
    )
    assert str(session_of(port=0)).endswith("idle since 12:00")


def test_which_locks_stop_a_change_of_some_sequences():
    def stops(table, mode):
        return Lock(session_of(), table, mode).stops_rows

    assert stops("sequences", "ExclusiveLock")
    assert stops("sequences", "ShareLock")
    assert not stops("sequences", "RowExclusiveLock")
    assert not stops("searches", "AccessExclusiveLock")


def test_rows_in_words():
    tables = (
        table_of(rows=2),
        table_of("b", 0),
        table_of("c", None),
        table_of("d", 9876, exact=False),
    )
    contents = contents_of(*tables, revisions="ba")
    assert contents.rows
    assert contents.counts == "sequences 2, c ?, d about 9,876"
    assert contents_of(table_of(rows=None)).rows, "what cannot be counted might be something"
    assert not contents_of(table_of(rows=0)).rows
    database = database_of(contents=contents)
    assert database.described == f"7 MB, {contents.counts}, revision a, b"
    assert database_of(contents=None).revisions == set()


def test_facts_without_a_database():
    facts = facts_of(database=None)
    assert (facts.contents, facts.tables, facts.oid) == (None, {}, 0)
    assert facts_of().oid == facts_of().database.oid
    facts = facts_of(sessions=(session_of(1), session_of(2, database="x"), session_of(3)))
    assert [session.pid for session in facts.on("scope", "y")] == [1, 3]


def test_h19_production_is_what_either_says():
    assert not facts_of().production
    assert facts_of(app=App(production=True)).production
    assert facts_of(settings=settings_of(APP_ENVIRONMENT="production")).production
