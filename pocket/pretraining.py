"""Short pre-training of the pocket LLaVA: a vision tower that sees faces, a language model that speaks simple English.

What it never gets is the way from a face to a word for its feeling: that is left to fine-tuning.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from random import Random

import numpy as np
import torch
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm
from transformers import LlavaConfig, LlavaForConditionalGeneration, get_cosine_schedule_with_warmup

from mirror.conversation import IGNORED, IMAGE, tokenize
from mirror.prompts import own_template
from pocket.corpus import describe, write_chat, write_session, write_story
from pocket.expressions import EXPRESSIONS
from pocket.faces import draw
from pocket.identities import HAIRSTYLES, Identity
from pocket.seeds import stable_seed, stream

BATCH_TOKENS = 512


@dataclass(frozen=True)
class Faces:
    """Drawn faces of people whom the training set does not know.

    `images` [n, size, size, 3] uint8; `traits` [n, t] float32, standardised: action units,
    then what tells people apart.
    """

    identities: list[Identity]
    images: np.ndarray
    traits: torch.Tensor


@dataclass(frozen=True)
class Text:
    """Token ids, labels (`IGNORED` on the image only), and the number of the face that it is about, if any."""

    ids: list[int]
    labels: list[int]
    face: int | None


def draw_faces(count: int, size: int, seed: int) -> Faces:
    """`count` faces, each of another person, on all cores; the same for any number of cores."""
    numbers = [(seed, number, size) for number in range(count)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=spawn) as pool:
        drawn = list(tqdm(pool.map(_draw_face, numbers, chunksize=50), total=count, desc="faces", unit="face"))
    traits = torch.tensor([row for _, row in drawn], dtype=torch.float32)
    traits = (traits - traits.mean(0)) / (traits.std(0) + 1e-6)
    identities = [Identity.from_seed(stable_seed("stranger", seed, number)) for number in range(count)]
    return Faces(identities, np.stack([image for image, _ in drawn]), traits)


def _draw_face(number: tuple[int, int, int]) -> tuple[np.ndarray, list[float]]:
    seed, index, size = number
    who = Identity.from_seed(stable_seed("stranger", seed, index))
    expression = stream("stranger's expression", seed, index).choice(list(EXPRESSIONS.values()))
    moment = stable_seed("stranger's moment", seed, index)
    units = expression.instance(stable_seed("units", moment))
    styles = sorted({style for styles in HAIRSTYLES.values() for style in styles})
    marks = [float(who.hairstyle == style) for style in styles]
    marks += [float(who.gender == "man"), who.age / 50, float(who.glasses != "none"), float(who.beard != "none")]
    marks += [channel / 255 for colour in (who.skin, who.hair, who.clothes) for channel in colour]
    return np.asarray(draw(who, expression, moment, size)), [*astuple(units), *marks]


def train_tower(model: LlavaForConditionalGeneration, pixels: torch.Tensor, traits: torch.Tensor, steps: int) -> None:
    """Trains the vision tower to make movements and marks of a face readable from the mean of its patch features.

    `pixels` [n, 3, size, size] float32, `traits` [n, t]. The loss is a mean squared error: 1 is knowing nothing.
    """
    tower, layer = model.model.vision_tower, model.config.vision_feature_layer
    _start_tower(tower)
    reader = torch.nn.Linear(model.config.vision_config.hidden_size, traits.shape[1])
    picks = torch.Generator().manual_seed(0)

    def loss() -> torch.Tensor:
        batch = torch.randint(len(pixels), (32,), generator=picks)
        features = tower(pixels[batch], output_hidden_states=True).hidden_states[layer][:, 1:].mean(1)
        return F.mse_loss(reader(features), traits[batch])

    _descend([*tower.parameters(), *reader.parameters()], loss, steps, "vision tower")


def train_language(
    model: LlavaForConditionalGeneration,
    tokenizer,
    pixels: torch.Tensor,
    people: list[Identity],
    steps: int,
    seed: int,
) -> None:
    """Trains the language model and the projector to go on with general texts; the vision tower stays as it is.

    `pixels` [n, 3, size, size] float32 show the `people`.
    """
    model.model.vision_tower.requires_grad_(False)
    random = stream("pre-training", seed)
    batches = _batches(model.config, tokenizer, people, random)

    def loss() -> torch.Tensor:
        texts = next(batches)
        ids = [torch.tensor(text.ids) for text in texts]
        labels = [torch.tensor(text.labels) for text in texts]
        shown = [text.face for text in texts if text.face is not None]
        return model(
            input_ids=pad_sequence(ids, True, tokenizer.pad_token_id),
            attention_mask=pad_sequence([torch.ones_like(row) for row in ids], True, 0),
            labels=pad_sequence(labels, True, IGNORED),
            pixel_values=pixels[shown] if shown else None,
        ).loss

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    _descend(trained, loss, steps, "language model")


def _descend(parameters: list[torch.nn.Parameter], loss: Callable[[], torch.Tensor], steps: int, name: str) -> None:
    """AdamW with warm-up and a cosine, `steps` times down the gradient of `loss()`."""
    optimizer = torch.optim.AdamW(parameters, lr=3e-3, weight_decay=0.02, betas=(0.9, 0.98))
    schedule = get_cosine_schedule_with_warmup(optimizer, steps // 20, steps)
    bar = tqdm(range(steps), desc=name, unit="step", mininterval=2)
    mean = 0.0
    for step in bar:
        now = loss()
        now.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        mean += (now.item() - mean) / min(step + 1, 20)
        bar.set_postfix(loss=f"{mean:.3f}")


def _start_tower(tower: torch.nn.Module) -> None:
    """Weights that so short a training can start from: positions as loud as patches, and layers that pass things on."""
    for name, parameter in tower.named_parameters():
        if "position_embedding" in name:
            torch.nn.init.normal_(parameter, 0.0, 0.5)
        elif name.endswith(("out_proj.weight", "fc2.weight")):
            torch.nn.init.normal_(parameter, 0.0, 0.5 * parameter.shape[1] ** -0.5)
        elif name.endswith(("proj.weight", "fc1.weight")):
            torch.nn.init.normal_(parameter, 0.0, parameter.shape[1] ** -0.5)


def _batches(config: LlavaConfig, tokenizer, people: list[Identity], random: Random) -> Iterator[list[Text]]:
    """Batches of about `BATCH_TOKENS` tokens, of like lengths, for ever."""
    while True:
        texts = sorted((_text(config, tokenizer, people, random) for _ in range(400)), key=lambda text: len(text.ids))
        batches, batch = [], []
        for text in texts:
            batch.append(text)
            if len(batch) * len(text.ids) > BATCH_TOKENS:
                batches.append(batch)
                batch = []
        random.shuffle(batches)
        yield from batches


def _text(config: LlavaConfig, tokenizer, people: list[Identity], random: Random) -> Text:
    """A story, a chat, a description of a face's owner, or a turn of a session."""
    kind, face = random.random(), None
    if kind < 0.25:
        ids = [*tokenizer(write_story(random))["input_ids"], tokenizer.eos_token_id]
        return Text(ids, ids, None)
    if kind < 0.55:
        turns = write_chat(random)
    else:
        face = random.randrange(len(people))
        if kind < 0.75:
            human, answer = describe(people[face], random)
            human = f"{IMAGE}\n{human}"
        else:
            fields, answer = write_session(random)
            human = own_template("response", "base").render(**fields)
        turns = [(human, answer)]
    image = config.image_token_id
    ids = tokenize(tokenizer, turns, image, config.image_seq_length).input_ids
    return Text(ids, [IGNORED if token == image else token for token in ids], face)
