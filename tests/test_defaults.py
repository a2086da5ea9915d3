"""Defaults of a role or a database get into nobody's way (H61): all commands work."""

import pytest
from checkout import slowly

DEFAULTS = {
    "default_transaction_read_only": "on", "search_path": "nowhere", "statement_timeout": "1",
    "lock_timeout": "1", "idle_session_timeout": "100", "transaction_timeout": "300",
    "idle_in_transaction_session_timeout": "1", "row_security": "on", "datestyle": "'SQL, DMY'",
    "intervalstyle": "sql_standard", "extra_float_digits": "-10",
    "default_transaction_isolation": "serializable", "standard_conforming_strings": "off",
    "client_min_messages": "error", "bytea_output": "escape", "array_nulls": "off",
    "default_with_oids": "off", "session_replication_role": "origin",
}  # fmt: skip


@pytest.fixture(params=["ROLE scope", slowly("DATABASE {}")])
def settled(backscope, request):
    """Give a checkout whose role or database has settings that are in the way."""
    whose = request.param.format(backscope.name)
    known = {name for (name,) in backscope.postgres.sql("SELECT name FROM pg_settings")}
    backscope.sql("UPDATE sequences SET \"values\" = NULL WHERE id = 'A000003'")
    for name in known & set(DEFAULTS):
        backscope.postgres.sql(f"ALTER {whose} SET {name} = {DEFAULTS[name]}")
    yield backscope
    backscope.postgres.sql("ALTER ROLE scope RESET ALL")


def succeeds(backscope, *words, **environ):
    """Run the tool, which takes a while with each step, and has to end well."""
    result = backscope.run(*words, BEFORE="flask*", DO="sleep 0.15", **environ)
    assert result.code == 0, result


def test_every_command_works_whatever_the_defaults_are(settled):
    succeeds(settled, "status")
    succeeds(settled, "unflag")
    succeeds(settled, "clear", "A2")
    assert settled.ids() == ["A000001", "A000003"]
    succeeds(settled, "rebuild", "--carry")
    assert settled.ids() == ["A000001", "A000003"]
    succeeds(settled, "undo")
    assert settled.ids() == ["A000001", "A000003"]
    assert len(settled.mine()) == 2
    succeeds(settled, "clear", FAST="")
    assert settled.ids() == []
    succeeds(settled, "rebuild", "--confirm", settled.name)
