"""PhotoMaker on the stock SDXL pipeline: paints images from prompts and portraits.

The first steps are conditioned on the text alone and set the composition; then a step callback swaps in the embeddings
with the identity (arXiv 2312.04461, delayed merging). Weights: v1 or v2 as published, over any SDXL folder or Hub id.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from transformers import CLIPImageProcessorPil

from mirror.faces.clip_text import fit, repeat_person, tokens, without_trigger
from mirror.faces.photomaker.acceleration import COMPILE, Recorded
from mirror.faces.photomaker.distilled import distil
from mirror.faces.photomaker.id_encoder import IdEncoder
from mirror.faces.photomaker.pipeline import load_pipeline, networks
from mirror.faces.photomaker.recipe import PaintRecipe, PaintRequest
from mirror.faces.photomaker.schedulers import make_scheduler, step_noise, text_steps, warn_of_late_start
from mirror.faces.photomaker.weights import fuse_lora, read_adapter, weights_file
from mirror.files.digests import sha256
from mirror.files.image_file import upright
from mirror.models.memory.rotation import Rotation


@dataclass(frozen=True)
class Conditions:
    """Text conditioning of the pipeline, one row per request.

    Attributes:
        words: [n, 77, d], of both text encoders.
        pooled: [n, p], of the second one.
    """

    words: torch.Tensor
    pooled: torch.Tensor


class PhotoMaker:
    """Paints persons from portraits. Not thread-safe. Create one with `load`."""

    def __init__(
        self,
        pipeline: StableDiffusionXLPipeline,
        id_encoder: IdEncoder,
        recipe: PaintRecipe,
        facts: dict[str, Any],
        batch_size: int = 8,
        compile: Literal["none", "blocks", "whole"] = "none",
        embed_face: Callable[[Image.Image], torch.Tensor] | None = None,
        rotation: Rotation | None = None,
    ) -> None:
        """Uses models that are loaded already.

        Args:
            pipeline: SDXL with the LoRA fused in; its scheduler is replaced by the recipe's.
            id_encoder: on the device of the pipeline.
            recipe: how images are painted.
            facts: models and revisions, for the record of a run.
            batch_size: images that a GPU paints at a time; a CPU paints one at a time.
            compile: each size of batch is compiled at its first use: in `blocks` (half a minute on one H200) or as a
                `whole` (100 s, and a few percent faster).
            embed_face: insightface's embedding [f] of a portrait's face; PhotoMaker v2 needs it.
            rotation: where the painter takes turns with other models, as `painter`; None: it is alone on its device.

        Raises:
            ValueError: the parts do not fit together.
        """
        if id_encoder.needs_faces and embed_face is None:
            raise ValueError("PhotoMaker v2 needs face embeddings; give the folder of an insightface pack, or use v1")
        if id_encoder.width != pipeline.unet.config.cross_attention_dim:
            raise ValueError(
                f"the PhotoMaker weights are for text embeddings of {id_encoder.width} channels, and this SDXL model "
                f"has {pipeline.unet.config.cross_attention_dim}; take weights and model of the same family"
            )
        self.pipeline = pipeline
        self.id_encoder = id_encoder
        self._schedule = pipeline.scheduler.config
        self.recipe = recipe
        self.embed_face = embed_face
        COMPILE[compile](pipeline.unet)
        pipeline.vae.enable_slicing()  # decodes one picture at a time, as fast, with a fraction of the memory
        self.seat = (rotation or Rotation(str(pipeline.device))).join("painter", [*networks(pipeline), id_encoder])
        device = self.seat.device
        self._facts = facts | {"device": str(device), "batch_size": batch_size, "compile": compile}
        # A CPU gains nothing from a batch, and one at a time every image is bit-identical in any batch.
        self.batch_size = 1 if device.type == "cpu" else batch_size
        if device.type == "cuda" and not self.seat.moves:  # a CUDA graph holds the addresses of weights
            Recorded(pipeline.unet)

    @classmethod
    def load(
        cls,
        base_model: str,
        adapter: str,
        recipe: PaintRecipe,
        revision: str = "",
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
        batch_size: int = 8,
        compile: Literal["none", "blocks", "whole"] = "none",
        embed_face: Callable[[Image.Image], torch.Tensor] | None = None,
        vision_heads: int | None = None,
        distilled: str = "",
        rotation: Rotation | None = None,
    ) -> "PhotoMaker":
        """Loads SDXL and PhotoMaker, and fuses the LoRA into SDXL.

        Args:
            base_model: SDXL folder or Hub id.
            adapter: PhotoMaker weights, v1 or v2: a `.bin` or `.safetensors` file, or one of a Hub repository as
                `owner/name/file`.
            recipe: how images are painted.
            revision: of the base model on the Hub.
            dtype: of all weights.
            device: `cpu` or `cuda:<number>`; not used with a rotation, which has its own.
            batch_size, compile, embed_face, rotation: see the constructor.
            vision_heads: attention heads of the adapter's vision transformer, which cannot be read from weights; None:
                one per 64 channels, as in every published CLIP.
            distilled: weights that make SDXL paint in few steps (see `mirror.faces.photomaker.distilled`); empty: none.

        Raises:
            FileNotFoundError: a model or file was not found.
            ValueError: a file is broken, or the parts do not fit together.
        """
        path = weights_file(adapter, "PhotoMaker weights")
        encoder_weights, lora_weights = read_adapter(path)
        pipeline, commit = load_pipeline(base_model, revision, dtype)
        pipeline.set_progress_bar_config(disable=True)
        distillation = distil(pipeline, distilled, dtype)
        fuse_lora(pipeline.unet, lora_weights)
        encoder = IdEncoder(encoder_weights, vision_heads)
        facts = {
            "base_model": base_model,
            "revision": commit,
            "adapter": adapter,
            "adapter_sha256": sha256(path),
            "version": 2 if encoder.needs_faces else 1,
            "precision": str(dtype).removeprefix("torch."),
            **distillation,
        }
        rotation, encoder = rotation or Rotation(device), encoder.to(dtype=dtype).eval()
        return cls(pipeline, encoder, recipe, facts, batch_size, compile, embed_face, rotation)

    @property
    def recipe(self) -> PaintRecipe:
        """How images are painted; may be set to another one."""
        return self._recipe

    @recipe.setter
    def recipe(self, recipe: PaintRecipe) -> None:
        self._recipe = recipe
        scheduler = make_scheduler(recipe.scheduler, self._schedule, recipe.spacing)
        self._text_steps = text_steps(scheduler, recipe)
        warn_of_late_start(scheduler, recipe.steps)
        self.pipeline.scheduler = scheduler

    def facts(self) -> dict[str, Any]:
        """Models, revisions and recipe, for the record of a run.

        `text_steps` of the steps are conditioned on the text alone; `evaluations` of the network make an image.
        """
        recipe = self.recipe
        told = {
            "negative_prompt": "used" if self._guided else "not used",
            "text_steps": self._text_steps,
            "evaluations": recipe.steps * (2 if self._guided else 1),
        }
        return self._facts | asdict(recipe) | told

    def check(self, request: PaintRequest) -> None:
        """Checks that the request can be painted, without painting it.

        Raises:
            ValueError: the prompt marks no person among the tokens that CLIP reads, a portrait cannot be read
                (PictureError), or v2 finds no face in it.
        """
        for tokenizer in self._tokenizers:
            repeat_person(tokenizer, request.prompt, max(len(request.portraits) * self.id_encoder.tokens, 1))
        for portrait in map(upright, request.portraits):
            if self.embed_face is None or not self.id_encoder.needs_faces:
                continue
            self.id_encoder.require_width(len(self.embed_face(portrait)))

    def paint(self, requests: Sequence[PaintRequest]) -> list[Image.Image]:
        """One RGB image of side `output_size` per request, in order, each from its own noise."""
        side = (self.recipe.output_size, self.recipe.output_size)
        images = []
        with self.seat:
            for start in range(0, len(requests), self.batch_size):
                batch = requests[start : start + self.batch_size]
                images += self.denoise(batch, self.noise(batch), "pil")
        return [image.convert("RGB").resize(side, Image.Resampling.LANCZOS) for image in images]

    def noise(self, requests: Sequence[PaintRequest]) -> torch.Tensor:
        """[n, channels, size/8, size/8] float32: the initial noise of each request, from its own seed."""
        side = self.recipe.size // self.pipeline.vae_scale_factor
        shape = (1, self.pipeline.unet.config.in_channels, side, side)
        return torch.cat([torch.randn(shape, generator=torch.Generator().manual_seed(r.seed)) for r in requests])

    @torch.inference_mode()
    def denoise(self, requests: Sequence[PaintRequest], noise: torch.Tensor, output_type: str) -> Any:
        """Runs the pipeline.

        Args:
            requests: n of them.
            noise: [n, channels, size/8, size/8].
            output_type: of the result: `pil` for images, `latent` for latents.
        """
        pipe, recipe = self.pipeline, self.recipe
        text = self.embed([without_trigger(request.prompt) for request in requests]) if self._text_steps else None
        negative = self.embed([request.negative_prompt for request in requests]) if self._guided else None
        person = self.merge_identities(requests)

        def merge(_pipe: Any, step: int, _timestep: Any, _tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            if step != self._text_steps - 1:
                return {}
            words = [negative.words, person.words] if negative else [person.words]
            pooled = [negative.pooled, person.pooled] if negative else [person.pooled]
            return {"prompt_embeds": torch.cat(words), "add_text_embeds": torch.cat(pooled)}

        first = text or person
        return pipe(
            prompt_embeds=first.words,
            pooled_prompt_embeds=first.pooled,
            negative_prompt_embeds=negative.words if negative else None,
            negative_pooled_prompt_embeds=negative.pooled if negative else None,
            num_inference_steps=recipe.steps,
            guidance_scale=recipe.guidance_scale,
            height=recipe.size,
            width=recipe.size,
            latents=noise.to(pipe.device, pipe.unet.dtype),
            generator=step_noise(recipe.scheduler, [request.seed for request in requests]),
            callback_on_step_end=merge,
            callback_on_step_end_tensor_inputs=["prompt_embeds", "add_text_embeds"],
            output_type=output_type,
        ).images

    @property
    def _guided(self) -> bool:
        # A network that takes the guidance scale as an input is not guided from outside.
        return self.recipe.guided and self.pipeline.unet.config.time_cond_proj_dim is None

    # Text and identity ------------------------------------------------------------------------------------------------

    def embed(self, prompts: Sequence[str]) -> Conditions:
        """The prompts encoded by both text encoders; truncated to CLIP's 77 tokens with a warning."""
        return self._encode([[fit(t, tokens(t, prompt)) for prompt in prompts] for t in self._tokenizers])

    def merge_identities(self, requests: Sequence[PaintRequest]) -> Conditions:
        """The prompts encoded, with each person's identity fused into the word before the trigger word."""
        needed = [len(request.portraits) * self.id_encoder.tokens for request in requests]
        rows, starts = [], []
        for tokenizer in self._tokenizers:
            marked = [
                repeat_person(tokenizer, request.prompt, max(count, 1))
                for request, count in zip(requests, needed, strict=True)
            ]
            rows.append([fit(tokenizer, ids) for ids, _ in marked])
            starts = [start for _, start in marked]
        plain = self._encode(rows)
        identities = self._identities([portrait for request in requests for portrait in request.portraits])
        # Both tokenizers split a prompt alike, so the positions of the second one hold for the first one.
        return Conditions(self.id_encoder.merge(plain.words, identities.split(needed), starts), plain.pooled)

    @cached_property
    def _tokenizers(self) -> tuple[Any, Any]:
        return self.pipeline.tokenizer, self.pipeline.tokenizer_2

    @cached_property
    def _image_processor(self) -> CLIPImageProcessorPil:
        side = self.id_encoder.image_size
        return CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})

    def _identities(self, portraits: Sequence[Image.Image]) -> torch.Tensor:
        """[portraits · tokens, width]: the identity embeddings, in order."""
        weight = self.id_encoder.visual_projection_2.weight
        if not portraits:
            return weight.new_zeros(0, self.id_encoder.width)
        pixels = self._image_processor([upright(portrait) for portrait in portraits], return_tensors="pt")[
            "pixel_values"
        ]
        faces = None
        if self.id_encoder.needs_faces and self.embed_face is not None:
            faces = torch.stack([self.embed_face(portrait) for portrait in portraits]).to(weight)
        return self.id_encoder(pixels.to(weight), faces).flatten(0, 1)

    def _encode(self, rows: Sequence[Sequence[list[int]]]) -> Conditions:
        """Encodes token ids, given by tokenizer and prompt, each of the encoder's full length."""
        words, pooled = [], torch.empty(0)
        for ids, encoder in zip(rows, (self.pipeline.text_encoder, self.pipeline.text_encoder_2), strict=True):
            output = encoder(torch.tensor(ids, device=encoder.device), output_hidden_states=True)
            words.append(output.hidden_states[-2])
            pooled = output.text_embeds if encoder is self.pipeline.text_encoder_2 else pooled
        return Conditions(torch.cat(words, dim=-1), pooled)
