"""Every precondition of a run, in one place and pure. The server says the rest itself."""

from __future__ import annotations

import re
from typing import Sequence

from .copies import rows_to_copy
from .environment import CLIENT_PROGRAMS
from .hints import find_hints, statement_hint
from .migrations import unfinished_moves
from .options import Options
from .problems import Hint, Problem, Problems
from .settings import Settings
from .snapshot import BUILDING, Database, Session, Snapshot, count
from .steps import Step, identifier, quote, tilde

MAINTENANCE_DATABASES = ("postgres", "template0", "template1")
DATABASE_NAME = re.compile(r"\w[\w .~-]*")  # which no program and no URL takes for anything else
MAX_NAME_BYTES = 63 - len(".~999~")  # NAMEDATALEN - 1, less what a backup's name has
OLDEST_SERVER = 130000


def check_settings(options: Options, settings: Settings, variable: str) -> Problems:
    """Yield what is wrong with the settings alone; `variable` names the database."""
    yield from check_database_name(settings, variable)
    testing = settings.values["APP_ENVIRONMENT"] == "testing"
    if testing and variable == "POSTGRES_DB":
        message = "is testing, so Flask would open POSTGRES_DISPOSABLE_DB."
        yield setting_problem(settings, "APP_ENVIRONMENT", message)
    for name in ("POSTGRES_USER", "POSTGRES_PASSWORD"):
        if "@" in settings.values[name]:  # Backscope puts it into a URL as it is
            message = "has @, behind which Backscope's URL has the host. Write it as %40."
            yield setting_problem(settings, name, message)
    given = options["CONFIRM"]
    if given not in ("", settings.confirmation_text):
        message = f"CONFIRM is {quote(given)}, but the name is {settings.confirmation_text}."
        yield Problem(message, options.hint("confirm it", CONFIRM=settings.confirmation_text))


def check_database_name(settings: Settings, variable: str) -> Problems:
    """Yield why this cannot be the name of the database that `variable` names."""
    name = settings.database
    main_names = (settings.values["POSTGRES_DB"], settings.dotenv.get("POSTGRES_DB"))
    if not name:
        yield setting_problem(settings, variable, "is not set.")
    elif name in MAINTENANCE_DATABASES:
        yield setting_problem(settings, variable, f"is {name}, PostgreSQL's own database.")
    elif not DATABASE_NAME.fullmatch(name) or len(name.encode()) > MAX_NAME_BYTES:
        message = f"is {name!a}, which is too long or has an unusual character."
        yield setting_problem(settings, variable, message)
    elif variable != "POSTGRES_DB" and (name in main_names or re.search(r"\.~\d+~$", name)):
        yield setting_problem(settings, variable, f"is {name}, which flask test must not empty.")


def setting_problem(settings: Settings, name: str, message: str) -> Problem:
    """Return a problem of one variable, with what changes it where it was set."""
    if name in settings.environ:
        hint = Hint(f"unset {name}", "have .env decide, unless it was typed on the command line")
        return Problem(f"{name} {message}", hint)
    return Problem(f"{name} {message}", settings.edit_hint)


def check_app(snapshot: Snapshot, options: Options) -> Problems:
    """Yield why Backscope's app cannot be used."""
    error = snapshot.app.error
    if error:
        hints = find_hints(error, snapshot.settings, options)
        if not hints:
            routes = f"cd {tilde(snapshot.settings.checkout)} && flask routes"
            hints = [Hint(routes, "see all that it prints")]
        yield Problem(f"Backscope's app cannot be used:\n{error}", *hints)


def check_production(snapshot: Snapshot, options: Options) -> Problems:
    """Yield that this may be production, unless that was said."""
    if snapshot.production and not options.on("PRODUCTION"):
        environment = quote(snapshot.settings.values["APP_ENVIRONMENT"])
        message = f"APP_ENVIRONMENT is {environment}, so this may be production."
        yield Problem(message, options.hint("continue anyway", PRODUCTION="1"))


def check_server(snapshot: Snapshot) -> Problems:
    """Yield why nothing can be done on this server at all."""
    server = snapshot.server
    if server.version < OLDEST_SERVER:
        version = server.version // 10000
        message = f"This is PostgreSQL {version}. PostgreSQL 13 or newer is needed."
        yield Problem(message, snapshot.settings.edit_hint)
    if server.standby:
        yield Problem("This server is a standby, which is read-only.", snapshot.settings.edit_hint)


def check_exists(snapshot: Snapshot, options: Options) -> Problems:
    """Yield why there is nothing to clear: no database, no tables, or nobody can see."""
    database = snapshot.database
    rebuild = options.hint("create it", "rebuild")
    if not database.usable:
        where = snapshot.settings.server_label
        yield Problem(f"There is no usable database {database.name} on {where}.", rebuild)
    elif database.tables is None:  # so that nobody could say what was changed
        hints = find_hints(database.error, snapshot.settings, options)
        retry = options.hint("try again")
        message = f"{database.name} cannot be inspected:\n{database.error}"
        yield Problem(message, *(hints or [retry]))
    elif not database.tables and not database.revisions:
        yield Problem(f"{database.name} has no tables and no revision.", rebuild)


def check_recreatable(snapshot: Snapshot) -> Problems:
    """Yield why Backscope could drop its tables, but not create them again."""
    database = snapshot.database
    if database.oid and database.tables and not database.may_create_tables:
        role = identifier(snapshot.settings.user)
        yield Problem(
            f"The role {snapshot.settings.user} may not create tables in {database.name}.",
            statement_hint(
                snapshot.settings,
                f"GRANT CREATE ON SCHEMA public TO {role}",
                "allow it",
                database.name,
            ),
        )


def check_privileges(snapshot: Snapshot, *databases: Database) -> Problems:
    """Yield why our role may not create databases, or drop or rename these."""
    settings = snapshot.settings
    role = identifier(settings.user)
    if not snapshot.server.may_create:
        grant = statement_hint(settings, f"ALTER ROLE {role} CREATEDB", "allow it")
        yield Problem(f"The role {settings.user} may not create databases.", grant)
    for database in databases:
        if not database.owned:
            sql = f"ALTER DATABASE {identifier(database.name)} OWNER TO {role}"
            change = statement_hint(settings, sql, f"make {settings.user} its owner")
            message = f"{database.name} is owned by {database.owner}, not by {settings.user}."
            yield Problem(message, settings.edit_hint, change)


def check_template(snapshot: Snapshot, template: Database) -> Problems:
    """Yield why createdb would refuse to copy a database."""
    if template.collation_outdated:
        sql = f"ALTER DATABASE {identifier(template.name)} REFRESH COLLATION VERSION"
        accept = statement_hint(snapshot.settings, sql, "accept the new version")
        message = f"The system's collations have a newer version than {template.name} records."
        yield Problem(message, accept)


def check_beside(snapshot: Snapshot) -> Problems:
    """Yield why what a killed run left beside the others cannot be removed."""
    left = snapshot.beside
    if not left.oid:
        return
    yield from check_privileges(snapshot, left)
    if left.contents and left.comment != BUILDING:
        drop = snapshot.settings.client("dropdb", left.name, user=snapshot.settings.user)
        message = f"{left.name}, which this tool did not create, has {left.contents}."
        yield Problem(message, Hint(drop, "remove it"))


def check_copyable(snapshot: Snapshot, options: Options) -> Problems:
    """Yield why the rows of some tables cannot be copied."""
    keep = options.hint("keep it and copy nothing", CARRY="", KEEP="1")
    if snapshot.database.tables is None:
        message = f"The rows of {snapshot.database.name} cannot be seen: {snapshot.database.error}"
        yield Problem(message, keep)
    for model, table in rows_to_copy(snapshot):
        if table.rows is None and not options.on("FORCE"):
            yield Problem(f"The rows of {model} cannot be counted.", keep)
        for column in model.columns:
            fillable = not column.required or column.fill is not None
            if table.rows != 0 and column.name not in table.columns and not fillable:
                message = f"The rows of {model} cannot be copied: {column.name} must not be null."
                yield Problem(f"{message} A server_default in the models would fill it.", keep)


def check_unfinished_swap(snapshot: Snapshot) -> Problems:
    """Yield that an interrupted run left migrations where they do not belong."""
    moves = unfinished_moves(snapshot)
    if moves:
        folder = f"cd {tilde(snapshot.settings.checkout)}"
        commands = [folder, *(str(step) for step in moves)]
        message = "The migrations are not with their databases, as after an interrupted swap."
        yield Problem(message, Hint(" && ".join(commands), "move them back"))


def check_sessions(options: Options, sessions: Sequence[Session]) -> Problems:
    """Yield the sessions that are in the way, unless they are to be terminated."""
    if sessions and not options.on("FORCE"):
        heading = f"In the way: {count(len(sessions), 'session')}"
        lines = [heading, *(session.description for session in sessions)]
        yield Problem("\n".join(lines), options.hint("terminate what is listed", FORCE="1"))


def check_programs(snapshot: Snapshot, steps: Sequence[Step]) -> Problems:
    """Yield which of PostgreSQL's client programs are needed and not on the PATH."""
    needed = {step.program for step in steps} & {*CLIENT_PROGRAMS}
    missing = sorted(needed - set(snapshot.programs))
    if missing:
        message = f"{', '.join(missing)}: not on the PATH."
        yield Problem(
            message,
            Hint("sudo apt install postgresql-client", "install PostgreSQL's programs on Debian"),
            Hint(
                'brew install libpq && export PATH="$(brew --prefix libpq)/bin:$PATH"', "on macOS"
            ),
        )
