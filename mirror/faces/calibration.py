"""The identity threshold of a face pack, from pairs of pictures of the same and of different persons.

    python -m mirror.faces.calibration --pack PACK --pictures FOLDER

FOLDER holds one folder per person with at least one picture in it: files that end in .png, .jpg, .jpeg, .webp, .bmp,
.tif, .tiff, .ppm, .pgm, .pbm or .gif, in upper or lower case. Writes the threshold into the pack's `calibration.json`,
where verification finds it, and the two distributions as a figure and a table into `results/calibration-<pack>/`.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu
from tqdm import tqdm

from mirror import figures
from mirror.faces.identity import CALIBRATION, Face, FacePack, similarity
from mirror.files.atomic import write_text
from mirror.files.csv_file import csv_text
from mirror.files.digests import sha256
from mirror.files.image_file import ENDINGS, PictureError, open_picture
from mirror.files.json_file import write_json
from mirror.models.device import resolve_device
from mirror.paths import display_path, input_path, output_path


@dataclass(frozen=True)
class Pair:
    """Two pictures, and whether they show the same person."""

    first: Path
    second: Path
    same: bool


@dataclass(frozen=True)
class Calibration:
    """A threshold and what it does.

    Attributes:
        threshold: cosine from which on two faces count as one person.
        false_accept_rate: share of the pairs of different persons at or above it.
        true_accept_rate: share of the pairs of the same person at or above it.
        auc: chance that a pair of the same person scores higher than one of different persons.
        scores: the columns first, second, same, score; a row a pair.
        faceless: pictures in which no face was found; pairs with one of them are left out.
    """

    threshold: float
    false_accept_rate: float
    true_accept_rate: float
    auc: float
    scores: pd.DataFrame
    faceless: tuple[Path, ...]


def pairs_in(folder: Path, different: int = 20_000, seed: int = 0) -> list[Pair]:
    """Every pair of pictures of one person, and at most `different` pairs of two persons, drawn by `seed`.

    Raises:
        ValueError: fewer than two persons, or no person with two pictures.
    """
    if not folder.is_dir():
        raise ValueError(f"no such folder {display_path(folder)}; give one with a folder of pictures for each person")
    persons = {
        person.name: found for person in sorted(folder.iterdir()) if person.is_dir() and (found := pictures_in(person))
    }
    same = [Pair(a, b, True) for pictures in persons.values() for a, b in combinations(pictures, 2)]
    if len(persons) < 2 or not same:
        raise ValueError(
            f"{display_path(folder)}: calibration needs two persons or more and a person with two pictures or more, "
            f"found {len(persons)} persons and {len(same)} pairs; put each person's pictures into a folder of its own "
            f"(files that end in {', '.join(ENDINGS)})"
        )
    pictures = [path for person in persons.values() for path in person]
    total = len(pictures) * (len(pictures) - 1) // 2 - len(same)
    if total <= 2 * different:
        others = [Pair(a, b, False) for a, b in combinations(pictures, 2) if a.parent != b.parent]
        return same + Random(seed).sample(others, min(different, total))
    random, drawn = Random(seed), {}
    while len(drawn) < different:
        first, second = sorted(random.sample(pictures, 2))
        if first.parent != second.parent:
            drawn[first, second] = Pair(first, second, False)
    return same + list(drawn.values())


def pictures_in(person: Path) -> list[Path]:
    """The pictures of one person's folder, by their endings; hidden files (`._a.png` of macOS archives) are none."""
    files = (path for path in person.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith("."))
    return sorted(path for path in files if path.is_file())


def calibrate(pack: FacePack, pairs: Sequence[Pair], false_accept_rate: float = 0.01) -> Calibration:
    """The lowest threshold that at most `false_accept_rate` of the pairs of different persons reach.

    Raises:
        ValueError: pictures that cannot be used (all are named), too few pairs of different persons for such a rate,
            or none of the same person.
    """
    faces = faces_in(dict.fromkeys(path for pair in pairs for path in (pair.first, pair.second)), pack)
    scores = pd.DataFrame(
        [
            (str(p.first), str(p.second), p.same, similarity(faces[p.first].embedding, faces[p.second].embedding))
            for p in pairs
            if faces[p.first] and faces[p.second]
        ],
        columns=["first", "second", "same", "score"],
    )
    same, different = scores.score[scores.same], scores.score[~scores.same]
    if same.empty:
        raise ValueError("calibration needs pairs of the same person in which both faces are found, and there is none")
    threshold = threshold_at(different.to_numpy(), false_accept_rate)
    return Calibration(
        threshold=threshold,
        false_accept_rate=float((different >= threshold).mean()),
        true_accept_rate=float((same >= threshold).mean()),
        auc=float(mannwhitneyu(same, different).statistic / (len(same) * len(different))),
        scores=scores,
        faceless=tuple(path for path, face in faces.items() if face is None),
    )


def faces_in(paths: Iterable[Path], pack: FacePack) -> dict[Path, Face | None]:
    """The largest face of each picture, None where there is none.

    Raises:
        ValueError: pictures cannot be used; a line for each.
    """
    faces: dict[Path, Face | None] = {}
    faults = []
    for path in tqdm(paths, "faces", unit="picture"):
        try:
            faces[path] = pack.portrait(open_picture(path))
        except PictureError as error:
            faults.append(f"{error}, or remove it")
    if faults:
        raise ValueError("\n".join(faults))
    return faces


def threshold_at(different: np.ndarray, false_accept_rate: float) -> float:
    """The lowest threshold that at most that share of `different` (scores) reaches.

    Raises:
        ValueError: the rate is finer than the number of scores can tell.
    """
    if not 0 < false_accept_rate <= 1:
        raise ValueError(f"a false-accept rate lies above 0 and is at most 1, found {false_accept_rate}")
    allowed = int(false_accept_rate * len(different) + 1e-9)
    if not allowed:
        raise ValueError(
            f"a false-accept rate of {false_accept_rate} needs {int(np.ceil(1 / false_accept_rate))} pairs of "
            f"different persons or more, found {len(different)}; give more pictures or a higher rate"
        )
    # With as many as are allowed above it, the threshold lies just over the next score.
    ranked = np.sort(different)[::-1]
    return float(np.nextafter(ranked[allowed], np.inf)) if allowed < len(ranked) else float(ranked[-1])


def save(calibration: Calibration, pack: FacePack) -> None:
    """Writes the threshold beside the pack's models."""
    write_json(
        pack.folder / CALIBRATION,
        {
            "model": pack.recognition.name,
            "sha256": sha256(pack.recognition),
            "detection_size": pack.detection_size,
            "threshold": calibration.threshold,
            "false_accept_rate": calibration.false_accept_rate,
            "true_accept_rate": calibration.true_accept_rate,
            "auc": calibration.auc,
            "pairs": {
                "same": int(calibration.scores.same.sum()),
                "different": int((~calibration.scores.same).sum()),
            },
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m mirror.faces.calibration",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pack", required=True, help="folder of an insightface model pack")
    parser.add_argument("--pictures", required=True, help="folder with a folder of pictures a person")
    parser.add_argument("--false-accept-rate", type=float, default=0.01, help="of different persons (default 0.01)")
    parser.add_argument("--detection-size", type=int, help="pixels the detector looks at (default: the pack's, or 640)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default cpu)")
    given = parser.parse_args()
    try:
        pack = FacePack.load(given.pack, resolve_device(given.device), given.detection_size)
        found = calibrate(pack, pairs_in(input_path(given.pictures)), given.false_accept_rate)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    save(found, pack)
    folder = output_path("results") / f"calibration-{pack.folder.name}"
    fig, ax = figures.figure()
    figures.identity_scores(found.scores, ax, found.threshold)
    figures.save(fig, folder, "identity")
    write_text(folder / "identity.csv", csv_text(found.scores))
    print(
        f"{pack.recognition.name}: threshold {found.threshold:.4f} accepts {found.true_accept_rate:.1%} of "
        f"{int(found.scores.same.sum()):,} pairs of one person and {found.false_accept_rate:.2%} of "
        f"{int((~found.scores.same).sum()):,} pairs of two (AUC {found.auc:.4f}); "
        f"{len(found.faceless)} pictures had no face\nwritten: {display_path(pack.folder / CALIBRATION)}, "
        f"{display_path(folder)}/identity.png"
    )


if __name__ == "__main__":
    main()
