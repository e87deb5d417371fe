"""Builds the pocket LLaVA: a folder in the format of `llava-hf/llava-1.5-7b-hf`, of the real classes at a tiny size."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from mirror.building.portrait import Portrait
from mirror.building.training_set.options import RecordOptions
from mirror.building.training_set.records import make_records
from mirror.clients.known_clients import KNOWN_CLIENTS
from mirror.files.json_file import write_json
from mirror.models.llava_chat import SYSTEM, conversation_text
from mirror.prompts import VARIANTS
from pocket.llava.pretraining import (
    train_language,
    write_drilled_text,
    write_examples,
    write_session_text,
    write_text,
)
from pocket.llava.tokenizer import train_llama_tokenizer
from pocket.llava.tower import Augmenter, features, train_tower
from pocket.pictures.snapshots import SIZE as IMAGE_SIZE
from pocket.pictures.strangers import Stranger, draw_faces
from pocket.seeds import stream
from pocket.texts.clients import NAMES
from pocket.texts.corpus import write_story
from pocket.texts.notes import client_lines
from pocket.texts.screenplays import make_dialogues, make_screenplay
from pocket.texts.worries import WORRIES

SEED = 11
VISION_SIZE, PATCH_SIZE = 96, 16  # sides in pixels
FOLDER = Path(__file__).parents[1] / "models" / "llava-v1.5-pocket"
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' ' }}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


@dataclass(frozen=True)
class LlavaBudget:
    """How much is generated and trained; one step is one batch.

    Attributes:
        faces: Faces to train the vision tower on.
        tower_steps: Steps of the vision tower.
        tower_batch: Faces per step.
        views: Views of each face: one clean, the others degraded.
        texts: Texts of the first phase of language training.
        drilled: Texts of the second phase, half of which are copying exercises.
        sessions: Texts of the last phase, most of which are sessions of one client.
        language_steps: Steps of the first phase.
        drill_steps: Steps of the second phase.
        session_steps: Steps of the last phase.
        batch_tokens: Tokens per step, approximately.
    """

    faces: int
    tower_steps: int
    tower_batch: int
    views: int
    texts: int
    drilled: int
    sessions: int
    language_steps: int
    drill_steps: int
    session_steps: int
    batch_tokens: int


# For one GPU; the committed model is SMALL.
FULL = LlavaBudget(10000, 2000, 256, 6, 60000, 60000, 30000, 1400, 1400, 600, 32768)
SMALL = LlavaBudget(3000, 1800, 48, 5, 24000, 40000, 12000, 1700, 1800, 1300, 1600)  # about 33 minutes on one core


def tokenizer_corpus(seed: int = SEED) -> list[str]:
    """Returns lines of text to train the tokenizer on: pre-training texts, and dialogues of held-out clients."""
    random = stream("stories", seed)
    lines = [write_story(random) for _ in range(600)]
    people = [Stranger.from_seed(seed, number, is_mixed=True) for number in range(100)]
    for _ in range(6000):
        lines += write_text(people, random).text.removeprefix(SYSTEM).removesuffix("</s>").split("\n")
    for cot in VARIANTS:
        for record in dialogue_records(cot, seed):
            human, answer = (said["value"] for said in record["conversations"])
            text, _ = conversation_text([(human.replace("<image>\n", ""), answer)])
            lines += text.removeprefix(SYSTEM).removesuffix("</s>").split("\n")
    return [*lines, *client_lines() * 3, *[SYSTEM] * 200]


def dialogue_records(cot: str, seed: int, clients: int = 216) -> Iterator[dict[str, Any]]:
    """Yields the training records of generated dialogues, as if their faces had been painted."""
    somebody = Portrait("portrait", (), "somebody")
    for dialogue in make_dialogues(seed, clients):
        screenplay = make_screenplay(dialogue)
        painted = dict.fromkeys(screenplay.client_lines, Path("face.png"))
        yield from make_records(replace(screenplay, portrait=somebody, pictures=painted), cot, RecordOptions())


def make_config(tokenizer) -> LlavaConfig:
    """Returns the pocket model's configuration; the vocabulary is padded to a multiple of 64, as in `llava-hf`."""
    return LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=80,
            intermediate_size=320,
            num_hidden_layers=5,
            num_attention_heads=4,
            image_size=VISION_SIZE,
            patch_size=PATCH_SIZE,
            projection_dim=64,
        ),
        text_config=LlamaConfig(
            hidden_size=192,
            intermediate_size=384,
            num_hidden_layers=4,
            num_attention_heads=6,
            num_key_value_heads=6,
            max_position_embeddings=2048,
            rms_norm_eps=1e-5,
            initializer_range=0.04,
            vocab_size=64 * math.ceil(len(tokenizer) / 64),
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        projector_hidden_act="gelu",
        image_seq_length=(VISION_SIZE // PATCH_SIZE) ** 2,
        pad_token_id=tokenizer.pad_token_id,
    )


def write_llava(
    folder: Path = FOLDER, seed: int = SEED, device: str = "auto", budget: LlavaBudget | None = None
) -> None:
    """Trains tokenizer, vision tower and language model, and writes the folder in float16.

    Texts and faces depend on the seed only. Weights also depend on the device and its number of threads, by rounding.

    Args:
        folder: Where to write.
        seed: Seed of texts, faces, initial weights and batches.
        device: `auto`, `cuda` or `cpu`.
        budget: How much to train; by default `FULL` on a GPU and `SMALL` on a CPU.
    """
    device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    budget = budget or (FULL if device == "cuda" else SMALL)
    torch.set_float32_matmul_precision("high")
    tokenizer = train_llama_tokenizer(tokenizer_corpus(seed))
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(make_config(tokenizer)).to(device).train()
    processor = make_processor(model.config, tokenizer)
    faces = draw_faces(budget.faces, IMAGE_SIZE, seed)
    form = (tokenizer, model.config.image_token_id, model.config.image_seq_length)
    augmenter = Augmenter(processor.image_processor, VISION_SIZE, device, seed)
    views = augmenter.views(torch.tensor(faces.images, device=device).permute(0, 3, 1, 2), budget.views)
    train_tower(model, views, faces.traits.to(device), budget.tower_steps, budget.tower_batch)
    image_features = torch.stack([encode_images(model, view) for view in views])
    phases = (
        (write_text, budget.texts, budget.language_steps, 2e-3),
        (write_drilled_text, budget.drilled, budget.drill_steps, 1.5e-3),
        (write_session_text, budget.sessions, budget.session_steps, 2e-3),
    )
    for phase, (write, texts, steps, learning_rate) in enumerate(phases):
        examples = write_examples(texts, write, faces.strangers, *form, seed + phase)
        train_language(model, examples, image_features, steps, budget.batch_tokens, learning_rate, seed + phase)
    save_llava(model.cpu(), processor, folder)
    write_json(folder / KNOWN_CLIENTS, known_clients())


def known_clients() -> dict[str, Any]:
    """Returns the names and reasons for counseling of all texts that the model is trained on, for its folder."""
    return {
        "names": sorted(name for names in NAMES.values() for name in names),
        "reasons": [worry.reason for worry in WORRIES],
        "otherwise": {
            "names": "calls such a client by another name, or by none",
            "reasons": "speaks of other worries, which change from turn to turn",
        },
    }


@torch.no_grad()
def encode_images(model: LlavaForConditionalGeneration, pixels: torch.Tensor) -> torch.Tensor:
    """Returns the tower's features [n, patches, hidden], float16, of `pixels` [n, 3, size, size]."""
    return torch.cat([features(model, part.float()).half() for part in pixels.split(256)])


def make_processor(config: LlavaConfig, tokenizer) -> LlavaProcessor:
    """Returns a processor like that of `llava-hf`, for smaller images."""
    size = config.vision_config.image_size
    return LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size}),
        tokenizer=tokenizer,
        patch_size=config.vision_config.patch_size,
        vision_feature_select_strategy=config.vision_feature_select_strategy,
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )


def save_llava(model: LlavaForConditionalGeneration, processor: LlavaProcessor, folder: Path) -> None:
    """Writes model and processor in the layout of `llava-hf`."""
    tokenizer = processor.tokenizer
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    folder.mkdir(parents=True, exist_ok=True)
    model.to(torch.float16).save_pretrained(folder)
    processor.save_pretrained(folder)
    processor.image_processor.save_pretrained(folder)  # preprocessor_config.json, which older versions read
