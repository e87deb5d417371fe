"""Calibrates the identity threshold of a face pack on pairs of pictures of the same and of different persons.

    python -m mirror.faces.calibration --pack PACK --pictures FOLDER

FOLDER holds one folder per person with at least one picture in it: files that end in .png, .jpg, .jpeg, .webp, .bmp,
.tif, .tiff, .ppm, .pgm, .pbm or .gif, in upper or lower case. Writes the threshold to the pack's `calibration.json`,
which verification reads, and the two distributions as a figure and a table to `results/calibration-<pack>/`.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu
from tqdm import tqdm

from mirror import figures
from mirror.console import run_command
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
    """A threshold and its error rates.

    Attributes:
        threshold: cosine; at or above it two faces count as the same person.
        false_accept_rate: share of the pairs of different persons at or above it, 0…1.
        true_accept_rate: share of the pairs of the same person at or above it, 0…1.
        auc: area under the ROC curve: the probability that a pair of the same person scores higher than one of
            different persons (Mann-Whitney U over the number of comparisons).
        scores: columns first, second, same, score; one row per pair.
        faceless: pictures in which no face was found; pairs with one of them are left out.
    """

    threshold: float
    false_accept_rate: float
    true_accept_rate: float
    auc: float
    scores: pd.DataFrame
    faceless: tuple[Path, ...]


def pairs_in(folder: Path, different: int = 20_000, seed: int = 0) -> list[Pair]:
    """All pairs of pictures of the same person, and a sample of pairs of different persons.

    Args:
        folder: holds one folder of pictures per person.
        different: pairs of different persons at most.
        seed: of the sample.

    Raises:
        ValueError: no such folder, fewer than two persons, or no person with two pictures.
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
    random = Random(seed)
    drawn: dict[tuple[Path, Path], Pair] = {}
    while len(drawn) < different:
        first, second = sorted(random.sample(pictures, 2))
        if first.parent != second.parent:
            drawn[first, second] = Pair(first, second, False)
    return same + list(drawn.values())


def pictures_in(person: Path) -> list[Path]:
    """The pictures in one person's folder, by suffix; hidden files (`._a.png` of macOS archives) are skipped."""
    files = (path for path in person.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith("."))
    return sorted(path for path in files if path.is_file())


def calibrate(pack: FacePack, pairs: Sequence[Pair], false_accept_rate: float = 0.01) -> Calibration:
    """Finds the lowest threshold that keeps the false-accept rate.

    Args:
        pack: detects and embeds the faces.
        pairs: of the same and of different persons.
        false_accept_rate: share of the pairs of different persons that may reach the threshold, above 0, at most 1.

    Raises:
        ValueError: pictures cannot be read (all are named), there are too few pairs of different persons for the rate,
            or none of the same person.
    """
    faces = faces_in(dict.fromkeys(path for pair in pairs for path in (pair.first, pair.second)), pack)
    scores = pd.DataFrame(
        [
            (str(pair.first), str(pair.second), pair.same, similarity(first.embedding, second.embedding))
            for pair in pairs
            if (first := faces[pair.first]) and (second := faces[pair.second])
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
    """The largest face of each picture, None if there is none.

    Raises:
        ValueError: pictures cannot be read; one line per picture.
    """
    faces: dict[Path, Face | None] = {}
    faults = []
    for path in tqdm(paths, "faces", unit="picture"):
        try:
            faces[path] = next(iter(pack.faces(open_picture(path))), None)
        except PictureError as error:
            faults.append(f"{error}, or remove it")
    if faults:
        raise ValueError("\n".join(faults))
    return faces


def threshold_at(different: np.ndarray[Any, Any], false_accept_rate: float) -> float:
    """The lowest threshold that at most a share of `false_accept_rate` of the scores `different` [n] reaches.

    Raises:
        ValueError: the rate is not in (0, 1], or below 1/n.
    """
    if not 0 < false_accept_rate <= 1:
        raise ValueError(f"a false-accept rate lies above 0 and is at most 1, found {false_accept_rate}")
    allowed = int(false_accept_rate * len(different) + 1e-9)
    if not allowed:
        raise ValueError(
            f"a false-accept rate of {false_accept_rate} needs {int(np.ceil(1 / false_accept_rate))} pairs of "
            f"different persons or more, found {len(different)}; give more pictures or a higher rate"
        )
    # The allowed number of scores reach the threshold if it lies just above the next lower score.
    ranked = np.sort(different)[::-1]
    return float(np.nextafter(ranked[allowed], np.inf)) if allowed < len(ranked) else float(ranked[-1])


def save(calibration: Calibration, pack: FacePack) -> None:
    """Writes the threshold and its error rates to the pack's `calibration.json`."""
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
    """Calibrates the pack that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m mirror.faces.calibration",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pack", required=True, help="folder of an insightface model pack")
    parser.add_argument("--pictures", required=True, help="folder with one folder of pictures per person")
    parser.add_argument(
        "--false-accept-rate", type=float, default=0.01, help="share of the pairs of different persons (default 0.01)"
    )
    parser.add_argument(
        "--detection-size", type=int, help="side of the detector's input in pixels (default: the pack's, or 640)"
    )
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
    run_command(main)
