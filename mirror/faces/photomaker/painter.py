"""PhotoMaker on the stock SDXL pipeline: paints images from prompts and portraits.

The first steps are conditioned on the text alone and set the composition; then a step callback swaps in the embeddings
with the identity (arXiv 2312.04461, delayed merging). Weights: v1 or v2 as published, over any SDXL folder or Hub id.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Literal

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image

from mirror.faces.clip_text import repeat_person
from mirror.faces.photomaker.acceleration import COMPILE, Recorded
from mirror.faces.photomaker.batches import batches, sizes_for, sizes_up_to
from mirror.faces.photomaker.conditions import Conditioner
from mirror.faces.photomaker.decoding import decoded
from mirror.faces.photomaker.distilled import distil
from mirror.faces.photomaker.id_encoder import IdEncoder
from mirror.faces.photomaker.pipeline import load_pipeline, networks
from mirror.faces.photomaker.recipe import PaintRecipe, PaintRequest
from mirror.faces.photomaker.schedulers import make_scheduler, step_noise, text_steps, warn_of_late_start
from mirror.faces.photomaker.weights import fuse_lora, read_adapter, weights_file
from mirror.files.digests import sha256
from mirror.files.image_file import upright
from mirror.models.memory.rotation import Rotation
from mirror.progress_bar import progress_bar

log = logging.getLogger(__name__)


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
        COMPILE[compile](pipeline)
        self.seat = (rotation or Rotation(str(pipeline.device))).join("painter", [*networks(pipeline), id_encoder])
        device = self.seat.device
        self._facts = facts | {"device": str(device), "batch_size": batch_size, "compile": compile}
        # A CPU gains nothing from a batch, and one at a time every image is bit-identical in any batch.
        self.batch_sizes = (1,) if device.type == "cpu" else sizes_up_to(batch_size)
        self._conditioner = Conditioner(pipeline, id_encoder, embed_face)
        self._warming_up = False
        self._ready: set[int] = set()  # the sizes of batches that are compiled
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
        for tokenizer in self._conditioner.tokenizers:
            repeat_person(tokenizer, request.prompt, max(len(request.portraits) * self.id_encoder.tokens, 1))
        for portrait in map(upright, request.portraits):
            if self.embed_face is None or not self.id_encoder.needs_faces:
                continue
            self.id_encoder.require_width(len(self.embed_face(portrait)))

    def paint(self, requests: Sequence[PaintRequest]) -> list[Image.Image]:
        """One RGB image of side `output_size` per request, in order, each from its own noise."""
        side = (self.recipe.output_size, self.recipe.output_size)
        images: list[Image.Image] = []
        with self.seat:
            for size in batches(len(requests), self.batch_sizes):
                rows = requests[len(images) : len(images) + size]
                batch = [*rows, *[rows[-1]] * (size - len(rows))]  # the copies' pictures are dropped
                images += decoded(self.pipeline, self.denoise(batch, self.noise(batch), "latent")[: len(rows)])
        return [image.resize(side, Image.Resampling.LANCZOS) for image in images]

    def warm_up(self, pictures: int) -> None:
        """Compiles and records on a GPU, with a progress bar, what painting up to `pictures` at a time will need."""
        needed = sizes_for(pictures, self.batch_sizes) if self.seat.device.type == "cuda" else ()
        if not (sizes := [size for size in reversed(needed) if size not in self._ready]):
            return
        log.info("compiling the painter for batches of %s, up to two minutes each the first time", sizes)
        self._warming_up = True
        try:
            with progress_bar("compiling the painter", "batch sizes", len(sizes)) as bar:
                for size in sizes:
                    self.paint([PaintRequest("a person img", "", (), seed) for seed in range(size)])
                    self._ready.add(size)
                    bar.update()
        finally:
            self._warming_up = False

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
        text, negative, person = self._conditioner.encode(requests, self._text_steps > 0, self._guided)

        def merge(_pipe: Any, step: int, _timestep: Any, _tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            _pipe._interrupt = self._warming_up  # one step compiles what the others need
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
            latents=noise.to(self.seat.device, pipe.unet.dtype),
            generator=step_noise(recipe.scheduler, [request.seed for request in requests]),
            callback_on_step_end=merge,
            callback_on_step_end_tensor_inputs=["prompt_embeds", "add_text_embeds"],
            output_type=output_type,
        ).images

    @property
    def _guided(self) -> bool:
        # A network that takes the guidance scale as an input is not guided from outside.
        return self.recipe.guided and self.pipeline.unet.config.time_cond_proj_dim is None
