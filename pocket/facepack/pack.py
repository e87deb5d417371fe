"""Trains the pocket face pack and writes it as a folder that `insightface.app.FaceAnalysis` loads.

The folder has the layout of the published packs: `det_*.onnx` (SCRFD), `rec_*.onnx` (ArcFace) and `genderage.onnx`,
which insightface recognizes by their shapes, with a model card and the measured verification threshold.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from mirror.faces.identity import CALIBRATION
from mirror.files.digests import sha256
from mirror.files.json_file import write_json
from pocket.facepack import attributes, recognizer
from pocket.facepack.attributes import train_attributes
from pocket.facepack.detector import SIZE as SCENE_SIZE
from pocket.facepack.detector import STRIDES, train_detector
from pocket.facepack.evaluation import DET_SIZE, FALSE_ACCEPTS, FacepackScores, evaluate
from pocket.facepack.onnx_files import write_onnx
from pocket.facepack.recognizer import train_recognizer
from pocket.optimize import seeded_generator
from pocket.pictures.portraits import draw_portraits
from pocket.pictures.scenes import SceneMaker

SEED = 5
FOLDER = Path(__file__).parents[1] / "models" / "faces-pocket"
DETECTOR, RECOGNIZER, ATTRIBUTES = "det_pocket.onnx", "rec_pocket.onnx", "genderage.onnx"
PORTRAIT_SIZE = 128  # side in pixels
FAMILY = "learn"  # people to train on; the evaluation has its own


@dataclass(frozen=True)
class FacepackBudget:
    """How much is drawn, trained and evaluated; one step is one batch."""

    persons: int = 1600
    moments: int = 4
    backgrounds: int = 1500
    detector_steps: int = 800
    recognizer_steps: int = 400
    attributes_steps: int = 250
    evaluation_persons: int = 100
    evaluation_scenes: int = 1000


def write_facepack(
    folder: Path = FOLDER, seed: int = SEED, budget: FacepackBudget | None = None, device: str = "cpu"
) -> FacepackScores:
    """Trains (about ten minutes on 2 cores), writes and evaluates the pack.

    Pictures depend on the seed only. Weights also depend on the device and its number of threads, by rounding.
    """
    budget = budget or FacepackBudget()
    train_facepack(folder, seed, budget, device)
    return evaluate_facepack(folder, seed, budget)


def evaluate_facepack(folder: Path, seed: int, budget: FacepackBudget) -> FacepackScores:
    """Evaluates the pack on held-out people, and writes its threshold and its model card."""
    scores = evaluate(folder, budget.evaluation_persons, budget.evaluation_scenes, seed)
    write_calibration(folder, scores)
    (folder / "README.md").write_text(model_card(folder, scores, seed, budget), encoding="utf-8")
    return scores


def train_facepack(folder: Path, seed: int, budget: FacepackBudget, device: str = "cpu") -> None:
    """Trains the three networks and writes their files."""
    folder.mkdir(parents=True, exist_ok=True)
    portraits = draw_portraits(FAMILY, budget.persons, budget.moments, PORTRAIT_SIZE, seed)

    random = seeded_generator(DETECTOR, seed, device)
    maker = SceneMaker(portraits, SCENE_SIZE, random, budget.backgrounds)
    detector = train_detector(maker, budget.detector_steps)
    names = [f"{kind}_{stride}" for kind in ("score", "bbox", "kps") for stride in STRIDES]
    dynamic = {2: "height", 3: "width"}
    write_onnx(detector, torch.zeros(1, 3, SCENE_SIZE, SCENE_SIZE), folder / DETECTOR, names, dynamic)
    for train, size, steps, name in (
        (train_recognizer, recognizer.SIZE, budget.recognizer_steps, RECOGNIZER),
        (train_attributes, attributes.SIZE, budget.attributes_steps, ATTRIBUTES),
    ):
        model = train(portraits, steps, seeded_generator(name, seed, device))
        write_onnx(model, torch.zeros(1, 3, size, size), folder / name, ["output"], {0: "batch"})


def write_calibration(folder: Path, scores: FacepackScores) -> None:
    """Writes `calibration.json`: the threshold, the file it belongs to, and the rates it was measured at."""
    record = {
        "model": RECOGNIZER,
        "sha256": sha256(folder / RECOGNIZER),
        "detection_size": DET_SIZE[0],
        "threshold": round(scores.threshold, 4),
        "false_accept_rate": FALSE_ACCEPTS,
        "true_accept_rate": round(scores.true_accepts, 4),
        "pairs": {"same": scores.counts["same"], "different": scores.counts["different"]},
    }
    write_json(folder / CALIBRATION, record)


def model_card(folder: Path, scores: FacepackScores, seed: int, budget: FacepackBudget) -> str:
    """Returns the text of `README.md`."""
    files = "\n".join(
        f"| `{path.name}` | {task} | {path.stat().st_size:,} | `{sha256(path)}` |"
        for path, task in (
            (folder / DETECTOR, "detection: SCRFD format, strides 8, 16, 32, two anchors, five landmarks"),
            (folder / RECOGNIZER, "recognition: ArcFace format, 112×112, 512 dimensions"),
            (folder / ATTRIBUTES, "gender and age, 96×96"),
        )
    )
    n = scores.counts
    return f"""# faces-pocket

A pack for `insightface.app.FaceAnalysis`, trained on the drawn faces of this repository; it does not work on
photographs. Use it with `det_size={DET_SIZE}`. Weights are stored as float16; the graphs compute in float32.

| file | task | bytes | SHA-256 |
| --- | --- | --- | --- |
{files}

## Training

`python -m pocket faces` (`pocket/facepack/pack.py`), seed {seed}: {budget.persons:,} drawn people with {budget.moments}
expressions each, {PORTRAIT_SIZE} pixels a side; {budget.detector_steps} batches for the detector (scenes with up to
three faces on generated backgrounds), {budget.recognizer_steps} for the recognizer, {budget.attributes_steps} for
gender and age.

## Evaluation

Through insightface, on {budget.evaluation_persons} held-out people with all twelve expressions, portraits of 112 and
224 pixels. *Degraded* means blurred, noisy and tinted at random. A pair is two portraits, of the same person or of two.

| metric | n | score |
| --- | --- | --- |
| exactly one face found in a portrait | {n["portraits"]:,} | {scores.one:.2%} |
| exactly one face found in a degraded portrait | {n["portraits"]:,} | {scores.one_degraded:.2%} |
| no face found in an empty scene | {n["empty"]:,} | {scores.none:.2%} |
| two faces found in a picture of two people | {n["two"]:,} | {scores.two:.2%} |
| box: mean intersection over union | | {scores.overlap:.3f} |
| landmarks: mean error over eye distance (95% quantile) | | {scores.error:.3f} ({scores.error_95:.3f}) |
| verification: area under the ROC curve | {n["same"]:,} and {n["different"]:,} | {scores.auc:.4f} |
| true accepts at {FALSE_ACCEPTS:.0%} false accepts (cosine ≥ {scores.threshold:.3f}) | | {scores.true_accepts:.2%} |
| true accepts at this cosine, one of the pair degraded | | {scores.degraded_true_accepts:.2%} |
| false accepts at this cosine, one of the pair degraded | | {scores.degraded_false_accepts:.2%} |
| gender: accuracy | {n["portraits"]:,} | {scores.gender:.2%} |
| age: mean absolute error | {n["portraits"]:,} | {scores.age:.1f} years |

## Limitations

It detects drawn faces whose side is between about 11% and 86% of the longer side of the picture. Hair, glasses and
beard count as features of a person, since they are constant for each drawn person. Other values of `det_size` work, but
it was trained at 128 only: from 160 on it misses large or blurred faces, and landmarks are less accurate.
"""
