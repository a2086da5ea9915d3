"""Why there is no connection, and what helps (H10, H34): libpq's own words, purely."""

import pytest
from facts_of import settings_of

from resetting.misfits import no_connection

AT = 'connection to server at "localhost" (127.0.0.1), port 5432 failed: FATAL:  '


@pytest.mark.parametrize(
    ("text", "says", "helps"),
    [
        ("connection to server failed: Connection refused\n\tIs it there?", "Connection refused.",
         ["pg_isready -h localhost -p 5432   tells whether it runs", "/srv/backscope/.env"]),
        ('could not translate host name "x" to address: Name or service not known\n',
         'could not translate host name "x" to address: Name or service not known.',
         ["${EDITOR:-vi} /srv/backscope/.env"]),
        (f'{AT}FATAL:  role "scope" is not permitted to log in\n',
         'role "scope" is not permitted to log in.', ['ALTER ROLE "scope" LOGIN']),
        (f'{AT}password authentication failed for user "scope"\n',
         'password authentication failed for user "scope".',
         ["${EDITOR:-vi} /srv/backscope/.env", "CREATE ROLE"]),
        (f'{AT}role "scope" does not exist\n', 'role "scope" does not exist.', ["CREATE ROLE"]),
        (f'{AT}too many connections for role "scope"\n', "too many connections for role",
         ['ALTER ROLE "scope" CONNECTION LIMIT -1']),
        (f"{AT}unsupported startup parameter: options\n", "A connection pooler such as PgBouncer",
         ["POSTGRES_PORT=5432 make db-status"]),
        (f'{AT}no pg_hba.conf entry for host "::1", SSL encryption\n{AT}no pg_hba.conf entry for'
         ' host "::1", no encryption\n', "SSL encryption.", ["-c 'SHOW hba_file'   tells a s"]),
        ("canceling statement due to statement timeout\n", "No answer in time from localhost:5432",
         ["pg_isready"]),
        (f'{AT}permission denied for database "my db"\nDETAIL:  User does not have CONNECT',
         'permission denied for database "my db".', ['GRANT CONNECT ON DATABASE "my db" TO "sc']),
    ],
)  # fmt: skip
def test_h10_the_reason_and_what_helps(text, says, helps):
    finding = no_connection(settings_of(), text)
    assert says in finding.what
    assert "\n" not in finding.what
    lines = finding.mend.splitlines()
    assert len(lines) == len(helps)
    for line, part in zip(lines, helps):
        assert part in line


def test_h10_what_is_not_set_is_named_and_what_is_exported_is_changed_there():
    error = f'{AT}password authentication failed for user "x"'
    unset = settings_of(POSTGRES_USER=None, POSTGRES_PASSWORD=None)
    what = no_connection(unset, error).what
    assert what.endswith(", and POSTGRES_USER and POSTGRES_PASSWORD are not set.")
    what = no_connection(settings_of(POSTGRES_USER=None), error).what
    assert what.endswith(", and POSTGRES_USER is not set.")
    empty = no_connection(settings_of({"POSTGRES_PASSWORD": ""}), error)
    assert empty.mend.startswith("unset POSTGRES_PASSWORD ")
    exported = no_connection(settings_of({"POSTGRES_USER": "x"}), error)
    assert exported.mend.startswith("unset POSTGRES_USER ")


def test_h25_no_password_is_in_what_libpq_says():
    settings = settings_of(POSTGRES_PASSWORD="pw/17")
    finding = no_connection(settings, "invalid URI: pw/17 pw%2F17\n")
    assert "17" not in finding.what


def test_h27_tls_that_the_environment_forbids(monkeypatch):
    monkeypatch.setenv("PGSSLMODE", "disable")
    for plain in ("no encryption", "SSL off"):  # the latter is PostgreSQL 13's
        error = f"{AT}no pg_hba.conf entry for x, {plain}\n"
        finding = no_connection(settings_of({"PGSSLMODE": "disable"}), error)
        assert finding.mend.startswith("unset PGSSLMODE ")


def test_h51_a_port_from_the_shell_is_named():
    refused = "connection to server failed: Connection refused"
    mend = no_connection(settings_of({"POSTGRES_PORT": "9"}), refused).mend.splitlines()
    assert mend[1].startswith("unset POSTGRES_PORT ")


def test_h10_no_role_is_made_with_a_password_that_was_shown():
    mend = no_connection(settings_of(), f'{AT}role "scope" does not exist').mend
    assert "PASSWORD" not in mend
    assert r"-c '\password" in mend
    unset = no_connection(settings_of(POSTGRES_USER=None), f"{AT}password authentication failed")
    assert "CREATE ROLE" not in unset.mend
