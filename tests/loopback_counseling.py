"""Counseling with a client `c` and a counselor `k` behind a loopback server, with prices, at pocket size."""

from mirror.counseling.run import Counseling
from mirror.counseling.settings import CounselSettings
from tests.parameters import COUNSEL_DEFAULTS

SMALL = {"sessions": 4, "max_turns": 3, "attempts": 1, "steps": 1, "merge_step": 0, "run": "a"}
SMALL |= {"describer": "lexicon", "verifier": "local", "image_size": 32, "face_size": 56, "guidance_scale": 1.0}
CHAT = {"client": "openai", "client_model": "c", "counselor": "openai", "counselor_model": "k"}
PRICES = "c 1000/20000, k 3000/40000"


def loopback_settings(url, **changes):
    urls = {"client_url": url, "counselor_url": url}
    return CounselSettings.checked(COUNSEL_DEFAULTS | SMALL | CHAT | urls | {"prices": PRICES} | changes, "parameter")


def loopback_run(server, cast=None, **changes):
    """A run; with a cast, its models are not loaded again."""
    counsel = Counseling(loopback_settings(server.url, **changes))
    if cast:
        counsel.cast = cast
    return counsel


def close(cast):
    """Closes the connections of a cast that outlives a test."""
    cast.client.model.close()
    cast.counselor.speaker.model.close()


def session_folders(counsel):
    return [counsel.session(profile) for profile in counsel.profiles]


def session_files(counsel):
    """Every file of the sessions but the times, by name."""
    found = sorted(path for path in (counsel.run.folder / "sessions").rglob("*") if path.is_file())
    return {str(p.relative_to(counsel.run.folder)): p.read_bytes() for p in found if p.name != "timings.jsonl"}
