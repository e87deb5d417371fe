"""PhotoMaker's identity encoder, v1 and v2: encodes portraits and fuses them into word embeddings.

Modules are named as in the published weights, from which all dimensions are read. Architecture: arXiv 2312.04461 (v1);
v2 adds a perceiver whose queries come from a face embedding and attend to the patches of the portrait.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import CLIPVisionConfig, CLIPVisionModel

HEAD = 128  # channels of a perceiver's attention head, in every published size
CLIP_HEAD = 64  # channels of an attention head in every published CLIP


class Mlp(nn.Module):
    """LayerNorm and two linear layers with GELU; `residual` adds the input."""

    def __init__(self, weights: Mapping[str, torch.Tensor], prefix: str, residual: bool) -> None:
        """Takes the sizes from the weights that begin with `prefix`."""
        super().__init__()
        hidden, width = weights[f"{prefix}.fc1.weight"].shape
        self.layernorm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, weights[f"{prefix}.fc2.weight"].shape[0])
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, width] → [n, out]."""
        y = self.fc2(nn.functional.gelu(self.fc1(self.layernorm(x))))
        return x + y if self.residual else y


class FuseModule(nn.Module):
    """Fuses the embedding of a class word and an identity embedding."""

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Takes the sizes from the weights that begin with `fuse_module`."""
        super().__init__()
        self.mlp1 = Mlp(weights, "fuse_module.mlp1", residual=False)
        self.mlp2 = Mlp(weights, "fuse_module.mlp2", residual=True)
        self.layer_norm = nn.LayerNorm(weights["fuse_module.layer_norm.weight"].shape[0])

    def forward(self, word: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        """Word [n, d] and identity [n, d] → [n, d]."""
        return self.layer_norm(self.mlp2(self.mlp1(torch.cat([word, identity], dim=-1)) + word))


class PerceiverAttention(nn.Module):
    """Cross-attention of queries to patches and queries."""

    def __init__(self, dim: int, inner: int) -> None:
        """`dim` channels outside, `inner` channels over all heads."""
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, inner, bias=False)
        self.to_kv = nn.Linear(dim, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, dim, bias=False)

    def forward(self, patches: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        """Patches [n, p, d] and queries [n, q, d] → [n, q, d]: each query attends to all patches and all queries."""
        patches, queries = self.norm1(patches), self.norm2(queries)
        keys, values = self.to_kv(torch.cat([patches, queries], dim=1)).chunk(2, dim=-1)
        q, k, v = (x.unflatten(-1, (-1, HEAD)).transpose(1, 2) for x in (self.to_q(queries), keys, values))
        return self.to_out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Perceiver(nn.Module):
    """Layers of attention and feed-forward, each with a residual connection."""

    def __init__(self, weights: Mapping[str, torch.Tensor], prefix: str) -> None:
        """Takes the sizes from the weights that begin with `prefix`."""
        super().__init__()
        dim, width = weights[f"{prefix}.proj_in.weight"].shape
        inner = weights[f"{prefix}.layers.0.0.to_q.weight"].shape[0]
        hidden = weights[f"{prefix}.layers.0.1.1.weight"].shape[0]
        self.proj_in = nn.Linear(width, dim)
        self.proj_out = nn.Linear(dim, weights[f"{prefix}.proj_out.weight"].shape[0])
        self.norm_out = nn.LayerNorm(self.proj_out.out_features)
        self.layers = nn.ModuleList(
            nn.ModuleList([PerceiverAttention(dim, inner), feed_forward(dim, hidden)])
            for _ in range(_depth(weights, f"{prefix}.layers."))
        )

    def forward(self, queries: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """Queries [n, q, d] and patches [n, p, h] → [n, q, out]."""
        patches = self.proj_in(patches)
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleList)
            attention, feed = layer
            queries = queries + attention(patches, queries)
            queries = queries + feed(queries)
        return self.norm_out(self.proj_out(queries))


def feed_forward(dim: int, hidden: int) -> nn.Sequential:
    """A perceiver's LayerNorm and two linear layers with GELU."""
    return nn.Sequential(
        nn.LayerNorm(dim), nn.Linear(dim, hidden, bias=False), nn.GELU(), nn.Linear(hidden, dim, bias=False)
    )


class FaceQueries(nn.Module):
    """The part that v2 adds: a face embedding becomes a few queries that attend to the patches of the portrait."""

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Takes the sizes from the weights that begin with `qformer_perceiver`."""
        super().__init__()
        prefix = "qformer_perceiver"
        hidden, width = weights[f"{prefix}.token_proj.0.weight"].shape
        out = weights[f"{prefix}.token_proj.2.weight"].shape[0]
        self.dim = weights[f"{prefix}.token_norm.weight"].shape[0]
        self.tokens, self.face_width = out // self.dim, width
        self.token_proj = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, out))
        self.token_norm = nn.LayerNorm(self.dim)
        self.perceiver_resampler = Perceiver(weights, f"{prefix}.perceiver_resampler")

    def forward(self, faces: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """Face embeddings [n, f] and patches [n, p, h] → [n, tokens, d]."""
        queries = self.token_norm(self.token_proj(faces).unflatten(-1, (-1, self.dim)))
        return queries + self.perceiver_resampler(queries, patches)


class IdEncoder(nn.Module):
    """Encodes portraits as identity embeddings, as wide as the outputs of both text encoders together.

    Attributes:
        tokens: word positions per portrait: one in v1, two in v2.
        needs_faces: whether the encoder takes an insightface embedding with each portrait (v2).
        face_width: size of that embedding; 0 if none is needed.
        image_size: side in pixels of the vision transformer's input.
    """

    def __init__(self, weights: Mapping[str, torch.Tensor], vision_heads: int | None = None) -> None:
        """Loads `weights` as published.

        Args:
            weights: by name; v2 if there are weights of `qformer_perceiver`.
            vision_heads: attention heads of the vision transformer; None: one per 64 channels.
        """
        super().__init__()
        config = vision_config(weights, vision_heads)
        self.image_size = config.image_size
        self.vision_model = CLIPVisionModel(config)
        self.visual_projection = _bare_linear(weights["visual_projection.weight"])
        self.visual_projection_2 = _bare_linear(weights["visual_projection_2.weight"])
        self.fuse_module = FuseModule(weights)
        self.needs_faces = any(key.startswith("qformer_perceiver.") for key in weights)
        self.tokens, self.face_width = 1, 0
        if self.needs_faces:
            self.qformer_perceiver = FaceQueries(weights)
            self.tokens, self.face_width = self.qformer_perceiver.tokens, self.qformer_perceiver.face_width
        # The published names are fixed, and versions of transformers differ in whether they nest the transformer.
        own = self.state_dict().keys()
        nested = {key: key.replace("vision_model.", "vision_model.vision_model.", 1) for key in weights}
        self.load_state_dict({key if key in own else nested[key]: value for key, value in weights.items()})

    @property
    def width(self) -> int:
        """Channels of an identity embedding."""
        return self.fuse_module.layer_norm.normalized_shape[0]

    def require_width(self, width: int) -> None:
        """Checks that face embeddings have the width that PhotoMaker v2 reads.

        Raises:
            ValueError: they have another.
        """
        if width != self.face_width:
            raise ValueError(
                f"PhotoMaker v2 reads face embeddings of {self.face_width} numbers, and the pack gives "
                f"{width}; take the pack it was trained with (antelopev2)"
            )

    def forward(self, pixel_values: torch.Tensor, faces: torch.Tensor | None = None) -> torch.Tensor:
        """Pixel values [n, 3, s, s] and face embeddings [n, face_width] (v2) → [n, tokens, width]."""
        seen = self.vision_model(pixel_values)
        if self.needs_faces:
            return self.qformer_perceiver(faces, seen.last_hidden_state)
        pooled = seen.pooler_output
        return torch.cat([self.visual_projection(pooled), self.visual_projection_2(pooled)], dim=-1)[:, None]

    def merge(
        self, prompt_embeds: torch.Tensor, identities: Sequence[torch.Tensor], starts: Sequence[int]
    ) -> torch.Tensor:
        """Fuses the identities into the words of the prompts.

        Args:
            prompt_embeds: [n, 77, d].
            identities: one [k, d] per prompt.
            starts: position of the first word per prompt.

        Returns:
            A copy of `prompt_embeds`, [n, 77, d].
        """
        merged = prompt_embeds.clone()
        for row, identity, start in zip(merged, identities, starts, strict=True):
            words = slice(start, start + len(identity))
            row[words] = self.fuse_module(row[words], identity)
        return merged


def vision_config(weights: Mapping[str, torch.Tensor], heads: int | None) -> CLIPVisionConfig:
    """The configuration of the vision transformer, read from the shapes of its weights."""
    patch = weights["vision_model.embeddings.patch_embedding.weight"].shape[-1]
    positions, hidden = weights["vision_model.embeddings.position_embedding.weight"].shape
    return CLIPVisionConfig(
        hidden_size=hidden,
        intermediate_size=weights["vision_model.encoder.layers.0.mlp.fc1.weight"].shape[0],
        num_hidden_layers=_depth(weights, "vision_model.encoder.layers."),
        num_attention_heads=heads or max(1, hidden // CLIP_HEAD),
        patch_size=patch,
        image_size=round((positions - 1) ** 0.5) * patch,
    )


def random_weights(config: CLIPVisionConfig, widths: tuple[int, int]) -> dict[str, torch.Tensor]:
    """Randomly initialised weights of a v1 encoder, by published name; the same at every call.

    Args:
        config: of the vision transformer.
        widths: channels of the two text encoders.
    """
    dim = sum(widths)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vision = {
            f"vision_model.{key.removeprefix('vision_model.')}": value
            for key, value in CLIPVisionModel(config).state_dict().items()
            if "position_ids" not in key
        }
        parts = {
            "visual_projection": nn.Linear(config.hidden_size, widths[0], bias=False),
            "visual_projection_2": nn.Linear(config.hidden_size, widths[1], bias=False),
            "fuse_module.mlp1.layernorm": nn.LayerNorm(2 * dim),
            "fuse_module.mlp1.fc1": nn.Linear(2 * dim, dim),
            "fuse_module.mlp1.fc2": nn.Linear(dim, dim),
            "fuse_module.mlp2.layernorm": nn.LayerNorm(dim),
            "fuse_module.mlp2.fc1": nn.Linear(dim, dim),
            "fuse_module.mlp2.fc2": nn.Linear(dim, dim),
            "fuse_module.layer_norm": nn.LayerNorm(dim),
        }
    return vision | {f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()}


def _depth(weights: Mapping[str, torch.Tensor], prefix: str) -> int:
    return 1 + max(int(key.removeprefix(prefix).split(".")[0]) for key in weights if key.startswith(prefix))


def _bare_linear(weight: torch.Tensor) -> nn.Linear:
    return nn.Linear(weight.shape[1], weight.shape[0], bias=False)
