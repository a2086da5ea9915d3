"""db-unflag: un-flag downloads that never finished."""

from .sequences import ClearSequences


class Unflag(ClearSequences):
    """Un-flag downloads that never finished, and keep what is cached."""

    help = "un-flag downloads that never finished; keep what is cached"
    sql = "UPDATE {} SET values_requested = false WHERE {}"
    verb = "un-flag"
    done = "un-flagged"
    not_matching = "Not flagged"

    def confirmation(self):
        return ""
