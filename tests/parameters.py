"""The parameters of the notebooks `counsel` and `analyse` at their defaults, as the notebooks pass them on."""

from types import SimpleNamespace

from mirror.analysis.settings import AnalyseSettings
from mirror.counseling.settings import MODELS, CounselSettings
from mirror.faces.settings import FaceSettings

OPEN = dict.fromkeys({name for models in MODELS.values() for name in models} | {"verifier", "run"})
COUNSEL_DEFAULTS = OPEN | {
    "counselor": "llava", "size": "pocket", "cot": "base", "checkpoint": "", "revision": "", "counselor_model": "",
    "counselor_url": "", "untrained_model": "", "untrained_url": "", "sees_face": True, "face": "shown",
    "faces_from": "", "temperature": 0.7, "top_p": 0.9, "context": 16, "client_url": "", "sessions": 0, "shard": "1/1",
    "describer_url": "", "painter_revision": "",
    "scheduler": "ddim", "distilled": "", "spacing": "model", "merge_at": None, "guidance_scale": 5.0,
    "relevance_threshold": None, "identity_threshold": None, "attempts": 10,
    "on_exhaustion": "keep_best", "ahead": 0, "seed": 0, "concurrency": 8, "waves": None,
    "workers": 1, "ray_address": "", "prices": "",
    "device": "auto", "precision": "auto", "offload": "auto", "paint_batch": 8, "reply_batch": 16,
    "budget_dollars": None, "budget_tokens": None, "budget_hours": None, "prompts": "", "fresh": False,
    "logging": "none",
    "client_temperature": 0.7, "client_top_p": 0.9, "client_max_tokens": 128, "client_frequency_penalty": 0.2,
    "client_presence_penalty": 0.2, "describer_temperature": 0.7, "describer_top_p": 0.9, "describer_max_tokens": 128,
}  # fmt: skip
ANALYSE_DEFAULTS = {"runs": "", "reference": "", "instruments": "", "level": 0.95, "resamples": 500, "seed": 1}
ANALYSE_DEFAULTS |= {"gallery": False, "run": None, "fresh": False}


def face_settings(**changes):
    """Those of the pocket size, with the lexicon and the filters of this process."""
    found = CounselSettings.checked(COUNSEL_DEFAULTS, "parameter")
    names = [name for name in vars(FaceSettings) if not name.startswith("_")]
    here = {"describer": "lexicon", "verifier": "local"}
    return SimpleNamespace(**{name: getattr(found, name) for name in names} | here | changes)


def analyse_settings(**changes):
    return AnalyseSettings.checked(ANALYSE_DEFAULTS | changes, "parameter", check_files=False)
