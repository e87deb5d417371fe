"""Writes the pocket LLaVA's model card: evaluates the base model, fine-tunes it for each variant, evaluates those."""

import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from scipy.stats import binomtest

from mirror.counseling.counselor import Counselor
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import LlavaSpeaker
from mirror.files.digests import sha256
from mirror.models.llava import Llava, load
from mirror.paths import repository_root
from mirror.prompts import VARIANTS, Variant, own_prompts
from mirror.provenance import commit
from mirror.training.run import Training
from mirror.training.settings import TrainSettings
from pocket.drawing.expressions import EXPRESSIONS
from pocket.llava.counselor_evaluation import Answer, counsel, write_evaluation_dialogues
from pocket.llava.evaluation import SEED as EVALUATION_SEED
from pocket.llava.evaluation import BaseScores, Rate, captions_right, evaluate
from pocket.llava.model import FOLDER, SEED, SMALL
from pocket.painter.evaluation import make_requests
from pocket.painter.pack import load_painter
from pocket.texts.dialogues import EXCHANGES

FACES = 480
CLIENTS = 60


@dataclass(frozen=True)
class TunedScores:
    """Scores of a fine-tuned model on `FACES` faces and in the sessions of `CLIENTS` clients.

    Attributes:
        seconds: Processor time of the fine-tuning, validation included.
        captions: Correct captions; None without EC.
        answers: The reply to each utterance.
    """

    seconds: float
    captions: Rate | None
    answers: list[Answer]

    @property
    def named(self) -> Rate:
        """Replies that name the feeling."""
        return Rate.of([answer.names_expression for answer in self.answers])

    @property
    def wellformed(self) -> Rate:
        """Well-formed replies."""
        return Rate.of([not answer.faults for answer in self.answers])


def tune(cot: str, base_model: Path = FOLDER, **changes) -> tuple[Llava, float]:
    """Fine-tunes the base model by `params/train/pocket-<cot>.yaml` with `changes` to its parameters.

    Returns:
        The model, and the processor time in seconds.
    """
    file = repository_root() / "params" / "train" / f"pocket-{cot}.yaml"
    names = {"run": f"exam-pocket-{cot}", "checkpoint_folder": "checkpoints/exam", "base_model": str(base_model)}
    training = Training.open(TrainSettings.from_file(file, **names | changes, fresh=True))
    start = time.process_time()
    training.fit()
    training.llava.model.eval()
    return training.llava, time.process_time() - start


def make_counselor(llava: Llava, cot: str) -> Counselor:
    """Returns a counselor with the sampling parameters of `params/counsel/pocket-<cot>.yaml`."""
    file = repository_root() / "params" / "counsel" / f"pocket-{cot}.yaml"
    s = CounselSettings.from_file(file, check_files=False)
    speaker = LlavaSpeaker(llava, s.temperature, s.top_p, s.max_new_tokens, s.reply_batch)
    return Counselor(speaker, own_prompts(cot), Variant.of(cot), s.context, s.planning_max_tokens)


def evaluate_tuned(llava: Llava, cot: str, seconds: float, faces: int = FACES, clients: int = CLIENTS) -> TunedScores:
    """Evaluates a fine-tuned model on painted faces of held-out people, as a counselor sees them, and on clients."""
    captions = None
    if Variant.of(cot).ec:
        captions = captions_right(llava, paint_faces(faces), [number % len(EXPRESSIONS) for number in range(faces)])
    return TunedScores(seconds, captions, counsel(make_counselor(llava, cot), write_evaluation_dialogues(clients)))


def paint_faces(count: int, seed: int = EVALUATION_SEED) -> list[Image.Image]:
    """Paints faces of different held-out people with the pocket painter, cycling through the expressions."""
    requests = make_requests(count, seed)
    return load_painter().paint([request.painting(request.attempt_seed(1)) for request in requests])


def write_card(folder: Path = FOLDER) -> None:
    """Evaluates, fine-tunes and evaluates again (some minutes on one core), and writes `README.md`."""
    base = evaluate(load(str(folder)), FACES)
    tuned = {}
    for cot in VARIANTS:
        llava, seconds = tune(cot, folder)
        tuned[cot] = evaluate_tuned(llava, cot, seconds)
    (folder / "README.md").write_text(model_card(folder, base, tuned), encoding="utf-8")


def sign_test(one: TunedScores, other: TunedScores) -> str:
    """Compares how often two counselors name the feeling of the same clients and faces (exact sign test)."""
    pairs = [(a.names_expression, b.names_expression) for a, b in zip(one.answers, other.answers, strict=True)]
    first, second = pairs.count((True, False)), pairs.count((False, True))
    p = binomtest(first, first + second).pvalue if first + second else 1.0
    return f"only the first in {first} cases, only the second in {second}, p = {p:.2g}"


def model_card(folder: Path, base: BaseScores, tuned: dict[str, TunedScores]) -> str:
    """Returns the text of `README.md`."""
    weights = folder / "model.safetensors"
    rows = "\n".join(
        f"| {cot} | {scores.captions or '–'} | {scores.named} | {scores.wellformed} | {scores.seconds:.0f} |"
        for cot, scores in tuned.items()
    )
    examples = "\n".join(
        f"- *{answer.exchange.expression}*, “{answer.exchange.client}” – **{cot}**: {answer.reply.words}"
        for cot in tuned
        for answer in tuned[cot].answers[CLIENTS : CLIENTS + 2]
    )
    return f"""# llava-v1.5-pocket

A LLaVA-1.5 in the folder format of `llava-hf`, small enough for two CPU cores. It generates simple English about
everyday worries and describes the movements of a drawn face, but not the feeling they express: that is left to
fine-tuning. It was trained on the drawn faces of this repository, not on photographs. It is a test model and must not
be used to counsel people.

| file | bytes | SHA-256 |
| --- | --- | --- |
| `{weights.name}` (float16) | {weights.stat().st_size:,} | `{sha256(weights)}` |

## Training

`python -m pocket llava` (`pocket/llava/model.py`), seed {SEED}, on one core of a CPU in about 33 minutes; code of
commit `{commit()["commit"]}`. Data: {SMALL.faces:,} drawn people, half of them with a mixture of two expressions, and
generated texts: stories, chats, record look-ups, accounts of worries, sentences of therapists and clients, descriptions
of looks and movements, sessions whose replies depend on the words only. The vision tower is trained on action units
({SMALL.tower_steps:,} batches of {SMALL.tower_batch} faces, augmented with blur, noise, tint and distortion); then the
language model and the projector are trained on {SMALL.language_steps:,} batches of about {SMALL.batch_tokens:,} tokens
of text, on {SMALL.drill_steps:,} batches of which half are exercises in copying words from the context, and at last on
{SMALL.session_steps:,} batches of sessions in which all that is said is about the client of the prompt, with
descriptions of faces in between.

## Evaluation of the base model

On {FACES} held-out faces (`python -m pocket card`), evaluation seed {EVALUATION_SEED}. Model and hyperparameters were
selected on another seed, 91; this one was evaluated once. In brackets: exact 95% confidence interval.

| metric | score |
| --- | --- |
| captions of the face that name a feeling of its expression | {base.captions} |
| the same, forced choice among the twelve names | {base.forced} |
| expression: linear probe on the tower's features | {base.probe} |
| the same on degraded faces: moved, distorted, blurred, noisy, tinted | {base.degraded_probe} |
| loss per token on held-out pre-training texts | {base.general:.2f} nats |
| loss per token on therapists' replies in pocket dialogues | {base.dialogues:.2f} nats |

## Evaluation after fine-tuning

Fine-tuned by `params/train/pocket-<cot>.yaml`, sampled as in `params/counsel`. Captions: of {FACES} painted faces.
Replies: to {CLIENTS} held-out clients, {EXCHANGES} each. A reply *names* the feeling if the first feeling in it belongs
to the expression shown; it is *well-formed* by `pocket/llava/wellformed.py`. The last column is the processor time of
the training on one core.

| cot | correct captions | replies that name the feeling | well-formed replies | seconds |
| --- | --- | --- | --- | --- |
{rows}

Replies that name the feeling, paired by client and turn (exact sign test):

- ec and base: {sign_test(tuned["ec"], tuned["base"])};
- ec_planning and planning: {sign_test(tuned["ec_planning"], tuned["planning"])}.

{examples}

## Limitations

The vocabulary is about eight hundred words, twelve expressions and eighteen worries. Other words are split into pieces
and hardly understood. Replies follow few patterns, and a plan may have a step of another worry.
Clients' words are those of the pocket dialogues, and the faces that replies are given to are drawn. The sign
test treats the replies to one client as independent, which is only approximately true.
"""
