"""Evaluates an insightface pack on held-out drawn people, through insightface's models.

Works on any folder of an insightface pack.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.stats import rankdata
from tqdm import tqdm

from mirror.faces.identity import find_faces, load_models
from pocket.drawing.canvas import mix
from pocket.drawing.faces import BACKGROUNDS
from pocket.drawing.identities import SKINS
from pocket.pictures.portraits import Portraits, draw_portraits
from pocket.pictures.scenes import SceneMaker
from pocket.pictures.warping import degrade
from pocket.seeds import stream

DET_SIZE = (128, 128)
FALSE_ACCEPTS = 0.01
FAMILY = "exam"  # held-out people: no training uses this family
SIZES = (224, 112)  # sides of the portraits in pixels, alternating


@dataclass(frozen=True)
class FacepackScores:
    """Scores of a face pack. Rates are 0 … 1 of the `counts` of their kind.

    Attributes:
        one: Rate of portraits in which exactly one face was found.
        one_degraded: The same for blurred, noisy and tinted portraits.
        none: Rate of empty scenes in which no face was found.
        two: Rate of pictures of two people in which two faces were found.
        overlap: Mean intersection over union of detected and true boxes.
        error: Mean distance of a detected landmark from the true one, relative to the distance between the eyes.
        error_95: The 95% quantile of this error over faces.
        auc: Area under the ROC curve of same against different persons.
        threshold: The cosine similarity at a false-accept rate of `FALSE_ACCEPTS`.
        true_accepts: Rate of same pairs at or above the threshold.
        degraded_true_accepts: The same with one picture of each pair degraded.
        degraded_false_accepts: Rate of different pairs at or above the threshold, one picture of each degraded.
        gender: Accuracy of the gender.
        age: Mean absolute error of the age in years.
        counts: Numbers of `portraits`, `empty` scenes, pictures of `two` people, `same` and `different` pairs.
    """

    one: float
    one_degraded: float
    none: float
    two: float
    overlap: float
    error: float
    error_95: float
    auc: float
    threshold: float
    true_accepts: float
    degraded_true_accepts: float
    degraded_false_accepts: float
    gender: float
    age: float
    counts: dict[str, int]


def load_pack(folder: Path) -> dict[str, Any]:
    """Loads the pack's models by task, on the CPU."""
    return load_models(folder, ("detection", "recognition", "genderage"), DET_SIZE)


def evaluate(folder: Path, persons: int, scenes: int, seed: int) -> FacepackScores:
    """Evaluates the pack.

    Args:
        folder: The pack.
        persons: Number of people, each with all twelve expressions.
        scenes: Number of empty scenes, and of pictures of two people.
        seed: Seed of people and scenes.

    Raises:
        ValueError: The pack finds a face in fewer than half of the portraits.
    """
    pack = load_pack(folder)
    portraits = draw_portraits(FAMILY, persons, 12, SIZES[0], seed)
    images = [shrink(image, SIZES[k % len(SIZES)]) for k, image in enumerate(portraits.images)]
    random = torch.Generator().manual_seed(seed)
    found = find_all(pack, images, "portraits")
    degraded = find_all(pack, [degrade_image(image, random) for image in images], "degraded portraits")
    empty = find_all(pack, list(empty_scenes(portraits, scenes, random, seed)), "empty scenes")
    two = find_all(pack, list(pictures_of_two(images, scenes, seed)), "two people")
    clear = [k for k, faces in enumerate(found) if len(faces) == 1]
    both = [k for k in clear if len(degraded[k]) == 1]
    if len(both) < len(images) / 2:
        raise ValueError(f"{folder}: one face found in {len(both)} of {len(images)} portraits; train for longer")
    errors = [point_error(found[k][0], portraits, k, len(images[k])) for k in clear]
    overlaps = [box_overlap(found[k][0], portraits, k, len(images[k])) for k in clear]
    recognition, pairs = _recognition(found, degraded, clear, both, portraits.persons)
    return FacepackScores(
        one=len(clear) / len(images),
        one_degraded=_rate(len(faces) == 1 for faces in degraded),
        none=_rate(not faces for faces in empty),
        two=_rate(len(faces) == 2 for faces in two),
        overlap=float(np.mean(overlaps)),
        error=float(np.mean(errors)),
        error_95=float(np.quantile(errors, 0.95)),
        gender=_rate(bool(found[k][0].gender) == portraits.men[k] for k in clear),
        age=float(np.mean([abs(found[k][0].age - portraits.ages[k]) for k in clear])),
        counts={"portraits": len(images), "empty": len(empty), "two": len(two), **pairs},
        **recognition,
    )


def find_all(pack: dict[str, Any], images: Sequence[np.ndarray], name: str) -> list[list]:
    """Detects the faces of each picture, with a progress bar."""
    return [find_faces(pack, image) for image in tqdm(images, desc=name, unit="picture", mininterval=2)]


def _rate(answers: Iterable[bool]) -> float:
    return float(np.mean(list(answers)))


def _recognition(
    found: list[list], degraded: list[list], clear: list[int], both: list[int], persons: np.ndarray
) -> tuple[dict[str, float], dict[str, int]]:
    """Returns the verification scores and the numbers of pairs; `clear` and `both` are indices of usable pictures."""
    embeddings = np.stack([found[k][0].normed_embedding for k in clear])
    same, different = pair_cosines(embeddings, embeddings, persons[clear])
    threshold = float(np.quantile(different, 1 - FALSE_ACCEPTS))
    sharp = np.stack([found[k][0].normed_embedding for k in both])
    blunt = np.stack([degraded[k][0].normed_embedding for k in both])
    degraded_same, degraded_different = pair_cosines(sharp, blunt, persons[both])
    scores = {
        "auc": area_under_curve(same, different),
        "threshold": threshold,
        "true_accepts": float((same >= threshold).mean()),
        "degraded_true_accepts": float((degraded_same >= threshold).mean()),
        "degraded_false_accepts": float((degraded_different >= threshold).mean()),
    }
    return scores, {"same": len(same), "different": len(different)}


def pair_cosines(one: np.ndarray, other: np.ndarray, persons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the cosines of all same-person pairs and of all different-person pairs.

    Args:
        one: [n, d] normalized embeddings.
        other: [n, d] normalized embeddings of the same people.
        persons: [n] the person of each row.
    """
    first, second = np.triu_indices(len(persons), 1)
    cosines = (one @ other.T)[first, second]
    alike = persons[first] == persons[second]
    return cosines[alike], cosines[~alike]


def area_under_curve(same: np.ndarray, different: np.ndarray) -> float:
    """Returns the area under the ROC curve: the normalized Mann–Whitney U statistic of the two sets of scores."""
    ranks = rankdata(np.concatenate([same, different]))[: len(same)]
    return float((ranks.sum() - len(same) * (len(same) + 1) / 2) / (len(same) * len(different)))


def point_error(face, portraits: Portraits, number: int, size: int) -> float:
    """Returns the mean distance of the five landmarks from the true ones, relative to the distance between the eyes."""
    true = portraits.points[number] * size / portraits.size
    return float(np.linalg.norm(face.kps - true, axis=1).mean() / np.linalg.norm(true[1] - true[0]))


def box_overlap(face, portraits: Portraits, number: int, size: int) -> float:
    """Returns the intersection over union of the detected and the true box."""
    true = portraits.boxes[number] * size / portraits.size
    sides = np.minimum(face.bbox[2:], true[2:]) - np.maximum(face.bbox[:2], true[:2])
    shared = np.prod(sides.clip(0))
    return float(shared / (np.prod(face.bbox[2:] - face.bbox[:2]) + np.prod(true[2:] - true[:2]) - shared))


def degrade_image(image: np.ndarray, random: torch.Generator) -> np.ndarray:
    """Returns the picture blurred, noisy and tinted at random."""
    size = len(image)
    degraded = degrade(torch.tensor(image).permute(2, 0, 1)[None].float(), random, size / 100, 10, 0.08)
    return degraded[0].permute(1, 2, 0).byte().numpy()


def shrink(image: np.ndarray, size: int) -> np.ndarray:
    """Returns the picture resized to `size` pixels a side."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))


def pictures_of_two(images: Sequence[np.ndarray], count: int, seed: int) -> Iterator[np.ndarray]:
    """Yields portraits of two people, side by side or one above the other."""
    random = stream("pictures of two", seed)
    for number in range(count):
        pair = [shrink(images[k], 112) for k in random.sample(range(len(images)), 2)]
        yield np.concatenate(pair, axis=number % 2)


def empty_scenes(portraits: Portraits, count: int, random: torch.Generator, seed: int) -> Iterator[np.ndarray]:
    """Yields scenes without a face: half like the training scenes (other seeds), half of kinds not trained on."""
    maker = SceneMaker(portraits, 160, random, backgrounds=max(1, count // 4))
    for image in maker.make(count // 2, faces=0).images:
        yield image.permute(1, 2, 0).byte().numpy()
    kinds = itertools.cycle((_written, _noise, _shapes, _plain))
    for number in range(count // 2, count):
        yield next(kinds)(number, seed)


def _plain(number: int, seed: int) -> np.ndarray:
    random = stream("plain scene", seed, number)
    color = mix(random.choice(BACKGROUNDS), (90, 90, 90), random.random())
    return np.full((random.randint(100, 300), random.randint(100, 300), 3), color, dtype=np.uint8)


def _written(number: int, seed: int) -> np.ndarray:
    random = stream("written scene", seed, number)
    image = Image.new("RGB", (200, 200), random.choice(BACKGROUNDS))
    draw = ImageDraw.Draw(image)
    for line in range(random.randint(1, 9)):
        text = "".join(random.choice("abcdefghij klmnop qrstuvw xyz ABCDOQ 0123456789") for _ in range(24))
        draw.text((8, 8 + 20 * line), text, fill=(20, 20, 40), font_size=random.randint(10, 24))
    return np.asarray(image)


def _noise(number: int, seed: int) -> np.ndarray:
    numbers = np.random.default_rng([seed, number])
    cells = int(numbers.integers(2, 160))
    small = Image.fromarray(numbers.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
    return np.asarray(small.resize((160, 160), Image.Resampling.BICUBIC))


def _shapes(number: int, seed: int) -> np.ndarray:
    """Draws a skin-colored head without features on a body, and boxes beside it."""
    random = stream("scene of shapes", seed, number)
    image = Image.new("RGB", (200, 200), random.choice(BACKGROUNDS))
    draw = ImageDraw.Draw(image)
    for _ in range(random.randint(0, 5)):
        x, y = random.randint(0, 160), random.randint(0, 160)
        box = (x, y, x + random.randint(5, 80), y + random.randint(5, 80))
        draw.rectangle(box, fill=tuple(random.randint(0, 255) for _ in range(3)))
    x, y, r = random.randint(50, 150), random.randint(50, 120), random.randint(20, 60)
    draw.ellipse((x - 1.6 * r, y + r, x + 1.6 * r, y + 4 * r), fill=tuple(random.randint(0, 255) for _ in range(3)))
    draw.ellipse((x - 0.8 * r, y - r, x + 0.8 * r, y + r), fill=random.choice(SKINS))
    return np.asarray(image)
