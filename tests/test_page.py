"""The page's own procedures and the undo, purely: what they say before and after."""

from facts_of import facts_of, folders_of, wish_of

from backscope_reset import Rebuild
from resetting.commands import copy, flask
from resetting.undo import Undo


def test_a_rebuild_says_whose_migrations_it_takes():
    seen = facts_of(database=None, folders=folders_of("x"), others={"x": "other"})
    (row,) = Rebuild(wish_of()).rows(seen)
    assert row == ("Migrations", "migrations -> migrations.~1~, those of other")
    (row,) = Rebuild(wish_of()).rows(facts_of())
    assert row == ("Migrations", "migrations -> migrations.~1~")


def test_after_a_row_that_does_not_fit_the_same_again_would_not_help():
    rebuild = Rebuild(wish_of(carry=True))
    copying = copy("old", "new", '"t"', ["a"])
    assert rebuild.retry(copying) == "make db-rebuild KEEP=1   leaves the rows in what it keeps"
    for other in (flask("db", "init"), None):
        assert rebuild.retry(other) == "make db-rebuild CARRY=1   tries it again"


def test_where_only_a_folder_is_kept():
    undo = Undo(wish_of("undo", number=2))
    (finding,) = undo.refuses(facts_of(folders=folders_of("a", n2="b")))
    assert finding.what == "Nothing of scope is kept as number 2, only a folder of migrations."
    (finding,) = Undo(wish_of("undo")).refuses(facts_of())
    assert finding.mend == "make db-rebuild KEEP=1   keeps what it replaces"
