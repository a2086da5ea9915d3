"""Every precondition of a run, in one place and pure. The server says the rest itself."""

import re

from .backups import unfinished_moves
from .copies import rows_to_copy
from .environment import CLIENT_PROGRAMS
from .problems import Hint, Problem
from .snapshot import BUILDING, count
from .steps import quote, tilde

MAINTENANCE_DATABASES = ("postgres", "template0", "template1")
DATABASE_NAME = re.compile(r"\w[\w .~-]*")  # which no program and no URL takes for anything else
MAX_NAME_BYTES = 57  # NAMEDATALEN - 1, less what a backup's name has: .~999~
OLDEST_SERVER = 13


def check_settings(settings, variable):
    """Yield what is wrong with the settings alone; `variable` names the database."""
    wrong = {variable: describe_wrong_name(settings, variable)}
    if settings.values["APP_ENVIRONMENT"] == "testing" and variable == "POSTGRES_DB":
        wrong["APP_ENVIRONMENT"] = "is testing, so Flask would open POSTGRES_DISPOSABLE_DB."
    for name in ("POSTGRES_USER", "POSTGRES_PASSWORD"):
        if "@" in settings.values[name]:  # Backscope puts it into a URL as it is
            wrong[name] = "has @, behind which Backscope's URL has the host. Write it as %40."
    for name, message in wrong.items():
        hint = settings.edit_hint
        if name in settings.environ:
            hint = Hint(f"unset {name}", "have .env decide, unless make's command line had it")
        if message:
            yield Problem(f"{name} {message}", hint)


def describe_wrong_name(settings, variable):
    """Return why this cannot be the name of the database that `variable` names; else ""."""
    name = settings.database
    if not name:
        return "is not set."
    if name in MAINTENANCE_DATABASES:
        return f"is {name}, PostgreSQL's own database."
    if not DATABASE_NAME.fullmatch(name) or len(name.encode()) > MAX_NAME_BYTES:
        return f"is {name!a}, which is too long or has an unusual character."
    main_names = (settings.values["POSTGRES_DB"], settings.dotenv.get("POSTGRES_DB"))
    if variable != "POSTGRES_DB" and (name in main_names or re.search(r"\.~\d+~$", name)):
        return f"is {name}, which flask test must not empty."
    return ""


def check_app(snapshot):
    """Yield why Backscope's app cannot be used."""
    if snapshot.app.error:
        yield Problem(f"Backscope's app cannot be used:\n{snapshot.app.error}")


def check_production(snapshot, options):
    """Yield that this may be production, unless that was said."""
    if snapshot.production and not options.on("PRODUCTION"):
        environment = quote(snapshot.settings.values["APP_ENVIRONMENT"])
        yield Problem(f"APP_ENVIRONMENT is {environment}, so this may be production.")


def check_server(snapshot):
    """Yield why nothing can be done on this server at all."""
    version = snapshot.server.version // 10000
    if version < OLDEST_SERVER:
        yield Problem(f"This is PostgreSQL {version}. PostgreSQL 13 or newer is needed.")
    if snapshot.server.standby:
        yield Problem("This server is a standby, which is read-only.")


def check_exists(snapshot):
    """Yield why there is nothing to clear: no database, no tables, or nobody can see."""
    database = snapshot.database
    if not database.usable:
        where = snapshot.settings.server_label
        yield Problem(f"There is no usable database {database.name} on {where}.")
    elif database.error:  # so that nobody could say what was changed
        yield Problem(f"{database.name} cannot be inspected:\n{database.error}")
    elif not database.tables and not database.revisions:
        yield Problem(f"{database.name} has no tables and no revision.")


def check_recreatable(snapshot):
    """Yield why Backscope could drop its tables, but not create them again."""
    schema = snapshot.database.closed_schema
    if schema and snapshot.database.tables:
        yield Problem(f"{snapshot.database.name}: permission denied for schema {schema}.")


def check_privileges(snapshot, *databases):
    """Yield why our role may not create databases, or drop or rename these."""
    role = snapshot.settings.user
    if not snapshot.server.may_create:
        yield Problem(f"The role {role} may not create databases.")
    for database in databases:
        if not database.owned:
            yield Problem(f"{database.name} is owned by {database.owner}, not by {role}.")


def check_template(template):
    """Yield why createdb would refuse to copy a database, in PostgreSQL's words."""
    if template.collation_outdated:
        yield Problem(f'template database "{template.name}" has a collation version mismatch')


def check_beside(snapshot):
    """Yield why what a killed run left beside the others cannot be removed."""
    left = snapshot.beside
    yield from check_privileges(snapshot, left)
    if left.contents and left.comment != BUILDING:
        drop = snapshot.settings.client("dropdb", left.name, user=snapshot.settings.user)
        message = f"{left.name}, which this tool did not create, has {left.contents}."
        yield Problem(message, Hint(drop, "remove it"))


def check_copyable(snapshot, options):
    """Yield why the rows of some tables cannot be copied."""
    database = snapshot.database
    if database.error:
        yield Problem(f"The rows of {database.name} cannot be seen: {database.error}")
    for model, table in rows_to_copy(snapshot):
        if table.rows is None and not options.on("FORCE"):
            yield Problem(f"The rows of {model} cannot be counted.")
        for column in model.columns:
            wanting = column.required and column.fill is None
            if table.rows != 0 and wanting and column.name not in table.columns:
                message = f"The rows of {model} cannot be copied: {column.name} must not be null."
                yield Problem(f"{message} A server_default in the models would fill it.")


def check_unfinished_swap(snapshot):
    """Yield that an interrupted run left migrations where they do not belong."""
    moves = unfinished_moves(snapshot)
    if moves:
        folder = f"cd {tilde(snapshot.settings.checkout)}"
        commands = [folder, *(str(step) for step in moves)]
        message = "The migrations are not with their databases, as after an interrupted swap."
        yield Problem(message, Hint(" && ".join(commands), "move them back"))


def check_sessions(options, sessions):
    """Yield the sessions that are in the way, unless they are to be terminated."""
    if sessions and not options.on("FORCE"):
        heading = f"In the way: {count(len(sessions), 'session')}"
        lines = [heading, *(session.description for session in sessions)]
        yield Problem("\n".join(lines))


def check_programs(snapshot, steps):
    """Yield which of PostgreSQL's client programs are needed and not on the PATH."""
    needed = set()
    for step in steps:
        needed |= {step.program, (step.pipe_to or step).program}
    for program in needed & {*CLIENT_PROGRAMS} - {*snapshot.programs}:
        yield Problem(f"{program} is not on the PATH.")
