"""Builds the pocket LLaVA: a folder in the format of `llava-hf/llava-1.5-7b-hf`, of the real classes at a tiny size.

Knows nothing of how it is trained.
"""

import math
from dataclasses import dataclass
from pathlib import Path

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

from mirror.models.llava_chat import SYSTEM, conversation_text
from mirror.prompts import VARIANTS
from pocket.llava.pretraining import train_language, write_examples, write_text
from pocket.llava.tokenizer import train_llama_tokenizer
from pocket.llava.tower import Augmenter, features, train_tower
from pocket.pictures.strangers import Stranger, draw_faces
from pocket.seeds import stream
from pocket.texts.corpus import write_story
from pocket.texts.dataset import IMAGE_SIZE, make_dialogues, make_records
from pocket.texts.notes import client_lines

SEED = 11
DRILLS = 0.5  # of the drilled texts
VISION_SIZE, PATCH_SIZE = 96, 16  # pixels a side
FOLDER = Path(__file__).parents[1] / "models" / "llava-v1.5-pocket"
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' ' }}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


@dataclass(frozen=True)
class LlavaBudget:
    """How much is drawn, written and learned. Of each face there are so many `views`: one clean, the others worn.

    The language model learns general texts first, then `drilled` ones, half of which are drills in taking up words.
    """

    faces: int
    tower_steps: int
    tower_batch: int
    views: int
    texts: int
    drilled: int
    language_steps: int
    drill_steps: int
    batch_tokens: int


FULL = LlavaBudget(10000, 2000, 256, 6, 60000, 60000, 1400, 1400, 32768)  # for one GPU; the committed model is SMALL
SMALL = LlavaBudget(3000, 1800, 48, 5, 24000, 40000, 1700, 1800, 1600)  # about 25 minutes on one core


def tokenizer_corpus(seed: int = SEED) -> list[str]:
    """Lines of text to train the tokenizer on: dialogues of other clients than the training set's, and other texts."""
    random = stream("stories", seed)
    lines = [write_story(random) for _ in range(600)]
    people = [Stranger.from_seed(seed, number, is_mixed=True) for number in range(100)]
    for _ in range(6000):
        lines += write_text(people, random).text.removeprefix(SYSTEM).removesuffix("</s>").split("\n")
    for cot in VARIANTS:
        for record in make_records(make_dialogues(seed, clients=216), cot):
            human, answer = (said["value"] for said in record["conversations"])
            text, _ = conversation_text([(human.replace("<image>\n", ""), answer)])
            lines += text.removeprefix(SYSTEM).removesuffix("</s>").split("\n")
    return [*lines, *client_lines() * 3, *[SYSTEM] * 200]


def make_config(tokenizer) -> LlavaConfig:
    """The shapes of the pocket model; embedding rows are rounded up to a multiple of 64, as `llava-hf` does."""
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


def write_llava(folder: Path = FOLDER, seed: int = SEED, device: str = "auto", work: LlavaBudget | None = None) -> None:
    """Trains tokenizer, vision tower and language model, and writes the folder in float16.

    `device` is `auto`, `cuda` or `cpu`; on a CPU the work is `SMALL` unless told. Text and faces depend on the seed
    only; the weights also on the device and its number of threads, in their last digits.
    """
    device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    work = work or (FULL if device == "cuda" else SMALL)
    torch.set_float32_matmul_precision("high")
    tokenizer = train_llama_tokenizer(tokenizer_corpus(seed))
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(make_config(tokenizer)).to(device).train()
    processor = make_processor(model.config, tokenizer)
    faces = draw_faces(work.faces, IMAGE_SIZE, seed)
    form = (tokenizer, model.config.image_token_id, model.config.image_seq_length)
    eye = Augmenter(processor.image_processor, VISION_SIZE, device, seed)
    views = eye.views(torch.tensor(faces.images, device=device).permute(0, 3, 1, 2), work.views)
    train_tower(model, views, faces.traits.to(device), work.tower_steps, work.tower_batch)
    seen = torch.stack([encode_images(model, view) for view in views])
    examples = write_examples(work.texts, 0, faces.strangers, *form, seed)
    train_language(model, examples, seen, work.language_steps, work.batch_tokens, 2e-3, seed)
    drilled = write_examples(work.drilled, DRILLS, faces.strangers, *form, seed + 1)
    train_language(model, drilled, seen, work.drill_steps, work.batch_tokens, 1.5e-3, seed + 1)
    save_llava(model.cpu(), processor, folder)


@torch.no_grad()
def encode_images(model: LlavaForConditionalGeneration, pixels: torch.Tensor) -> torch.Tensor:
    """[n, patches, hidden] float16: the tower's features of `pixels` [n, 3, size, size]."""
    return torch.cat([features(model, part.float()).half() for part in pixels.split(256)])


def make_processor(config: LlavaConfig, tokenizer) -> LlavaProcessor:
    """The processor that `llava-hf` publishes, for smaller images."""
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
    """Writes model and processor as `llava-hf` publishes them."""
    tokenizer = processor.tokenizer
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    folder.mkdir(parents=True, exist_ok=True)
    model.to(torch.float16).save_pretrained(folder)
    processor.save_pretrained(folder)
    processor.image_processor.save_pretrained(folder)  # preprocessor_config.json, which older readers encode_images for
