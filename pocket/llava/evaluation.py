"""Measures a pocket LLaVA on faces and texts that it has not seen.

Knows nothing of how the model was made or tuned, it takes any `mirror.models.llava.Llava`; and nothing of clients.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np
import torch
from PIL import Image
from scipy.stats import binomtest

from mirror.models.llava import Llava, generate
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

SEED = 1303  # of faces, clients and texts that nothing learns from, and no setting was chosen by (that was 91)
NAMES = tuple(EXPRESSIONS)
ASKED = own_template("emotion_recognition", "ec").text
SIZE = 112  # pixels a side of a face, as counseling keeps it


@dataclass(frozen=True)
class Rate:
    """`hits` of `n`, with the exact (Clopper–Pearson) 95 % interval."""

    hits: int
    n: int

    @classmethod
    def of(cls, answers: Sequence[bool]) -> "Rate":
        return cls(sum(answers), len(answers))

    @property
    def share(self) -> float:
        return self.hits / self.n

    @property
    def interval(self) -> tuple[float, float]:
        found = binomtest(self.hits, self.n).proportion_ci(0.95, "exact")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.share:.1%} ({low:.1%} … {high:.1%}, n = {self.n})"


@dataclass(frozen=True)
class BaseScores:
    """What the untuned model scored.

    Attributes:
        probe, degraded_probe: expressions right that a linear probe on the mean of the tower's features reads, from clean
            faces and from worn ones (moved, bent, soft, noisy, tinted).
        captions: captions right; `forced`: right where it must choose among the twelve names.
        general, dialogues: mean loss in nats a token, on other texts of the kinds it knows and on pocket dialogues.
    """

    probe: Rate
    degraded_probe: Rate
    captions: Rate
    forced: Rate
    general: float
    dialogues: float


def evaluate(llava: Llava, faces: int = 480, seed: int = SEED) -> BaseScores:
    """The exam of an untuned model, on `faces` faces of as many people."""
    known = draw_portraits("probe", 2 * faces, 1, SIZE, seed)
    shown = draw_portraits("exam", faces, 1, SIZE, seed)
    probe = Probe(llava, known, seed)
    images = [Image.fromarray(image) for image in shown.images]
    fewer = list(range(0, faces, 5))  # all twelve expressions: 5 and 12 have no common divisor
    return BaseScores(
        probe=probe.read(shown, is_degraded=False),
        degraded_probe=probe.read(shown, is_degraded=True),
        captions=captions_right(llava, images, shown.expressions),
        forced=forced_right(llava, [images[k] for k in fewer], shown.expressions[fewer]),
        general=general_loss(llava, seed),
        dialogues=dialogue_loss(llava, seed),
    )


# The eye --------------------------------------------------------------------------------------------------------------


class Probe:
    """A linear probe (ridge regression to the twelve expressions) on the mean of the tower's features."""

    def __init__(self, llava: Llava, portraits: Portraits, seed: int) -> None:
        self.llava = llava
        size, device = llava.model.config.vision_config.image_size, llava.model.device
        self.eye = Augmenter(llava.processor.image_processor, size, str(device), seed)
        clean, worn = self._means(portraits, False), self._means(portraits, True)
        rows = np.concatenate([clean, worn])
        self.centre, self.spread = rows.mean(0), rows.std(0) + 1e-6
        rows = self._scaled(rows)
        wanted = np.tile(np.eye(len(NAMES))[portraits.expressions], (2, 1))
        self.weights = np.linalg.solve(rows.T @ rows + 3 * np.eye(rows.shape[1]), rows.T @ wanted)

    def read(self, portraits: Portraits, is_degraded: bool) -> Rate:
        found = (self._scaled(self._means(portraits, is_degraded)) @ self.weights).argmax(1)
        return Rate.of((found == portraits.expressions).tolist())

    def _scaled(self, rows: np.ndarray) -> np.ndarray:
        return np.hstack([(rows - self.centre) / self.spread, np.ones((len(rows), 1))])

    @torch.no_grad()
    def _means(self, portraits: Portraits, is_degraded: bool) -> np.ndarray:
        images = torch.tensor(portraits.images, device=self.llava.model.device).permute(0, 3, 1, 2)
        see = self.eye.worn if is_degraded else self.eye.clean
        return np.concatenate(
            [features(self.llava.model, see(part)).mean(1).float().cpu().numpy() for part in images.split(64)]
        ).astype(float)


def captions_right(llava: Llava, images: Sequence[Image.Image], expressions: Sequence[int]) -> Rate:
    """How many greedy captions name a feeling of the expression (a number among `NAMES`) that shows."""
    said: list[str] = []
    for start in range(0, len(images), 48):
        part = images[start : start + 48]
        said += generate(llava, [ASKED] * len(part), part, 8)
    found = [expression_of(text) for text in said]
    return Rate.of([f is not None and f.name == NAMES[e] for f, e in zip(found, expressions, strict=True)])


@torch.inference_mode()
def forced_right(llava: Llava, images: Sequence[Image.Image], expressions: Sequence[int]) -> Rate:
    """How often, of `Looks skeptical` and the eleven others, the right one has the least loss a token."""
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


# The language ---------------------------------------------------------------------------------------------------------


def general_loss(llava: Llava, seed: int) -> float:
    """Mean loss on texts of the kinds that it was pre-trained on (those without a picture), which it has not seen."""
    random = stream("exam texts", seed)
    written = (write_text([Stranger.from_seed(seed, 0, False)], random) for _ in range(100))
    texts = [text for text in written if text.face is None]
    return _loss(llava, [(e.ids, e.labels) for e in encode(texts, llava.tokenizer, llava.image_token_id, 0)])


def dialogue_loss(llava: Llava, seed: int) -> float:
    """Mean loss on therapists' replies of pocket dialogues of other clients, without their faces."""
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
