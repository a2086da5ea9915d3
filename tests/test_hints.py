"""What helps against what libpq and PostgreSQL 13 to 18 say: H34 H75 H76 H86 H99."""

import pwd

import builders as make
from builders import cases

from resetting import hints
from resetting.hints import find_hints

SELECT = ["psql", "-d", "postgres", "-c", "SELECT 1"]
AT = 'connection to server at "127.0.0.1", port 5432 failed: '
FATAL = f"{AT}FATAL:  "
SOCKET = 'connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: '
ENTRY = f'{FATAL}no pg_hba.conf entry for host "10.0.0.5", user "scope", database "scope"'
LOCALLY = "\tIs the server running locally and accepting connections on that socket?"
RESERVED = f"{FATAL}remaining connection slots are reserved for"
COLLATION = 'ERROR:  template database "template1" has a collation version mismatch'
CREATE = "psycopg2.errors.InsufficientPrivilege: permission denied for schema public"
READY = "pg_isready -h localhost -p 5432"
SESSIONS = "pg_stat_activity"
RULES = "SHOW hba_file|pg_reload_conf"
ENV = "/.env"
PASSWORD = f'{ENV}|\\password "scope"|createuser'
# What is said; key words of the commands that help, all of which are there.
SAID = {
    "refused": (f"{AT}Connection refused\n\tIs the server running on that host", READY),
    "no socket": (f"{SOCKET}No such file or directory\n{LOCALLY}", READY),
    "timeout": (f"{AT}timeout expired", READY),
    "unknown host": ('could not translate host name "nowhere" to address: Name or service', ENV),
    "closed": (f"{AT}server closed the connection unexpectedly\n\tThis probably means", READY),
    "starting": (f"{FATAL}the database system is starting up", READY),
    "not yet": (f"{FATAL}the database system is not yet accepting connections\nDETAIL:", READY),
    "too many clients": (f"{FATAL}sorry, too many clients already", "lsof -nP -iTCP:5432"),
    "reserved, 13-15": (f"{RESERVED} non-replication superuser connections", SESSIONS),
    "reserved, 16-18": (f"{RESERVED} roles with the SUPERUSER attribute", SESSIONS),
    "limit, role": (f'{FATAL}too many connections for role "scope"', 'ROLE "scope" CONNECTION'),
    "limit, database": (f'{FATAL}too many connections for database "s"', 'DATABASE "s" CONNECTION'),
    "no SSL": (f"{AT}server does not support SSL, but SSL was required", "PGSSLMODE=prefer"),
    "no entry": (f"{ENTRY}, no encryption", f"{RULES}|PGSSLMODE=require"),
    "rejected": (f'{FATAL}pg_hba.conf rejects connection for host "127.0.0.1"', RULES),
    "ident": (f'{FATAL}Ident authentication failed for user "scope"', RULES),
    "peer": (f'{SOCKET}FATAL:  Peer authentication failed for user "s"', "POSTGRES_HOST=localhost"),
    "no login": (f'{FATAL}role "scope" is not permitted to log in', 'ALTER ROLE "scope" LOGIN'),
    "no role": (f'{SOCKET}FATAL:  role "scope" does not exist', "createuser"),
    "password": (f'{FATAL}password authentication failed for user "scope"', PASSWORD),
    "no password": (f"{AT}fe_sendauth: no password supplied", ENV),
    "no connect": (f'{FATAL}permission denied for database "s"\nDETAIL:', "GRANT CONNECT ON"),
    "closed database": (f'{FATAL}database "s" is not currently accepting', "ALLOW_CONNECTIONS"),
    "socket": ('FATAL:  database "run/pg:5432/scope" does not exist', ENV),
    "pooler": (f"{AT}unsupported startup parameter: options", "POSTGRES_PORT=5432"),
    "not PostgreSQL": (f"{AT}received invalid response to SSL negotiation: J", ENV),
    "used": ('ERROR:  source database "s" is being accessed by other users', "FORCE=1"),
    "terminate": ("ERROR:  permission denied to terminate process", "pg_terminate_backend"),
    "collation": (COLLATION, 'ALTER DATABASE "template1" REFRESH COLLATION VERSION'),
    "no CREATE": (CREATE, 'GRANT CREATE ON SCHEMA "public" TO "scope"'),
    "lock": ("ERROR:  canceling statement due to lock timeout", SESSIONS),
    "extension": ('type "citext" does not exist', "CREATE EXTENSION citext"),
    "owner": ("fatal: detected dubious ownership in repository", "safe.directory"),
    "module": ("No module named 'flask_cors'", "install -r /backscope/requirements.txt"),
}


@cases("text, words", SAID)
def test_each_refusal_has_a_command_that_helps(text, words):
    hints = find_hints(text, make.settings(), make.options("status"))
    commands = "\n".join(hint.command for hint in hints)
    assert [word for word in words.split("|") if word not in commands] == []
    assert ("pg_isready" in commands) == (words == READY)
    assert "..." not in commands
    assert " PASSWORD " not in commands


def test_h75_debians_superuser_comes_by_its_socket(tmp_path, monkeypatch):
    (tmp_path / ".s.PGSQL.5432").touch()
    monkeypatch.setattr(hints, "SOCKET_FOLDERS", [str(tmp_path)])
    monkeypatch.setattr("pwd.getpwall", lambda: [pwd.struct_passwd(["postgres"] * 7)])
    for host, where in (("localhost", ""), (str(tmp_path), f"-h {tmp_path} ")):
        given = make.settings(host=host, superuser="boss")
        command = hints.superuser_hint(given, SELECT, "see").command
        assert command == f"sudo -u postgres psql {where}-p 5432 -d postgres -c 'SELECT 1'"
    assert find_hints(SAID["used"][0], given, make.options(FORCE="1")) == []
    far = hints.superuser_hint(make.settings(host="far", superuser="boss"), SELECT, "see")
    assert far.command.startswith("psql -h far -p 5432 -U boss ")
