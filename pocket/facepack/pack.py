"""Trains the pocket insightface pack and writes it: a folder that `insightface.app.FaceAnalysis` loads.

The folder has the form of the published packs: `det_*.onnx` (SCRFD), `rec_*.onnx` (ArcFace), `genderage.onnx`, each
known to insightface by its shapes, with a model card and the measured threshold. Knows nothing of the networks' inside.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from mirror.faces.identity import CALIBRATION
from mirror.files.digests import sha256
from mirror.files.json_file import write_json
from pocket.facepack import attributes, recognizer
from pocket.facepack.attributes import learn_attributes
from pocket.facepack.detector import SIZE as SCENE_SIZE
from pocket.facepack.detector import STRIDES, learn_detector
from pocket.facepack.exam import DET_SIZE, FALSE_ACCEPTS, Exam, examine
from pocket.facepack.onnx_files import write_graph
from pocket.facepack.recognizer import learn_recognizer
from pocket.pictures.portraits import draw_portraits
from pocket.pictures.scenes import SceneMaker
from pocket.seeds import stable_seed

SEED = 5
FOLDER = Path(__file__).parents[1] / "models" / "faces-pocket"
DETECTOR, RECOGNIZER, ATTRIBUTES = "det_pocket.onnx", "rec_pocket.onnx", "genderage.onnx"
PORTRAIT_SIZE = 128  # pixels a side
FAMILY = "learn"  # of people; the exam's are another


@dataclass(frozen=True)
class Work:
    """How much is drawn, learned and measured; steps are batches."""

    persons: int = 1600
    moments: int = 4
    backgrounds: int = 1500
    detector_steps: int = 800
    recognizer_steps: int = 400
    attributes_steps: int = 250
    exam_persons: int = 100
    exam_scenes: int = 1000


def write_facepack(folder: Path = FOLDER, seed: int = SEED, work: Work | None = None, device: str = "cpu") -> Exam:
    """Trains (about ten minutes on 2 cores), writes and measures the pack.

    Pictures depend on the seed only; weights also on the device and its number of threads, in their last digits.
    """
    work = work or Work()
    train_facepack(folder, seed, work, device)
    return measure_facepack(folder, seed, work)


def _seeded(purpose: str, seed: int, device: str) -> torch.Generator:
    """A generator for one network, whose first weights (torch's own stream) are seeded with it."""
    torch.manual_seed(stable_seed(purpose, seed))
    return torch.Generator(device).manual_seed(stable_seed(purpose, seed))


def measure_facepack(folder: Path, seed: int, work: Work) -> Exam:
    """Measures the pack on people it has not seen, and writes its threshold and its model card."""
    exam = examine(folder, work.exam_persons, work.exam_scenes, seed)
    write_calibration(folder, exam)
    (folder / "README.md").write_text(model_card(folder, exam, seed, work), encoding="utf-8")
    return exam


def train_facepack(folder: Path, seed: int, work: Work, device: str = "cpu") -> None:
    """Trains the three networks and writes their files."""
    folder.mkdir(parents=True, exist_ok=True)
    portraits = draw_portraits(FAMILY, work.persons, work.moments, PORTRAIT_SIZE, seed)
    # Each network has a random stream of its own, so that it does not depend on how long the others learn.
    random = _seeded(DETECTOR, seed, device)
    maker = SceneMaker(portraits, SCENE_SIZE, random, work.backgrounds)
    detector = learn_detector(maker, work.detector_steps)
    names = [f"{kind}_{stride}" for kind in ("score", "bbox", "kps") for stride in STRIDES]
    free = {2: "height", 3: "width"}
    write_graph(detector, torch.zeros(1, 3, SCENE_SIZE, SCENE_SIZE), folder / DETECTOR, names, free)
    for learn, size, steps, name in (
        (learn_recognizer, recognizer.SIZE, work.recognizer_steps, RECOGNIZER),
        (learn_attributes, attributes.SIZE, work.attributes_steps, ATTRIBUTES),
    ):
        model = learn(portraits, steps, _seeded(name, seed, device))
        write_graph(model, torch.zeros(1, 3, size, size), folder / name, ["output"], {0: "batch"})


def write_calibration(folder: Path, exam: Exam) -> None:
    """Writes `calibration.json`: the threshold, for which file, and how it was found."""
    record = {
        "model": RECOGNIZER,
        "sha256": sha256(folder / RECOGNIZER),
        "detection_size": DET_SIZE[0],
        "threshold": round(exam.threshold, 4),
        "false_accept_rate": FALSE_ACCEPTS,
        "true_accept_rate": round(exam.true_accepts, 4),
        "pairs": {"same": exam.counts["same"], "different": exam.counts["different"]},
    }
    write_json(folder / CALIBRATION, record)


def model_card(folder: Path, exam: Exam, seed: int, work: Work) -> str:
    """The text of `README.md`."""
    files = "\n".join(
        f"| `{path.name}` | {task} | {path.stat().st_size:,} | `{sha256(path)}` |"
        for path, task in (
            (folder / DETECTOR, "detection: SCRFD form, strides 8, 16, 32, two anchors, five points"),
            (folder / RECOGNIZER, "recognition: ArcFace form, 112×112, 512 numbers"),
            (folder / ATTRIBUTES, "gender and age, 96×96"),
        )
    )
    n = exam.counts
    return f"""# faces-pocket

A pack for `insightface.app.FaceAnalysis` that knows the drawn faces of this repository, and no photographs of people.
Use it with `det_size={DET_SIZE}`. Weights lie in the files as float16; the graphs compute in float32.

| file | task | bytes | SHA-256 |
| --- | --- | --- | --- |
{files}

## Made by

`python -m pocket faces` (`pocket/facepack/pack.py`), seed {seed}: {work.persons:,} drawn people with {work.moments}
expressions each, {PORTRAIT_SIZE} pixels a side; {work.detector_steps} batches for the detector (scenes of no to
three faces on made-up backgrounds), {work.recognizer_steps} for the recogniser, {work.attributes_steps} for gender
and age.

## Measured

Through insightface, on {work.exam_persons} other people with all twelve expressions, portraits of 112 and 224 pixels.
*Worn* means blurred, noisy and of shifted colours at random. A pair is of two portraits, of one person or of two.

| what | how many | score |
| --- | --- | --- |
| exactly one face found in a portrait | {n["portraits"]:,} | {exam.one:.2%} |
| exactly one face found in a worn portrait | {n["portraits"]:,} | {exam.worn:.2%} |
| no face found in an empty scene | {n["empty"]:,} | {exam.none:.2%} |
| two faces found in a picture of two people | {n["two"]:,} | {exam.two:.2%} |
| box: mean intersection over union | | {exam.overlap:.3f} |
| five points: mean error, in distances of the eyes (95 % of faces below) | | {exam.miss:.3f} ({exam.miss_95:.3f}) |
| same or different person: area under the curve | {n["same"]:,} and {n["different"]:,} | {exam.auc:.4f} |
| true accepts at {FALSE_ACCEPTS:.0%} false accepts (cosine ≥ {exam.threshold:.3f}) | | {exam.true_accepts:.2%} |
| true accepts at this cosine where one of the pair is worn | | {exam.worn_true_accepts:.2%} |
| false accepts at this cosine where one of the pair is worn | | {exam.worn_false_accepts:.2%} |
| gender right | {n["portraits"]:,} | {exam.gender:.2%} |
| age: mean absolute error | {n["portraits"]:,} | {exam.age:.1f} years |

## Limits

It finds drawn faces whose side is between about 11 % and 86 % of the longer side of the picture. Hair, glasses and
beard count as marks of a person, since no drawn person changes them. Other values of `det_size` run, but it learned at
128 only: from 160 on it misses large or blurred faces, and points are less exact.
"""
