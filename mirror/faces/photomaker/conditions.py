"""Encodes prompts and portraits for SDXL with PhotoMaker. What has been encoded lately is not encoded again.

A portrait is encoded once per client, a prompt once for all attempts at a face. On a GPU all prompts of a batch go
through the text encoders together; on a CPU one at a time, so that an image is bit-identical in any batch.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from transformers import CLIPImageProcessorPil

from mirror.faces.clip_text import fit, repeat_person, tokens, without_trigger
from mirror.faces.photomaker.id_encoder import IdEncoder
from mirror.faces.photomaker.recipe import PaintRequest
from mirror.files.image_file import upright

MOST_PROMPTS = 64  # encoded prompts that are kept: at most 0.6 MB each
MOST_PEOPLE = 4096  # people whose encoded portraits are kept: some kB each
Ids = tuple[tuple[int, ...], ...]  # a prompt's token ids, by text encoder
Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Conditions:
    """Text conditioning of the pipeline, one row per request.

    Attributes:
        words: [n, 77, d], of both text encoders.
        pooled: [n, p], of the second one.
    """

    words: torch.Tensor
    pooled: torch.Tensor


class Conditioner:
    """The text encoders of a pipeline and an identity encoder."""

    def __init__(
        self,
        pipeline: StableDiffusionXLPipeline,
        id_encoder: IdEncoder,
        embed_face: Callable[[Image.Image], torch.Tensor] | None,
    ) -> None:
        """Uses models that are loaded; `embed_face` gives insightface's embedding [f] of a portrait, for v2."""
        self.pipeline, self.id_encoder, self.embed_face = pipeline, id_encoder, embed_face
        self.tokenizers: tuple[Any, Any] = (pipeline.tokenizer, pipeline.tokenizer_2)
        side = id_encoder.image_size
        self._image_processor = CLIPImageProcessorPil(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}
        )
        self._prompts: dict[Ids, Conditions] = {}
        self._people: dict[bytes, torch.Tensor] = {}

    def encode(
        self, requests: Sequence[PaintRequest], texts: bool, negatives: bool
    ) -> tuple[Conditions | None, Conditions | None, Conditions]:
        """The conditions of the text alone (None without `texts`), of what must not show, and of the person.

        Prompts are truncated to CLIP's 77 tokens with a warning. In the last conditions each person's identity is fused
        into the word before the trigger word.
        """
        text = [self._ids(without_trigger(one.prompt)) for one in requests] if texts else []
        negative = [self._ids(one.negative_prompt) for one in requests] if negatives else []
        needed = [len(one.portraits) * self.id_encoder.tokens for one in requests]
        marked = [self._marked(one.prompt, max(count, 1)) for one, count in zip(requests, needed, strict=True)]
        wanted = [*text, *negative, *(ids for ids, _ in marked)]
        found = looked_up(self._prompts, wanted, self._encode, MOST_PROMPTS, self._one_by_one)
        known = dict(zip(wanted, found, strict=True))
        plain = _stacked([known[ids] for ids, _ in marked])
        merged = self.id_encoder.merge(plain.words, self._identities(requests), [start for _, start in marked])
        return (
            _stacked([known[ids] for ids in text]) if texts else None,
            _stacked([known[ids] for ids in negative]) if negatives else None,
            Conditions(merged, plain.pooled),
        )

    @property
    def _one_by_one(self) -> bool:
        # Not asked of the pipeline, which looks at every module of its networks first.
        return bool(self.id_encoder.visual_projection_2.weight.device.type == "cpu")

    def _ids(self, prompt: str) -> Ids:
        return tuple(tuple(fit(tokenizer, tokens(tokenizer, prompt))) for tokenizer in self.tokenizers)

    def _marked(self, prompt: str, count: int) -> tuple[Ids, int]:
        """The token ids with the person's token `count` times, and the position of the first of these."""
        marked = [repeat_person(tokenizer, prompt, count) for tokenizer in self.tokenizers]
        # Both tokenizers split a prompt alike, so the positions of the second one hold for the first one.
        ids = zip(self.tokenizers, marked, strict=True)
        return tuple(tuple(fit(tokenizer, words)) for tokenizer, (words, _) in ids), marked[-1][1]

    def _encode(self, prompts: Sequence[Ids]) -> list[Conditions]:
        words, pooled = [], torch.empty(0)
        encoders = (self.pipeline.text_encoder, self.pipeline.text_encoder_2)
        for number, encoder in enumerate(encoders):
            rows = torch.tensor([ids[number] for ids in prompts], device=encoder.device)
            output = encoder(rows, output_hidden_states=True)
            words.append(output.hidden_states[-2])
            pooled = output.text_embeds if encoder is self.pipeline.text_encoder_2 else pooled
        of_rows = zip(torch.cat(words, dim=-1).split(1), pooled.split(1), strict=True)
        return [Conditions(word.clone(), pool.clone()) for word, pool in of_rows]  # a view would keep the whole batch

    def _identities(self, requests: Sequence[PaintRequest]) -> list[torch.Tensor]:
        """Per request [portraits · tokens, width]: the identity embeddings, in order."""
        digests = [_digest(one.portraits) for one in requests]
        people = dict(zip(digests, (one.portraits for one in requests), strict=True))
        return looked_up(self._people, digests, self._encode_people(people), MOST_PEOPLE, self._one_by_one)

    def _encode_people(
        self, people: dict[bytes, tuple[Image.Image, ...]]
    ) -> Callable[[Sequence[bytes]], list[torch.Tensor]]:
        def encode(digests: Sequence[bytes]) -> list[torch.Tensor]:
            portraits = [portrait for digest in digests for portrait in people[digest]]
            weight = self.id_encoder.visual_projection_2.weight
            if not portraits:
                return [weight.new_zeros(0, self.id_encoder.width) for _ in digests]
            pixels = self._image_processor([upright(portrait) for portrait in portraits], return_tensors="pt")
            faces = None
            if self.id_encoder.needs_faces and self.embed_face is not None:
                faces = torch.stack([self.embed_face(portrait) for portrait in portraits]).to(weight)
            encoded = self.id_encoder(pixels["pixel_values"].to(weight), faces).flatten(0, 1)
            parts = encoded.split([len(people[digest]) * self.id_encoder.tokens for digest in digests])
            return [part.clone() for part in parts]

        return encode


def _stacked(rows: Sequence[Conditions]) -> Conditions:
    return Conditions(torch.cat([row.words for row in rows]), torch.cat([row.pooled for row in rows]))


def _digest(portraits: Sequence[Image.Image]) -> bytes:
    digest = hashlib.sha256()
    for portrait in map(upright, portraits):
        digest.update(repr(portrait.size).encode() + portrait.tobytes())
    return digest.digest()


def looked_up(
    known: dict[Key, Value],
    wanted: Sequence[Key],
    compute: Callable[[Sequence[Key]], Iterable[Value]],
    most: int,
    one_by_one: bool,
) -> list[Value]:
    """The values of `wanted`; what is not in `known` is computed and put there, and the oldest beyond `most` leave.

    Args:
        known: values by key, those that were wanted longest ago first.
        wanted: keys, some of them several times.
        compute: the values of keys.
        most: the number of values that are kept.
        one_by_one: compute each by itself, not all together.
    """
    missing = [key for key in dict.fromkeys(wanted) if key not in known]
    found = {key: known.pop(key) for key in dict.fromkeys(wanted) if key in known}
    for keys in [[key] for key in missing] if one_by_one else [missing] * bool(missing):
        found |= zip(keys, compute(keys), strict=True)
    known |= found
    for key in list(known)[: max(len(known) - most, 0)]:
        del known[key]
    return [found[key] for key in wanted]
