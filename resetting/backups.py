"""Pairs of a database and its migrations under one number: build beside, swap, drop; pure.

A folder of migrations belongs to the database whose recorded revision it holds.
"""

from dataclasses import replace

from .snapshot import BUILDING, Database
from .steps import Step, flask, identifier, literal, move, numbered, psql, quote

WAITING = numbered("migrations", 0)  # where a folder waits in the middle of a swap


def set_migrations_aside(snapshot):
    """Yield the step that renames `migrations`."""
    if snapshot.migrations is not None:
        yield Step(["mv", "migrations", numbered("migrations", snapshot.number)])


def build(snapshot):
    """Yield what builds a pair beside the current one; its number is 0."""
    name = snapshot.beside.name
    yield from remove_beside(snapshot, snapshot.beside.oid)
    yield createdb(snapshot, name, BUILDING)
    for subcommand in ("init", "migrate", "upgrade"):
        title = f"flask db {subcommand} -d {WAITING}"
        yield flask("db", subcommand, "-d", WAITING, database=name, title=title)


def remove_beside(snapshot, oid):
    """Yield what removes the pair that is built beside the others, if the database has this oid.

    The folder goes first: without a database of that number it is in the middle of a swap.
    """
    if oid and snapshot.beside.oid == oid:
        yield Step(["rm", "-rf", WAITING])
        yield dropdb(snapshot.beside.name, force=True)


def copy(snapshot, force):
    """Yield what builds a copy of the current pair beside it."""
    yield from remove_beside(snapshot, snapshot.beside.oid)
    name = snapshot.database.name
    step = create(["-T", name], snapshot.beside.name, BUILDING)
    yield terminating_sessions(snapshot, step, [name], force)
    if snapshot.migrations is not None:
        yield Step(["cp", "-R", "migrations", WAITING])


def swap_in(snapshot, force, moves=True):
    """Yield what makes the new pair the current one; the one that was current is kept.

    It `moves` a folder of migrations, unless none was built.
    """
    name = snapshot.database.name
    pairs = [(name, snapshot.backup), (snapshot.beside.name, name)]
    ready = f"COMMENT ON DATABASE {identifier(name)} IS NULL"
    yield rename(snapshot, f"rename {name} to {snapshot.backup}", pairs, force, ready)
    if snapshot.migrations is not None:
        yield move("migrations", numbered("migrations", snapshot.number))
    if moves:
        yield move(WAITING, "migrations")


def swap_back(snapshot, number, force):
    """Yield what swaps a backup and the current pair."""
    current = snapshot.database
    backup = snapshot.backups[number]
    waiting = snapshot.beside.name
    pairs = [(current.name, waiting), (backup.name, current.name), (waiting, backup.name)]
    backups = {**snapshot.backups, number: current}
    migrations = snapshot.migrations
    if not current.oid:
        pairs = [(backup.name, current.name)]
        del backups[number]
        if number in snapshot.folders and not fits(backup, migrations):
            yield from set_migrations_aside(snapshot)
            migrations = None
    yield from remove_beside(snapshot, snapshot.beside.oid)
    yield rename(snapshot, f"swap {current.name} and {backup.name}", pairs, force)
    swapped = replace(snapshot, database=backup, backups=backups, migrations=migrations)
    yield from swap_moves(swapped, number)


def rename(snapshot, title, pairs, force, *statements):
    """Return the step that renames databases, in one transaction with other statements."""
    renames = []
    for old, new in pairs:
        renames.append(f"ALTER DATABASE {identifier(old)} RENAME TO {identifier(new)}")
    maintenance = snapshot.server.maintenance
    step = psql(maintenance, *renames, *statements, title=title, commits=True)
    return terminating_sessions(snapshot, step, [old for old, _ in pairs], force)


def terminating_sessions(snapshot, step, databases, force):
    """Return a step or, by force, one while which the sessions of some databases are terminated.

    It takes a lock at which who connects has to wait, and then waits five seconds for the
    sessions that are there (ALTER DATABASE, CREATE DATABASE). So they are terminated a second
    after it has begun: who connects again at once comes too late.
    """
    if not force:
        return step
    names = ", ".join(literal(name) for name in databases)
    terminate = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE usename IS NOT NULL AND datname IN ({names})"
    )
    later = psql(snapshot.server.maintenance, "SELECT pg_sleep(1)", terminate)
    return replace(step, argv=later.argv, pipe_to=step, may_fail=True)


def dropdb(name, force):
    """Return the step that drops a database."""
    if force:
        return Step(["dropdb", "--force", name])
    return Step(["dropdb", name])


def wanted_locale(snapshot):
    """Return the encoding and locale of a new database: those of the old one; a first is UTF8."""
    if snapshot.database.locale:
        return snapshot.database.locale
    if snapshot.template.locale[0] == "UTF8":
        return snapshot.template.locale
    return ["UTF8", "C", "C"]  # a locale has an encoding


def template(snapshot):
    """Return the database that a new one is a copy of (CREATE DATABASE).

    What differs from template1 needs template0. So does a server without a database postgres,
    as we are connected to template1 there.
    """
    differs = wanted_locale(snapshot) != snapshot.template.locale
    if differs or snapshot.server.maintenance == snapshot.template.name:
        return Database("template0")
    return snapshot.template


def createdb(snapshot, name, *comment):
    """Return the step that creates a database like the old one, perhaps with a comment."""
    options = []
    locale = wanted_locale(snapshot)
    if locale != snapshot.template.locale:
        encoding, collate, ctype = locale
        options = ["-E", encoding, f"--lc-collate={collate}", f"--lc-ctype={ctype}"]
    if template(snapshot) != snapshot.template:
        options += ["-T", "template0"]
    return create(options, name, *comment)


def create(options, name, *comment):
    """Return a step of createdb; the screen does not show the comment."""
    argv = ["createdb", *options, name]
    title = " ".join(quote(word) for word in argv)
    return Step([*argv, *comment], title=title, database=name, creates=True)


def fits(database, folder):
    """Return whether a folder holds what a database records; recording nothing, all fit."""
    return database.revisions <= (folder or frozenset())


def belongs(database, folder):
    """Return whether a folder is that of a database, by a revision that is recorded."""
    return bool(database.revisions) and fits(database, folder)


def unfinished_moves(snapshot):
    """Return the renames of folders that an interrupted swap has left to do."""
    if 0 in snapshot.folders:
        return moves_from_waiting(snapshot)
    numbers = list(snapshot.backups)
    if snapshot.migrations is None:  # the backup that an undo renamed may have been the only one
        numbers += snapshot.folders
    for number in numbers:
        moves = swap_moves(snapshot, number)
        if moves:
            return moves
    return []


def moves_from_waiting(snapshot):
    """Return the renames that end a swap in whose middle `migrations.~0~` waits."""
    waiting = snapshot.folders[0]
    settled = belongs(snapshot.database, snapshot.migrations)
    if settled or not fits(snapshot.database, waiting):
        number = free_number(snapshot, waiting)
        return [move(WAITING, numbered("migrations", number))]
    moves = []
    if snapshot.migrations is not None:
        number = free_number(snapshot, snapshot.migrations)
        moves.append(move("migrations", numbered("migrations", number)))
    return [*moves, move(WAITING, "migrations")]


def free_number(snapshot, folder):
    """Return the number of the backup whose folder this is, or else one that is free."""
    without = [number for number in snapshot.backups if number not in snapshot.folders]
    own = [number for number in without if belongs(snapshot.backups[number], folder)]
    return [*own, *without, snapshot.number][0]


def swap_moves(snapshot, number):
    """Return the renames that follow a swap of the current database and a backup.

    The snapshot has the databases as they are once they were swapped. What is where it
    belongs stays, as with two databases of one checkout, which share `migrations`.
    """
    current = snapshot.database
    backup = snapshot.backups.get(number, Database(""))
    migrations = snapshot.migrations
    folder = snapshot.folders.get(number)
    kept = numbered("migrations", number)
    if folder is None or not fits(current, folder):
        return []
    if migrations is None:  # perhaps a rebuild has renamed the current one
        if belongs(current, folder) and not belongs(backup, folder):
            return [move(kept, "migrations")]
        return []
    stays = fits(current, migrations) and fits(backup, folder)
    if stays or not fits(backup, migrations):
        return []
    return [move(kept, WAITING), move("migrations", kept), move(WAITING, "migrations")]
