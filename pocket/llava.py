"""Builds the pocket LLaVA: a folder in the format of `llava-hf/llava-1.5-7b-hf`, of the real classes at a tiny size.

Knows nothing of how it is trained.
"""

import math
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

from mirror.conversation import SYSTEM, conversation_text
from mirror.prompts import VARIANTS
from pocket.corpus import write_story
from pocket.dataset import IMAGE_SIZE, make_dialogues, make_records
from pocket.pretraining import draw_faces, train_language, train_tower
from pocket.seeds import stream
from pocket.tokenizer import train_tokenizer

SEED = 11
FACES = 2000
TOWER_STEPS = 450
LANGUAGE_STEPS = 1100
FOLDER = Path(__file__).parent / "models" / "llava-v1.5-pocket"
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' ' }}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def tokenizer_corpus(seed: int = SEED) -> list[str]:
    """Lines of text to train the tokenizer on: dialogues of other clients than the training set's, and stories."""
    random = stream("stories", seed)
    lines = [write_story(random) for _ in range(1000)]
    for cot in VARIANTS:
        for record in make_records(make_dialogues(seed, clients=216), cot):
            human, answer = (said["value"] for said in record["conversations"])
            text, _ = conversation_text([(human.replace("<image>\n", ""), answer)])
            lines += text.removeprefix(SYSTEM).removesuffix("</s>").split("\n")
    return lines + [SYSTEM] * 200


def make_config(tokenizer) -> LlavaConfig:
    """The shapes of the pocket model; embedding rows are rounded up to a multiple of 64, as `llava-hf` does."""
    return LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=64,
            intermediate_size=256,
            num_hidden_layers=4,
            num_attention_heads=4,
            image_size=IMAGE_SIZE,
            patch_size=14,
            projection_dim=64,
        ),
        text_config=LlamaConfig(
            hidden_size=128,
            intermediate_size=352,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=2048,
            rms_norm_eps=1e-5,
            initializer_range=0.05,
            vocab_size=64 * math.ceil(len(tokenizer) / 64),
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        projector_hidden_act="gelu",
        image_seq_length=(IMAGE_SIZE // 14) ** 2,
        pad_token_id=tokenizer.pad_token_id,
    )


def write_llava(folder: Path = FOLDER, seed: int = SEED) -> None:
    """Trains tokenizer, vision tower and language model (some minutes on 2 cores) and writes the folder in float16.

    Text and faces depend on the seed only; the weights also on the machine's number of threads, in their last digits.
    """
    tokenizer = train_tokenizer(tokenizer_corpus(seed))
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(make_config(tokenizer))
    processor = make_processor(model.config, tokenizer)
    faces = draw_faces(FACES, IMAGE_SIZE, seed)
    pixels = processor.image_processor(list(faces.images), return_tensors="pt")["pixel_values"]
    train_tower(model, pixels, faces.traits, TOWER_STEPS)
    train_language(model, tokenizer, pixels, faces.identities, LANGUAGE_STEPS, seed)
    save(model, processor, folder)


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


def save(model: LlavaForConditionalGeneration, processor: LlavaProcessor, folder: Path) -> None:
    """Writes model and processor as `llava-hf` publishes them."""
    tokenizer = processor.tokenizer
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    folder.mkdir(parents=True, exist_ok=True)
    model.to(torch.float16).save_pretrained(folder)
    processor.save_pretrained(folder)
    processor.image_processor.save_pretrained(folder)  # preprocessor_config.json, which older readers look for
