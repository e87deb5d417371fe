"""Measures an insightface pack on drawn people that it has not seen, through insightface's models.

Knows nothing of how the pack was made: it takes any folder of an insightface pack.
"""

import itertools
from collections.abc import Iterable, Sequence
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
FAMILY = "exam"  # of people; nothing learns from them
SIZES = (224, 112)  # pixels a side of the portraits, by turns


@dataclass(frozen=True)
class Exam:
    """What a pack scored. Shares are 0 … 1 of the `counts` of their kind.

    Attributes:
        one: share of portraits in which exactly one face was found; `worn`: of blurred, noisy, tinted ones.
        none: share of empty scenes in which none was found.
        two: share of pictures of two people in which two were found.
        overlap: mean of intersection over union of found and true boxes.
        miss: mean distance of a found point from the true one, as a share of the distance of the eyes; `miss_95`: the
            95 % quantile over faces.
        auc: area under the curve of same against different persons.
        threshold: the cosine at a false-accept rate of `FALSE_ACCEPTS`; `true_accepts` is the share of same pairs at
            or above it, `worn_true_accepts` and `worn_false_accepts` are both shares with one picture of a pair worn.
        gender: share of right genders. `age`: mean absolute error in years.
        counts: portraits, empty, two, same, different.
    """

    one: float
    worn: float
    none: float
    two: float
    overlap: float
    miss: float
    miss_95: float
    auc: float
    threshold: float
    true_accepts: float
    worn_true_accepts: float
    worn_false_accepts: float
    gender: float
    age: float
    counts: dict[str, int]


def load_pack(folder: Path) -> dict[str, Any]:
    """The pack's models by task, on the CPU."""
    return load_models(folder, ("detection", "recognition", "genderage"), DET_SIZE)


def examine(folder: Path, persons: int, scenes: int, seed: int) -> Exam:
    """Shows the pack every expression of `persons` people, and `scenes` each of empty scenes and pictures of two.

    Raises:
        ValueError: the pack finds hardly a face, so that there is nothing to compare.
    """
    pack = load_pack(folder)
    portraits = draw_portraits(FAMILY, persons, 12, SIZES[0], seed)
    images = [shrink(image, SIZES[k % len(SIZES)]) for k, image in enumerate(portraits.images)]
    random = torch.Generator().manual_seed(seed)
    found = find_all(pack, images, "portraits")
    worn = find_all(pack, [wear(image, random) for image in images], "worn portraits")
    empty = find_all(pack, list(empty_scenes(portraits, scenes, random, seed)), "empty scenes")
    two = find_all(pack, list(pictures_of_two(images, scenes, seed)), "two people")
    clear = [k for k, faces in enumerate(found) if len(faces) == 1]
    both = [k for k in clear if len(worn[k]) == 1]
    if len(both) < len(images) / 2:
        raise ValueError(f"{folder}: one face found in {len(both)} of {len(images)} portraits; train for longer")
    misses = [point_error(found[k][0], portraits, k, len(images[k])) for k in clear]
    overlaps = [box_overlap(found[k][0], portraits, k, len(images[k])) for k in clear]
    recognition, pairs = _recognition(found, worn, clear, both, portraits.persons)
    return Exam(
        one=len(clear) / len(images),
        worn=_share(len(faces) == 1 for faces in worn),
        none=_share(not faces for faces in empty),
        two=_share(len(faces) == 2 for faces in two),
        overlap=float(np.mean(overlaps)),
        miss=float(np.mean(misses)),
        miss_95=float(np.quantile(misses, 0.95)),
        gender=_share(bool(found[k][0].gender) == portraits.men[k] for k in clear),
        age=float(np.mean([abs(found[k][0].age - portraits.ages[k]) for k in clear])),
        counts={"portraits": len(images), "empty": len(empty), "two": len(two), **pairs},
        **recognition,
    )


def find_all(pack: dict[str, Any], images: Sequence[np.ndarray], name: str) -> list[list]:
    """The faces of each picture, with a progress bar."""
    return [find_faces(pack, image) for image in tqdm(images, desc=name, unit="picture", mininterval=2)]


def _share(answers: Iterable[bool]) -> float:
    return float(np.mean(list(answers)))


def _recognition(found, worn, clear, both, persons) -> tuple[dict[str, float], dict[str, int]]:
    """How well embeddings tell people apart, and of how many pairs; `clear` and `both` number the pictures to use."""
    embeddings = np.stack([found[k][0].normed_embedding for k in clear])
    same, different = compare(embeddings, embeddings, persons[clear])
    threshold = float(np.quantile(different, 1 - FALSE_ACCEPTS))
    sharp = np.stack([found[k][0].normed_embedding for k in both])
    blunt = np.stack([worn[k][0].normed_embedding for k in both])
    worn_same, worn_different = compare(sharp, blunt, persons[both])
    scores = {
        "auc": area_under_curve(same, different),
        "threshold": threshold,
        "true_accepts": float((same >= threshold).mean()),
        "worn_true_accepts": float((worn_same >= threshold).mean()),
        "worn_false_accepts": float((worn_different >= threshold).mean()),
    }
    return scores, {"same": len(same), "different": len(different)}


def compare(one: np.ndarray, other: np.ndarray, persons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of all pairs of pictures of one person, and of two; embeddings are [n, d], of length 1."""
    first, second = np.triu_indices(len(persons), 1)
    cosines = (one @ other.T)[first, second]
    alike = persons[first] == persons[second]
    return cosines[alike], cosines[~alike]


def area_under_curve(same: np.ndarray, different: np.ndarray) -> float:
    """The chance that a same pair has a higher cosine than a different one (Mann–Whitney's U by its largest value)."""
    ranks = rankdata(np.concatenate([same, different]))[: len(same)]
    return float((ranks.sum() - len(same) * (len(same) + 1) / 2) / (len(same) * len(different)))


def point_error(face, portraits: Portraits, number: int, size: int) -> float:
    """Mean distance of the five points from where they were drawn, as a share of the distance of the eyes."""
    true = portraits.points[number] * size / portraits.size
    return float(np.linalg.norm(face.kps - true, axis=1).mean() / np.linalg.norm(true[1] - true[0]))


def box_overlap(face, portraits: Portraits, number: int, size: int) -> float:
    """Intersection over union of the box found and the box drawn."""
    true = portraits.boxes[number] * size / portraits.size
    sides = np.minimum(face.bbox[2:], true[2:]) - np.maximum(face.bbox[:2], true[:2])
    shared = np.prod(sides.clip(0))
    return float(shared / (np.prod(face.bbox[2:] - face.bbox[:2]) + np.prod(true[2:] - true[:2]) - shared))


def wear(image: np.ndarray, random: torch.Generator) -> np.ndarray:
    """The picture after a worse camera: blurred, noisy, of shifted colours."""
    size = len(image)
    worn = degrade(torch.tensor(image).permute(2, 0, 1)[None].float(), random, size / 100, 10, 0.08)
    return worn[0].permute(1, 2, 0).byte().numpy()


def shrink(image: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))


def pictures_of_two(images: Sequence[np.ndarray], count: int, seed: int):
    """Portraits of two people side by side or one above the other."""
    random = stream("pictures of two", seed)
    for number in range(count):
        pair = [shrink(images[k], 112) for k in random.sample(range(len(images)), 2)]
        yield np.concatenate(pair, axis=number % 2)


def empty_scenes(portraits: Portraits, count: int, random: torch.Generator, seed: int):
    """Scenes without a face: half as the detector learned from (of other seeds), half of kinds it never saw."""
    maker = SceneMaker(portraits, 160, random, backgrounds=max(1, count // 4))
    for image in maker.make(count // 2, faces=0).images:
        yield image.permute(1, 2, 0).byte().numpy()
    kinds = itertools.cycle((_written, _noise, _shapes, _plain))
    for number in range(count // 2, count):
        yield next(kinds)(number, seed)


def _plain(number: int, seed: int) -> np.ndarray:
    random = stream("plain scene", seed, number)
    colour = mix(random.choice(BACKGROUNDS), (90, 90, 90), random.random())
    return np.full((random.randint(100, 300), random.randint(100, 300), 3), colour, dtype=np.uint8)


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
    """A skin-coloured head without features on a body, and boxes beside it."""
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
