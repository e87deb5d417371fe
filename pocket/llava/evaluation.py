"""Evaluates a pocket LLaVA on held-out faces and texts.

Works on any `mirror.models.llava.Llava`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np
import torch
from PIL import Image
from scipy.stats import binomtest

from mirror.models.families.vlm import generate
from mirror.models.llava import Llava
from mirror.models.llava_chat import tokenize
from mirror.prompts import own_template
from pocket.drawing.expressions import EXPRESSIONS, expression_of
from pocket.llava.pretraining import encode, write_text
from pocket.llava.tower import Augmenter, features
from pocket.pictures.portraits import Portraits, draw_portraits
from pocket.pictures.strangers import Stranger
from pocket.seeds import stream
from pocket.texts.clients import Client
from pocket.texts.dialogues import write_dialogue

SEED = 1303  # the test seed; hyperparameters were selected on seed 91
NAMES = tuple(EXPRESSIONS)
ASKED = own_template("emotion_recognition", "ec").text
SIZE = 112  # side of a face in pixels, as in counseling


@dataclass(frozen=True)
class Rate:
    """`hits` of `n`, with the exact (Clopper–Pearson) 95% confidence interval."""

    hits: int
    n: int

    @classmethod
    def of(cls, answers: Sequence[bool]) -> "Rate":
        """Counts the true answers."""
        return cls(sum(answers), len(answers))

    @property
    def share(self) -> float:
        """The rate, 0 … 1."""
        return self.hits / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds of the confidence interval."""
        found = binomtest(self.hits, self.n).proportion_ci(0.95, "exact")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.share:.1%} ({low:.1%} … {high:.1%}, n = {self.n})"


@dataclass(frozen=True)
class BaseScores:
    """Scores of the base model.

    Attributes:
        probe: Accuracy of a linear probe for the expression, on the mean of the tower's features.
        degraded_probe: The same on degraded faces (moved, distorted, blurred, noisy, tinted).
        captions: Correct greedy captions.
        forced: Correct forced choices among the twelve names.
        general: Mean loss on held-out pre-training texts, in nats per token.
        dialogues: Mean loss on therapists' replies in pocket dialogues, in nats per token.
    """

    probe: Rate
    degraded_probe: Rate
    captions: Rate
    forced: Rate
    general: float
    dialogues: float


def evaluate(llava: Llava, faces: int = 480, seed: int = SEED) -> BaseScores:
    """Evaluates a base model on `faces` faces of different people."""
    training = draw_portraits("probe", 2 * faces, 1, SIZE, seed)
    shown = draw_portraits("exam", faces, 1, SIZE, seed)
    probe = Probe(llava, training, seed)
    images = [Image.fromarray(image) for image in shown.images]
    fewer = list(range(0, faces, 5))  # all twelve expressions: 5 and 12 are coprime
    return BaseScores(
        probe=probe.read(shown, is_degraded=False),
        degraded_probe=probe.read(shown, is_degraded=True),
        captions=captions_right(llava, images, shown.expressions),
        forced=forced_right(llava, [images[k] for k in fewer], shown.expressions[fewer]),
        general=general_loss(llava, seed),
        dialogues=dialogue_loss(llava, seed),
    )


# Vision ---------------------------------------------------------------------------------------------------------------


class Probe:
    """A linear probe (ridge regression to the twelve expressions) on the mean of the tower's features."""

    def __init__(self, llava: Llava, portraits: Portraits, seed: int) -> None:
        """Fits the probe on `portraits`, once clean and once degraded."""
        self.llava = llava
        size, device = llava.model.config.vision_config.image_size, llava.model.device
        self.augmenter = Augmenter(llava.processor.image_processor, size, str(device), seed)
        clean, degraded = self._means(portraits.images, False), self._means(portraits.images, True)
        rows = np.concatenate([clean, degraded])
        self.center, self.spread = rows.mean(0), rows.std(0) + 1e-6
        rows = self._scaled(rows)
        targets = np.tile(np.eye(len(NAMES))[portraits.expressions], (2, 1))
        self.weights = np.linalg.solve(rows.T @ rows + 3 * np.eye(rows.shape[1]), rows.T @ targets)

    def read(self, portraits: Portraits, is_degraded: bool) -> Rate:
        """Returns how many expressions the probe predicts correctly."""
        return Rate.of((self.predict(portraits.images, is_degraded) == portraits.expressions).tolist())

    def predict(self, images: np.ndarray, is_degraded: bool) -> np.ndarray:
        """Predicts the expressions' indices [n] of pictures [n, size, size, 3], uint8."""
        return (self._scaled(self._means(images, is_degraded)) @ self.weights).argmax(1)

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        return np.hstack([(rows - self.center) / self.spread, np.ones((len(rows), 1))])

    @torch.no_grad()
    def _means(self, pictures: np.ndarray, is_degraded: bool) -> np.ndarray:
        images = torch.tensor(pictures, device=self.llava.model.device).permute(0, 3, 1, 2)
        prepare = self.augmenter.degraded if is_degraded else self.augmenter.clean
        return np.concatenate(
            [features(self.llava.model, prepare(part)).mean(1).float().cpu().numpy() for part in images.split(64)]
        ).astype(float)


def captions_right(llava: Llava, images: Sequence[Image.Image], expressions: Sequence[int]) -> Rate:
    """Returns how many greedy captions name a feeling of the expression shown, an index into `NAMES`."""
    captions: list[str] = []
    for start in range(0, len(images), 48):
        part = images[start : start + 48]
        captions += generate(llava, [ASKED] * len(part), part, 8)
    found = [expression_of(text) for text in captions]
    return Rate.of([f is not None and f.name == NAMES[e] for f, e in zip(found, expressions, strict=True)])


@torch.inference_mode()
def forced_right(llava: Llava, images: Sequence[Image.Image], expressions: Sequence[int]) -> Rate:
    """Returns how often the right one of the captions `Looks <name>` has the lowest loss per token."""
    rows = [
        tokenize(llava.tokenizer, [(ASKED, f"Looks {name}")], llava.image_token_id, llava.image_tokens)
        for name in NAMES
    ]
    longest = max(map(len, rows))
    ids = torch.tensor([r.input_ids + [llava.tokenizer.pad_token_id] * (longest - len(r)) for r in rows])
    labels = torch.tensor([r.labels + [-100] * (longest - len(r)) for r in rows])
    ids, labels = ids.to(llava.model.device), labels.to(llava.model.device)
    chosen = []
    for image in images:
        pixels = llava.pixel_values([image]).to(llava.model.device, llava.model.dtype)
        logits = llava.model(input_ids=ids, pixel_values=pixels.expand(len(rows), -1, -1, -1)).logits[:, :-1].float()
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels[:, 1:], reduction="none")
        chosen.append(int((losses.sum(1) / (labels[:, 1:] != -100).sum(1)).argmin()))
    return Rate.of([c == e for c, e in zip(chosen, expressions, strict=True)])


# Language -------------------------------------------------------------------------------------------------------------


def general_loss(llava: Llava, seed: int) -> float:
    """Returns the mean loss on held-out texts of the pre-training kinds that have no picture."""
    random = stream("exam texts", seed)
    written = (write_text([Stranger.from_seed(seed, 0, False)], random) for _ in range(100))
    texts = [text for text in written if text.face is None]
    return _loss(llava, [(e.ids, e.labels) for e in encode(texts, llava.tokenizer, llava.image_token_id, 0)])


def dialogue_loss(llava: Llava, seed: int) -> float:
    """Returns the mean loss on therapists' replies in pocket dialogues of held-out clients, without their faces."""
    rows = []
    for dialogue in (write_dialogue(Client.from_seed(seed, idx), seed) for idx in range(12)):
        client, said = dialogue.client, ""
        for exchange in dialogue.exchanges:
            said += f"\nClient: {exchange.client}" if exchange.client else ""
            fields = {"personal_information": client.personal_information, "dialogue": said.strip()}
            human = own_template("response", "base").render(
                **fields, reason_for_counseling=client.reason_for_counseling
            )
            turns = [(human.replace("<image>\n", ""), exchange.therapist)]
            tokens = tokenize(llava.tokenizer, turns, llava.image_token_id, 0)
            rows.append((tokens.input_ids, tokens.labels))
            said += f"\nTherapist: {exchange.therapist}"
    return _loss(llava, rows)


@torch.inference_mode()
def _loss(llava: Llava, rows: list[tuple[list[int], list[int]]]) -> float:
    device = llava.model.device
    return mean(
        llava.model(input_ids=torch.tensor([ids], device=device), labels=torch.tensor([labels], device=device)).loss
        .float().item()
        for ids, labels in rows
    )  # fmt: skip
