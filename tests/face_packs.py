"""The pocket pack of face models, and copies of it that lack something."""

import shutil

PACK = "pocket/models/faces-pocket"


def copy_pack(folder, *without):
    """`folder/pack`: the pack without some of its files."""
    shutil.copytree(PACK, folder / "pack")
    for name in without:
        (folder / "pack" / name).unlink()
    return folder / "pack"
