"""The defaults of a comparison of painters: the published models, and those of the pocket size."""

from typing import Any

from mirror.faces.settings import FACE_MODELS

# The expressions that the pocket painter knows; all occur often in counseling.
EXPRESSIONS = (
    "skeptical, sad, withdrawn, irritated, anxious, relieved, attentive, tired, tearful, guarded, surprised, calm"
)
# Without guidance, from pure noise: how a painter that was distilled to few steps paints.
_FEW_STEPS: dict[str, Any] = {"spacing": "trailing", "guidance_scale": 0.0, "merge_at": 0.2}

PRESETS: dict[str, dict[str, Any]] = {
    "published": FACE_MODELS["7b"]
    | {
        "table": "data/mirror/test.csv",
        "portraits": "data/mirror/portraits",
        "expressions": EXPRESSIONS,
        "painters": {
            "50 steps": {},
            "50 steps 768 px": {"image_size": 768},
            "Lightning 4 steps": _FEW_STEPS
            | {
                "distilled": "ByteDance/SDXL-Lightning/sdxl_lightning_4step_lora.safetensors",
                "scheduler": "euler",
                "steps": 4,
            },
            "Hyper-SD 4 steps": _FEW_STEPS
            | {"distilled": "ByteDance/Hyper-SD/Hyper-SDXL-4steps-lora.safetensors", "steps": 4},
        },
    },
    "pocket": FACE_MODELS["pocket"]
    | {
        "table": "pocket/data/test.csv",
        "portraits": "pocket/data/test_images",
        "expressions": EXPRESSIONS,
        "painters": {
            "6 steps": {},
            "3 steps": {"steps": 3},
            "2 steps distilled": _FEW_STEPS
            | {"distilled": "pocket/models/sdxl-pocket-fast-lora.safetensors", "steps": 2, "merge_at": 0.0},
        },
    },
}
