"""Databases that are there, but not for our role to connect to (REVOKE CONNECT, pg_hba.conf)."""

import re

import pytest
from test_status import table


def close(backscope, name):
    """Let nobody in but superusers."""
    backscope.postgres.sql(f'REVOKE CONNECT ON DATABASE "{name}" FROM public, scope')


@pytest.fixture
def full(kept):
    """Give a checkout with a kept pair, and a folder of migrations that is nobody's."""
    folder = kept.folder / "migrations.~2~" / "versions"
    folder.mkdir(parents=True)
    (folder / "c_.py").write_text("revision = 'c'\n")
    return kept


def test_what_is_kept_of_a_closed_database_is_not_called_left_over(full):
    place = full.folder / "migrations.~2~"
    assert f"rm -r {place} # removes it" in full.run("status").out
    for name in (f"{full.name}.~1~", full.name):
        close(full, name)
        result = full.run("status")
        seen = table(result)
        assert "rm -r" not in seen["Left over"]
        others = f"unless of (.* or )?{re.escape(name)}( or .*)?, which the role scope cannot look"
        assert re.search(others, seen["Left over"])
        if name != full.name:
            assert seen["Kept"].startswith(f"{name}: ?, cannot be looked into")
            assert "migrations" not in seen["Kept"]
            assert "make db-undo" not in seen["Kept"]
    assert f'GRANT CONNECT ON DATABASE "{full.name}" TO "scope"' in result.out
    assert seen["A clear"] == "would be refused"


def test_h46_an_undo_brings_no_database_that_cannot_be_entered(kept):
    old = f"{kept.name}.~1~"
    close(kept, old)
    error = kept.refused("undo").err
    assert f'permission denied for database "{old}"' in error
    kept.postgres.sql(f'GRANT CONNECT ON DATABASE "{old}" TO "scope"')
    close(kept, kept.name)  # what goes may be closed
    oids = kept.mine()
    assert kept.run("undo").code == 0
    assert kept.mine() == {kept.name: oids[old], old: oids[kept.name]}
    assert kept.folders() == ["migrations", "migrations.~1~"]


def test_a_new_database_that_cannot_be_entered_is_said(backscope):
    revoke = f"REVOKE CONNECT ON DATABASE {backscope.name} FROM public, scope"
    result = backscope.run(
        "rebuild", "--confirm", backscope.name, SHELL_BEFORE="flask db upgrade",
        DO=f"PGDATABASE=postgres psql -qc '{revoke}'", **backscope.fast,
    )  # fmt: skip
    assert result.code == 1, result
    assert f'permission denied for database "{backscope.name}".' in result.err
    assert result.err.index("GRANT CONNECT") < result.err.index("does it again")


def test_carry_refuses_rows_that_it_may_not_read(backscope):
    backscope.sql("REVOKE SELECT ON searches FROM scope")
    error = backscope.refused("rebuild", "--carry").err
    assert f"searches of {backscope.name} cannot be read, so could not come along." in error
    assert "make db-rebuild KEEP=1 # keeps it as it is" in error


def test_what_cannot_be_looked_into_after_a_step_is_said_once(kept):
    revoke = f"REVOKE CONNECT ON DATABASE {kept.name} FROM public, scope"
    do = f"PGDATABASE=postgres psql -qc '{revoke}'"
    result = kept.run("undo", SHELL_BEFORE="mv migrations.~0~*", DO=do)
    assert result.code == 1, result
    assert result.err.count("finished all the same") == 1
    assert result.err.count("permission denied") == 1
    assert result.err.count("make db-status") == 1
