"""db-unflag: un-flag downloads that never finished."""

from .sequences import ClearSequences

UNFINISHED = 'values_requested AND "values" IS NULL'  # what a download that never finished leaves


class Unflag(ClearSequences):
    """Un-flag downloads that never finished, and keep what is cached."""

    help = "un-flag downloads that never finished; keep what is cached"
    sql = "UPDATE sequences SET values_requested = false"
    verb = "un-flag"
    done = "un-flagged"
    not_matching = "Not flagged"
    counts_all = False

    @classmethod
    def condition(cls, options):
        if options.sequences:
            return f"{UNFINISHED} AND {super().condition(options)}"
        return UNFINISHED

    def confirmation(self):
        return ""
