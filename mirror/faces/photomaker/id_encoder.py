"""PhotoMaker's identity encoder, v1 and v2: portraits become word embeddings. Knows nothing of diffusion or files.

Modules are named as in the published weights; all dimensions come from these. Architecture: arXiv 2312.04461 (v1);
v2 adds a perceiver that asks the image's patches with a face embedding.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import CLIPVisionConfig, CLIPVisionModel

HEAD = 128  # channels of a perceiver's attention head, in every published size
CLIP_HEAD = 64  # channels of an attention head in every published CLIP


class Mlp(nn.Module):
    """LayerNorm and two linear layers; `residual` adds the input again."""

    def __init__(self, weights: Mapping[str, torch.Tensor], prefix: str, residual: bool) -> None:
        super().__init__()
        hidden, width = weights[f"{prefix}.fc1.weight"].shape
        self.layernorm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, weights[f"{prefix}.fc2.weight"].shape[0])
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.fc2(nn.functional.gelu(self.fc1(self.layernorm(x))))
        return x + y if self.residual else y


class FuseModule(nn.Module):
    """Melts a class word's embedding and an identity's into one."""

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.mlp1 = Mlp(weights, "fuse_module.mlp1", residual=False)
        self.mlp2 = Mlp(weights, "fuse_module.mlp2", residual=True)
        self.layer_norm = nn.LayerNorm(weights["fuse_module.layer_norm.weight"].shape[0])

    def forward(self, word: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        """[n, d], [n, d] → [n, d]"""
        return self.layer_norm(self.mlp2(self.mlp1(torch.cat([word, identity], dim=-1)) + word))


class PerceiverAttention(nn.Module):
    def __init__(self, dim: int, inner: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, inner, bias=False)
        self.to_kv = nn.Linear(dim, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, dim, bias=False)

    def forward(self, patches: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        """patches [n, p, d], queries [n, q, d] → [n, q, d]: each query looks at all patches and all queries."""
        patches, queries = self.norm1(patches), self.norm2(queries)
        keys, values = self.to_kv(torch.cat([patches, queries], dim=1)).chunk(2, dim=-1)
        q, k, v = (x.unflatten(-1, (-1, HEAD)).transpose(1, 2) for x in (self.to_q(queries), keys, values))
        return self.to_out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Perceiver(nn.Module):
    def __init__(self, weights: Mapping[str, torch.Tensor], prefix: str) -> None:
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
        patches = self.proj_in(patches)
        for attention, feed in self.layers:
            queries = queries + attention(patches, queries)
            queries = queries + feed(queries)
        return self.norm_out(self.proj_out(queries))


def feed_forward(dim: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(dim), nn.Linear(dim, hidden, bias=False), nn.GELU(), nn.Linear(hidden, dim, bias=False)
    )


class FaceQueries(nn.Module):
    """v2's part: a face embedding becomes a few queries, which the patches of the portrait answer."""

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        prefix = "qformer_perceiver"
        hidden, width = weights[f"{prefix}.token_proj.0.weight"].shape
        out = weights[f"{prefix}.token_proj.2.weight"].shape[0]
        self.dim = weights[f"{prefix}.token_norm.weight"].shape[0]
        self.token_proj = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, out))
        self.token_norm = nn.LayerNorm(self.dim)
        self.perceiver_resampler = Perceiver(weights, f"{prefix}.perceiver_resampler")

    def forward(self, faces: torch.Tensor, patches: torch.Tensor) -> torch.Tensor:
        """faces [n, f], patches [n, p, h] → [n, tokens, d]"""
        queries = self.token_norm(self.token_proj(faces).unflatten(-1, (-1, self.dim)))
        return queries + self.perceiver_resampler(queries, patches)


class IdEncoder(nn.Module):
    """Portraits to identity embeddings of the width of both text encoders together.

    Attributes:
        tokens: how many word positions a portrait takes: one in v1, two in v2.
        needs_faces: whether portraits go in with a face embedding of insightface's (v2).
        face_width: numbers in that embedding; 0 where none is needed.
        image_size: side of a portrait in pixels, as the vision transformer takes it.
    """

    def __init__(self, weights: Mapping[str, torch.Tensor], vision_heads: int | None = None) -> None:
        """The encoder with these `weights`; `vision_heads` are the vision transformer's, else one for 64 channels."""
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
            self.tokens = self.qformer_perceiver.token_proj[2].out_features // self.qformer_perceiver.dim
            self.face_width = self.qformer_perceiver.token_proj[0].in_features
        # transformers may or may not wrap the transformer in a module of its own; the published names are fixed.
        own = self.state_dict().keys()
        nested = {key: key.replace("vision_model.", "vision_model.vision_model.", 1) for key in weights}
        self.load_state_dict({key if key in own else nested[key]: value for key, value in weights.items()})

    @property
    def width(self) -> int:
        """Channels of an identity embedding."""
        return self.fuse_module.layer_norm.normalized_shape[0]

    def forward(self, pixel_values: torch.Tensor, faces: torch.Tensor | None = None) -> torch.Tensor:
        """pixel_values [n, 3, s, s], faces [n, face_width] (v2) → [n, tokens, width]"""
        seen = self.vision_model(pixel_values)
        if self.needs_faces:
            return self.qformer_perceiver(faces, seen.last_hidden_state)
        pooled = seen.pooler_output
        return torch.cat([self.visual_projection(pooled), self.visual_projection_2(pooled)], dim=-1)[:, None]

    def merge(
        self, prompt_embeds: torch.Tensor, identities: Sequence[torch.Tensor], starts: Sequence[int]
    ) -> torch.Tensor:
        """`prompt_embeds` [n, 77, d] with the identities [k, d] of each row melted into the words from `starts` on."""
        merged = prompt_embeds.clone()
        for row, identity, start in zip(merged, identities, starts, strict=True):
            words = slice(start, start + len(identity))
            row[words] = self.fuse_module(row[words], identity)
        return merged


def vision_config(weights: Mapping[str, torch.Tensor], heads: int | None) -> CLIPVisionConfig:
    """The configuration of the vision transformer whose weights these are."""
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
    """A v1 encoder's weights, freshly initialised; `widths` are the channels of the two text encoders."""
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
