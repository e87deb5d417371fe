"""`python -m pocket` writes the pocket data set and the pocket models; `data`, `llava` … behind it writes only that."""

import argparse

WHAT = ["data", "llava", "card", "faces"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pocket", description=__doc__)
    parser.add_argument("what", nargs="*", choices=WHAT, default=WHAT)
    what = parser.parse_args().what
    # Imported here: the processes that draw faces import this file, and need no model.
    from pocket.llava import model as llava
    from pocket.texts import dataset, profiles

    if "data" in what:
        dataset.write_dataset()
        profiles.write_profiles()
        print(f"data: {dataset.FOLDER}")
    if "llava" in what:
        llava.write_llava()
        print(f"llava: {llava.FOLDER}")
    if "card" in what:
        from pocket.llava import card as llavacard

        llavacard.write_card()
        print(f"card: {llavacard.FOLDER / 'README.md'}")
    if "faces" in what:
        from pocket.facepack import pack as facepack

        facepack.write_facepack()
        print(f"faces: {facepack.FOLDER}")


if __name__ == "__main__":
    main()
