"""Which folder of migrations belongs to which database: the one that holds its revision; pure."""

from .snapshot import Database
from .steps import move, numbered

WAITING = numbered("migrations", 0)  # where a folder waits in the middle of a swap


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
