"""What a study of any size will need: GPU hours, dollars, files, disk. From declared rates, before anything exists.

    python -m mirror.counseling.spending.plan -f params/counsel/mirror-7b-planning.yaml --clients 800 --arms 4

It multiplies, and nothing else: every rate is printed with the result and can be given. `Counseling.estimate` knows
more of a single run: its table of clients and, once a session is complete, its own means.
"""

import argparse
from dataclasses import asdict, dataclass, fields, replace

import pandas as pd

from mirror.console import run_command
from mirror.counseling.settings import CounselSettings
from mirror.counseling.spending.pace import expected_stages
from mirror.counseling.spending.rehearsal import rehearse
from mirror.counseling.spending.spent import token_names
from mirror.faces.settings import BYTES_PER_PIXEL
from mirror.paths import input_path
from mirror.settings.errors import SettingsError
from mirror.transcripts.profile import read_profiles

TABLE, PORTRAITS = "pocket/data/test.csv", "pocket/data/test_images"  # clients for whom tokens are counted
SESSION_FILES = 4  # client.json, turns.jsonl, timings.jsonl, end.json
SESSION_FOLDERS = 2  # of the session, and of its faces
BLOCK = 4096  # bytes, of most file systems: a file fills its last block by half on average
SECONDS = 3600  # of an hour
RATES = {  # options of the command, named as the attributes of `Rates`, with what it says of them
    "--face-seconds": "of one GPU, to paint and verify a face (default: of one H200)",
    "--reply-seconds": "of one GPU, for a reply with its caption and its part of the plan (default: of one H200)",
    "--attempts": "faces painted until one is accepted, on average (default: 1)",
    "--picture-bytes": "of a saved face (default: by its side in the configuration)",
    "--text-bytes": "of a turn, beside pictures (default: 2700)",
    "--tokens-read": "per turn by endpoints (default: rehearsed with the pocket clients)",
    "--tokens-written": "per turn by endpoints (default: likewise)",
    "--gpu-dollars": "of an hour of one GPU (default: 0)",
    "--read-dollars": "of a million tokens that endpoints read (default: 0)",
    "--written-dollars": "of a million tokens that endpoints write (default: 0)",
}
LEFT_OUT = "Counseling alone; building a set, training, loading models, waiting for endpoints and ratings come on top."


@dataclass(frozen=True)
class Rates:
    """What one turn or session takes; the defaults of `of` come from measurements.

    Attributes:
        face_seconds: of one GPU, to paint and verify one face; one H200 (`mirror.counseling.spending.pace`).
        reply_seconds: of one GPU, for one reply with its caption; likewise.
        attempts: faces painted per turn.
        picture_bytes: of a saved face as PNG.
        text_bytes: of a turn in all files but pictures: 2,350 to 2,690 in runs of the three pocket counselors.
        tokens_read, tokens_written: per turn, of all roles behind endpoints; rehearsed with the pocket clients.
        gpu_dollars: per hour of one GPU.
        read_dollars, written_dollars: per million of these tokens.
    """

    face_seconds: float
    reply_seconds: float
    attempts: float = 1.0
    picture_bytes: float = 0.0
    text_bytes: float = 2700.0
    tokens_read: float = 0.0
    tokens_written: float = 0.0
    gpu_dollars: float = 0.0
    read_dollars: float = 0.0
    written_dollars: float = 0.0

    @classmethod
    def of(cls, settings: CounselSettings) -> "Rates":
        """The rates of a run with these settings at its concurrency; prices are not known."""
        stages = expected_stages(settings, settings.concurrency)
        reply = stages["counselor"] if settings.counselor == "llava" else 0.0
        profiles = read_profiles(input_path(TABLE), input_path(PORTRAITS))
        untrained = settings.model_copy(update={"prompts": "project"})  # a checkpoint need not exist yet
        tokens = [session for profile in profiles for session in rehearse(untrained, profile)]
        read, written = (
            sum(sum(of.get(token_names(role)[verb][0], 0) for role in settings.models) for of in tokens)
            / (len(tokens) * settings.max_turns)
            for verb in (0, 1)
        )
        picture = BYTES_PER_PIXEL * settings.face_size**2
        return cls(stages["face"], reply, picture_bytes=picture, tokens_read=read, tokens_written=written)


@dataclass(frozen=True)
class Size:
    """The size of a study.

    Attributes:
        clients: each is counseled in every arm.
        arms: counselors that are compared.
        turns: per session.
        gpus: that work side by side, each on a share of the clients (`shard`).
        sessions: of each client in an arm.
    """

    clients: int
    arms: int
    turns: int
    gpus: int
    sessions: int = 1


def plan(size: Size, rates: Rates) -> dict[str, float]:
    """Computes what a study needs.

    Returns:
        By quantity: sessions, turns, faces painted, GPU hours, hours (with all GPUs), tokens of endpoints, dollars of
        GPUs and of endpoints, files, folders, disk in bytes, and the share of it that is in pictures.
    """
    sessions = size.clients * size.arms * size.sessions
    turns = sessions * size.turns
    pictures = turns * (rates.attempts + 1)  # the shown face is saved beside its attempts
    gpu_hours = turns * (rates.attempts * rates.face_seconds + rates.reply_seconds) / SECONDS
    read, written = turns * rates.tokens_read, turns * rates.tokens_written
    files = pictures + sessions * SESSION_FILES
    in_pictures = pictures * (rates.picture_bytes + BLOCK / 2)
    in_texts = turns * rates.text_bytes + sessions * SESSION_FILES * BLOCK / 2
    return {
        "sessions": sessions,
        "turns": turns,
        "faces painted": turns * rates.attempts,
        "GPU hours": gpu_hours,
        "hours": gpu_hours / size.gpus,
        "tokens of endpoints": read + written,
        "dollars, GPUs": gpu_hours * rates.gpu_dollars,
        "dollars, endpoints": (read * rates.read_dollars + written * rates.written_dollars) / 1e6,
        "files": files,
        "folders": sessions * SESSION_FOLDERS,
        "disk, bytes": in_pictures + in_texts,
        "in pictures": in_pictures / (in_pictures + in_texts),
    }


def table(size: Size, rates: Rates) -> pd.DataFrame:
    """The plan for reading: one row per quantity, then the rates that it rests on."""
    found = plan(size, rates)
    disk, share = found.pop("disk, bytes"), found.pop("in pictures")
    rows = [(name, shown(value)) for name, value in found.items()]
    rows.append(("disk, GB", f"{shown(disk / 1e9)} ({share:.0%} in pictures)"))
    rows += [(f"rate: {name.replace('_', ' ')}", shown(value)) for name, value in asdict(rates).items()]
    return pd.DataFrame(rows, columns=["what", "amount"])


def shown(amount: float) -> str:
    """A number for reading: three digits, all of those before the point."""
    return f"{round(amount):,}" if amount >= 100 or amount == round(amount) else f"{amount:.3g}"


def main() -> None:
    """Prints the plan of the study on the command line."""
    program = "python -m mirror.counseling.spending.plan"
    what = f"Say what a study will need: GPU hours, dollars, files, disk. {LEFT_OUT}"
    example = f"{program} -f params/counsel/mirror-7b-planning.yaml --clients 100 --arms 2 --gpu-dollars 2.50"
    parser = argparse.ArgumentParser(prog=program, description=what, epilog=f"For example: {example}")
    parser.add_argument("-f", dest="params", required=True, help="params/counsel/<configuration>.yaml of one arm")
    parser.add_argument("--clients", type=positive, required=True, help="each is counseled in every arm")
    parser.add_argument("--arms", type=positive, default=1, help="counselors that are compared (default: 1)")
    parser.add_argument("--turns", type=positive, help="per session (default: max_turns of the configuration)")
    parser.add_argument("--gpus", type=positive, default=1, help="that work side by side (default: 1)")
    for option, about in RATES.items():
        parser.add_argument(option, type=rate, metavar="NUMBER", help=about)
    given = parser.parse_args()
    try:
        turns = {"max_turns": given.turns} if given.turns else {}
        settings = CounselSettings.from_file(given.params, check_files=False, **turns)
    except (SettingsError, OSError) as error:
        parser.error(str(error))
    own = {field.name: getattr(given, field.name) for field in fields(Rates)}
    rates = replace(Rates.of(settings), **{name: value for name, value in own.items() if value is not None})
    size = Size(given.clients, given.arms, settings.max_turns, given.gpus, settings.sessions_per_client)
    print(table(size, rates).to_string(index=False, header=False))
    print(LEFT_OUT)


def positive(text: str) -> int:
    """A whole number above 0, from the command line."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, found {text}")
    return number


def rate(text: str) -> float:
    """A finite number that is not negative, from the command line."""
    if not 0 <= (number := float(text)) < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number from 0 on, found {text}")
    return number


if __name__ == "__main__":
    run_command(main)
