"""Pre-training of the pocket LLaVA's language model on simple English and descriptions of pictures.

No text links a face to the word for its feeling: that is left to fine-tuning.
"""

import multiprocessing
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from random import Random

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from mirror.models.llava_chat import END, IGNORED, IMAGE, SYSTEM, conversation_text
from mirror.prompts import own_template
from pocket.llava import sessions
from pocket.optimize import train
from pocket.pictures.strangers import CORES, Stranger
from pocket.seeds import stream
from pocket.texts.corpus import describe_looks, write_chat, write_session, write_story
from pocket.texts.movements import describe_movements
from pocket.texts.notes import write_account, write_drill, write_lookup, write_sayings, write_steps

DRILLS = 0.5  # share of copying exercises in the second phase
SESSIONS, ROLLS, FACES = 0.3, 0.3, 0.35  # shares of sessions, rolls and questions about faces in the last phase
_SAID = re.compile(r"Therapist:( .+)|ASSISTANT:((?: |.|\n)+)\Z")  # lines in a dialogue, and the answer to a prompt
CHUNK = 500  # texts per task of a process


@dataclass(frozen=True)
class Text:
    """A pre-training text.

    Attributes:
        text: The text.
        face: Index of the stranger that it is about, if it contains `<image>`.
        is_heard: Whether only what therapists say in it is predicted; otherwise all of it.
    """

    text: str
    face: int | None = None
    is_heard: bool = False


Writer = Callable[[list[Stranger], Random], Text]  # writes one text, about one of the strangers or about none


def write_examples(
    count: int, write: Writer, strangers: list[Stranger], tokenizer, image_token_id: int, image_tokens: int, seed: int
) -> list["Example"]:
    """Writes and encodes texts on all cores; the result does not depend on the number of cores.

    Args:
        count: Number of texts.
        write: Writes a text; other processes import it by its name.
        strangers: The people whose faces the texts may be about.
        tokenizer: The pocket tokenizer.
        image_token_id: Id of `<image>`.
        image_tokens: Image tokens per picture.
        seed: Seed of the texts.
    """
    given = (strangers, tokenizer, image_token_id, image_tokens)
    if count <= CHUNK:  # written before another process would have started
        return _write_chunk(0, count, seed, write, *given)
    spawn = multiprocessing.get_context("spawn")
    chunks = range(-(-count // CHUNK))
    with ProcessPoolExecutor(
        min(CORES, os.cpu_count() or 1, len(chunks)), mp_context=spawn, initializer=_prepare, initargs=given
    ) as pool:
        written = pool.map(_write_given_chunk, chunks, [seed] * len(chunks), [write] * len(chunks))
        bar = tqdm(written, total=len(chunks), desc="texts", unit="chunk", mininterval=2)
        return list(chain.from_iterable(bar))[:count]


_given: list = []  # arguments of a worker process: strangers, tokenizer, image token id, image tokens per picture


def _prepare(*given) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # all cores are in use by worker processes
    _given[:] = given


def _write_given_chunk(number: int, seed: int, write: Writer) -> list["Example"]:
    return _write_chunk(number, CHUNK, seed, write, *_given)


def _write_chunk(
    number: int, count: int, seed: int, write: Writer, strangers: list[Stranger], *form
) -> list["Example"]:
    random = stream("pre-training", seed, number)
    return encode([write(strangers, random) for _ in range(count)], *form)


def write_text(strangers: list[Stranger], random: Random, drills: float = 0) -> Text:
    """Writes a text of a random kind: a copying exercise with probability `drills`, otherwise one of the others."""
    if drills and random.random() < drills:
        return Text(write_drill(random) + END)
    kind = random.random()
    if kind < 0.03:
        return Text(write_story(random) + END)
    if kind < 0.09:
        return Text(write_account(random) + END)
    if kind < 0.30:
        return Text(write_sayings(random) + END)
    if kind < 0.35:
        return Text(_conversation(write_chat(random)))
    if kind < 0.56:
        return Text(_conversation(write_lookup(random)))
    if kind < 0.60:
        return Text(_conversation(write_steps(random)))
    face = random.randrange(len(strangers))
    if kind < 0.80:
        return Text(_conversation(_ask_about(strangers[face], random)), face)
    fields, answer = write_session(random)
    return Text(_conversation([(own_template("response", "base").render(**fields), answer)]), face)


def write_drilled_text(strangers: list[Stranger], random: Random) -> Text:
    """Writes a text of the second phase: every second one is a copying exercise."""
    return write_text(strangers, random, DRILLS)


def write_session_text(strangers: list[Stranger], random: Random) -> Text:
    """Writes a text of the last phase: sessions and rolls of clients, questions about a face, or one of the second.

    In sessions only the therapists' words are predicted: a worry's few phrases would be lost in the rest.
    """
    kind = random.random()
    face = random.randrange(len(strangers))
    if kind < SESSIONS:
        return Text(_conversation([sessions.write_session(random)]), face, is_heard=True)
    if kind < SESSIONS + ROLLS:
        return Text(sessions.write_roll(random) + END, is_heard=True)
    if kind < SESSIONS + ROLLS + FACES:
        return Text(_conversation(_ask_about(strangers[face], random)), face)
    return write_drilled_text(strangers, random)


def _ask_about(stranger: Stranger, random: Random) -> list[tuple[str, str]]:
    """Writes questions about a stranger's looks and movements, with their answers."""
    turns = [describe_movements(stranger.units, random) for _ in range(random.randint(1, 4))]
    if random.random() < 0.5:
        turns.insert(random.randint(0, len(turns)), describe_looks(stranger.identity, random))
    (human, answer), *others = turns
    return [(f"{IMAGE}\n{human}", answer), *others]


def _conversation(turns: list[tuple[str, str]]) -> str:
    return conversation_text(turns)[0]


@dataclass(frozen=True)
class Example:
    """An encoded text.

    Attributes:
        ids: Token ids.
        labels: Token ids, `IGNORED` at image tokens and in the system prompt.
        face: Index of the face; None without a picture.
    """

    ids: list[int]
    labels: list[int]
    face: int | None


def encode(texts: list[Text], tokenizer, image_token_id: int, image_tokens: int) -> list[Example]:
    """Encodes texts in the way of `mirror.models.llava_chat`."""
    parts = [text.text.split(IMAGE) for text in texts]
    encoded = iter(tokenizer(list(chain.from_iterable(parts)), add_special_tokens=False)["input_ids"])
    system = len(tokenizer(SYSTEM, add_special_tokens=False)["input_ids"])
    examples = []
    for text, pieces in zip(texts, parts, strict=True):
        ids = [tokenizer.bos_token_id]
        for place in range(len(pieces)):
            ids += [image_token_id] * image_tokens * (place > 0) + next(encoded)
        labels = [IGNORED if token == image_token_id else token for token in ids]
        if text.text.startswith(SYSTEM):
            labels[1 : 1 + system] = [IGNORED] * system
        if text.is_heard:  # all of it stands in the last piece
            last = tokenizer(pieces[-1], add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
            spans = [found.span(found.lastindex) for found in _SAID.finditer(pieces[-1])]
            said = [any(start <= place < end for start, end in spans) for place, _ in last]
            heard = [token if is_said else IGNORED for token, is_said in zip(ids[-len(said) :], said, strict=True)]
            labels = [IGNORED] * (len(ids) - len(said)) + heard
        examples.append(Example(ids, labels, text.face))
    return examples


def train_language(
    model: nn.Module,
    examples: list[Example],
    features: torch.Tensor,
    steps: int,
    batch_tokens: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Trains the language model and the projector on next-token prediction; the vision tower is frozen.

    Args:
        model: The LLaVA, whose language model and projector are trained.
        examples: The texts.
        features: [views, faces, patches, hidden] the tower's features of each view of each face.
        steps: Number of batches.
        batch_tokens: Tokens per batch, approximately.
        learning_rate: Peak learning rate.
        seed: Seed of the batches and of the views.
    """
    config = model.config
    batches = _batches(examples, batch_tokens, stream("batches", seed))
    views = torch.Generator().manual_seed(seed)

    def loss(step: int) -> torch.Tensor:
        batch = next(batches)
        longest = max(len(example.ids) for example in batch)
        ids = _padded([example.ids for example in batch], config.pad_token_id, longest).to(features.device)
        labels = _padded([example.labels for example in batch], IGNORED, longest).to(features.device)
        faces = torch.tensor([example.face for example in batch if example.face is not None], dtype=torch.long)
        view = torch.randint(len(features), (len(faces),), generator=views)
        with torch.autocast(features.device.type, torch.bfloat16, enabled=features.device.type == "cuda"):
            embeddings = model.get_input_embeddings()(ids)
            if len(faces):
                images = model.model.multi_modal_projector(features[view, faces].float())
                is_image = (ids == config.image_token_id).unsqueeze(-1)
                embeddings = embeddings.masked_scatter(is_image, images.to(embeddings.dtype))
            # With padding on the right the causal mask alone keeps it from influencing any label.
            hidden = model.model.language_model(inputs_embeds=embeddings, use_cache=False).last_hidden_state
            predicting = labels[:, 1:] != IGNORED
            logits = model.lm_head(hidden[:, :-1][predicting])
        return F.cross_entropy(logits.float(), labels[:, 1:][predicting])

    trained = [model.model.language_model, model.model.multi_modal_projector, model.lm_head]
    train([p for part in trained for p in part.parameters()], loss, steps, learning_rate, "language model")


def _batches(examples: list[Example], tokens: int, random: Random) -> Iterator[list[Example]]:
    """Yields batches of about `tokens` tokens and of texts of similar length, endlessly."""
    while True:
        order = sorted(examples, key=lambda example: len(example.ids) + random.uniform(0, 8))
        batches, batch = [], []
        for example in order:
            batch.append(example)
            if len(batch) * len(example.ids) >= tokens:
                batches.append(batch)
                batch = []
        random.shuffle(batches)
        yield from batches


def _padded(rows: list[list[int]], value: int, length: int) -> torch.Tensor:
    return torch.tensor([row + [value] * (length - len(row)) for row in rows])
