"""A pocket checkpoint that is served: its folders, and a server that reads prompts as vLLM does, with a real model."""

import base64
import copy
import io
import json
import random
import threading
from dataclasses import dataclass, replace

import torch
from PIL import Image
from transformers import AutoProcessor, LlavaForConditionalGeneration

from mirror.counseling.settings import CounselSettings
from mirror.files.digests import write_digests
from mirror.models.checkpoint import write_manifest
from mirror.models.llava import load
from mirror.models.llava_chat import IMAGE
from mirror.models.lora import add_lora, save_adapter
from mirror.models.merge import merge
from mirror.prompts import completed, own_prompts
from mirror.training.prompt_induction import induce
from tests import ROOT
from tests.checkpoints import MANIFEST
from tests.openai_server import Body, Request
from tests.parameters import COUNSEL_DEFAULTS
from tests.published_prompts import records
from tests.tiny_llava import shake

HARD = (
    "</s>", "<s>", "<unk>", "<pad>", "<im", "age", ">", "\n", "\n\n", "\r\n", "\t", " ", "  ", "\u2028", "▁",
    "ASSISTANT:", "USER: ", "{x}", "{{ y }}", "{% z %}", "né", "☃", "😀", "e\u0301", "\ufeff", "\x00", "don’t",
    "<|im_end|>", "[INST]",
)  # fmt: skip
SMALL = {"max_new_tokens": 8, "planning_max_tokens": 10, "temperature": 0.0, "device": "cpu"}
POCKET = ROOT / "pocket/models/llava-v1.5-pocket"


@dataclass(frozen=True)
class Folders:
    """A checkpoint, the folder that it was merged into, and that of the base model with the trained projector."""

    checkpoint: str
    merged: str
    base: str


def folders(place, cot="ec_planning"):
    """The folders of a pocket checkpoint; its prompts are those of records, which lack plans."""
    checkpoint = place / "checkpoint"
    checkpoint.mkdir()
    llava = load(str(POCKET))
    model = add_lora(llava.model, rank=4, alpha=8, dropout=0.0, seed=3)
    shake(model)
    save_adapter(model, checkpoint)
    write_manifest(checkpoint, replace(MANIFEST, cot=cot), completed(induce(records(cot, clients=12)), cot))
    write_digests(checkpoint)
    merge(checkpoint, place / "merged", dtype="float32")
    if cot != "base":  # which has nothing to leave to the base model
        merge(checkpoint, place / "base", dtype="float32", adapter=False)
    return Folders(*(str(place / name) for name in ("checkpoint", "merged", "base")))


def served_settings(place, url, **changes):
    """Settings of a counselor that is served, as small as can be."""
    served = {"counselor": "served", "checkpoint": place.merged, "counselor_model": "mirror", "counselor_url": url}
    values = COUNSEL_DEFAULTS | {"cot": "ec_planning"} | SMALL | served | {"untrained_model": "base"} | changes
    return CounselSettings.checked(values, "parameter")


def hard_prompts(prompts, number, seed=0):
    """Prompts of all kinds, our own and those given; their fields hold what a tokenizer or template may take amiss."""
    chance, found = random.Random(seed), []

    def text():
        words = [chr(chance.choice((chance.randrange(32, 127), chance.randrange(160, 0xD800)))) for _ in range(4)]
        return "".join(chance.choice((*HARD, *words)) for _ in range(chance.randrange(12)))

    while len(found) < number:
        of = chance.choice((prompts, own_prompts("ec_planning")))
        template = of.templates[chance.choice(sorted(of.templates))][0].template
        prompt = template.render(**{name: text() for name in template.fields})
        found += [prompt] if prompt.count(IMAGE) == 1 else []
    return found


class ServedLlava:
    """Answers like a server of merged folders; the model's name chooses the folder."""

    def __init__(self, **merged):
        self.processors = {name: AutoProcessor.from_pretrained(folder) for name, folder in merged.items()}
        self.models = {name: LlavaForConditionalGeneration.from_pretrained(f) for name, f in merged.items()}
        self.template, self._turn = "", threading.Lock()

    def with_template(self, template):
        """The same models behind a server that was told another chat template."""
        other = copy.copy(self)
        other.template = template
        return other

    def __call__(self, request: Request):
        with self._turn:
            return self._answer(request.body)

    def _answer(self, body):
        processor, model = self.processors[body["model"]], self.models[body["model"]]
        given = {"chat_template": self.template} if self.template else {}
        inputs = processor.apply_chat_template(
            received(body), tokenize=True, return_dict=True, return_tensors="pt", add_generation_prompt=True, **given
        )
        with torch.no_grad():
            written = model.generate(
                **inputs, do_sample=False, max_new_tokens=body["max_tokens"], eos_token_id=body["stop_token_ids"]
            )
        answer = written[0, inputs["input_ids"].shape[1] :].tolist()
        reason = "stop" if answer[-1] in body["stop_token_ids"] else "length"
        message = {"role": "assistant", "content": processor.decode(answer, skip_special_tokens=True)}
        usage = {"prompt_tokens": inputs["input_ids"].shape[1], "completion_tokens": len(answer)}
        choices = [{"index": 0, "message": message, "finish_reason": reason}]
        return Body(json.dumps({"choices": choices, "usage": usage, "model": body["model"]}).encode())


def read_by_transformers(processor, body):
    """The token ids that transformers makes of the messages of a request."""
    asked = {"tokenize": True, "return_dict": True, "add_generation_prompt": True}
    return processor.apply_chat_template(received(body), **asked)["input_ids"][0]


def read_by_vllm(processor, body, llava):
    """The same by vLLM's way: the template's text encoded without special tokens, then the image's token repeated."""
    parts = [part if part["type"] == "text" else {"type": "image"} for part in body["messages"][0]["content"]]
    text = processor.apply_chat_template([{"role": "user", "content": parts}], add_generation_prompt=True)
    ids = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
    expanded = [[one] * (llava.image_tokens if one == llava.image_token_id else 1) for one in ids]
    return [one for several in expanded for one in several]


def received(body):
    """The messages of a request as a processor takes them."""
    return [message | {"content": [_part(part) for part in message["content"]]} for message in body["messages"]]


def _part(part):
    if part["type"] == "text":
        return part
    data = base64.b64decode(part["image_url"]["url"].partition(",")[2])
    return {"type": "image", "image": Image.open(io.BytesIO(data))}
