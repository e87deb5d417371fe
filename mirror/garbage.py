"""How often Python searches for garbage; what starts a process sets it, and no import does."""

import gc

# The libraries of models make half a million objects as they are imported, all of which stay. By default, a search
# follows every 700 new ones: an eighth of the time that a program with models needs to start.
YOUNG = 10_000


def search_seldom() -> None:
    """Search for garbage after every `YOUNG` new objects; a process that searches less often, or never, stays so.

    For the start of a process, before the libraries of models are imported.
    """
    if 0 < gc.get_threshold()[0] < YOUNG:
        gc.set_threshold(YOUNG)
