"""Writes the sources of the pocket training set, and pocket models: `python -m pocket [data] [llava] [card] [faces]`.

Without a name it writes these. `fast` distils the pocket painter, on a GPU where there is one (hours on a CPU), and
`fast-card` evaluates it. `notebooks/build.ipynb` makes the training set of the sources.
"""

import argparse

from mirror.garbage import search_seldom

WHAT = ["data", "llava", "card", "faces"]
NAMED = ["fast", "fast-card"]  # written only if named


def main() -> None:
    """Parses the command line and writes what it names."""
    search_seldom()
    parser = argparse.ArgumentParser(prog="python -m pocket", description=__doc__)
    names = ", ".join([*WHAT, *NAMED])
    parser.add_argument("what", nargs="*", metavar="NAME", help=f"of {names}")  # `choices` would refuse no name at all
    what = parser.parse_args().what or WHAT
    if unknown := [name for name in what if name not in (*WHAT, *NAMED)]:
        parser.error(f"there is no {' and no '.join(unknown)}; the names are {names}")
    # Imported here: spawned worker processes import this module and need no model.
    from pocket.llava import model as llava
    from pocket.tables import sources

    if "data" in what:
        sources.write_sources()
        print(f"data: {sources.FOLDER}")
    if "llava" in what:
        llava.write_llava()
        print(f"llava: {llava.FOLDER}")
    if "card" in what:
        from pocket.llava import card

        card.write_card()
        print(f"card: {card.FOLDER / 'README.md'}")
    if "faces" in what:
        from pocket.facepack import pack

        pack.write_facepack()
        print(f"faces: {pack.FOLDER}")
    if "fast" in what:
        from pocket.painter.distilled import pack as fast

        print(f"fast: {fast.write_distilled()}")
    if "fast-card" in what:
        from pocket.painter.distilled import pack as fast

        print(f"fast-card: {fast.write_card()}")


if __name__ == "__main__":
    main()
