"""A fuzzer of every reader of outside files and texts. Not part of the tests; needs the extra `test`.

    python -m tests.fuzz --minutes 60 --seed 1
    python -m tests.fuzz --minutes 5 --only plan,turns

Inputs are drawn around valid ones: bytes are flipped, cut, doubled and mixed, JSON values are replaced by others, texts
are made of the parts that a reader looks for. Each reader must return, or raise the error that it declares, with a
message. Anything else is printed with its input, once per place, and the exit is 1. A seed draws the same inputs.
"""

import argparse
import io
import json
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from mirror.chat.errors import ServerError
from mirror.chat.reasoning import without_reasoning
from mirror.chat.wire import ChatResponse
from mirror.counseling.settings import CounselSettings
from mirror.faces.identity import read_calibration
from mirror.files.image_file import PictureError, decode_picture
from mirror.files.json_lines import JsonLinesError, read_lines
from mirror.files.lock import Holder
from mirror.models.checkpoint import read_manifest, read_prompts
from mirror.models.lora.adapter_config import read_adapter_config
from mirror.paths import input_path
from mirror.prompts.client import parse_answer
from mirror.prompts.dialogue import parse_dialogue
from mirror.prompts.expression import MissingDescription, parse_expression
from mirror.prompts.plan import parse_plan
from mirror.prompts.reply import clean_reply
from mirror.prompts.utterance import format_utterance, parse_utterance
from mirror.rating.answer import Unparsable, read_answer
from mirror.rating.instrument import InstrumentError, read_instrument, read_wording
from mirror.rating.preferences import PreferenceRecord
from mirror.rating.ratings import RatingRecord
from mirror.rating.settings import RateSettings
from mirror.run_folder import RunConflict, read_provenance
from mirror.services.http_client import decoded
from mirror.services.server_json import parsed
from mirror.settings.errors import SettingsError
from mirror.settings.params_file import read_params
from mirror.training.faults import DataError
from mirror.training.records import read_records
from mirror.training.settings import TrainSettings
from mirror.transcripts.profile import ProfileError, read_profiles
from mirror.transcripts.session_folder import SessionFolder, TranscriptError

SLOW = 10  # seconds that one input may take
ODD_TEXTS = (
    "",
    " ",
    "\0",
    "\ud83d",
    "é\u0301",
    "\ufeff",
    "٣",
    "4²²",
    "a" * 5000,
    "[" * 2000,
    "1e999",
    "../x",
    "\u2028",
)
ODD_VALUES = (None, True, 0, -1, 10**30, 1.5, -0.0, float("nan"), float("inf"), [], {}, [[]], {"a": {}}, *ODD_TEXTS)
PARTS = (
    *" \t\n\r*_-#>`'\"“”«»‘’[](){}<>:：.,;!?…019é\0\ud83d\u2028\x85 \t\n\r*_[](){}<>\"'`:.-1",
    *"Client: |Therapist: |CBT technique: |Counseling plan:|Pie Chart|Pros and Cons Analysis|1. |Step 1: ".split("|"),
    *"Facial Expression Description: |Contrasting Facial Expression Description: |- |[/END]|I feel sad|what ".split(
        "|"
    ),
    *"<think>;</think>;[THINK];<|channel|>;final<|message|>;analysis;assistantfinal".split(";"),
    *'```json|{"helpful": 4}|"reason": '.split("|"),
)


@dataclass(frozen=True)
class Reader:
    """What is read: `read` gets the input; `declared` are the errors that it may raise; `seeds` are valid inputs."""

    read: Callable[[Any], Any]
    declared: tuple[type[Exception], ...] = ()
    seeds: tuple[Any, ...] = ()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="names of readers, with commas between")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        readers = make_readers(Path(folder))
        if options.only:
            readers = {name: readers[name] for name in options.only.split(",")}
        return fuzz(readers, options.minutes * 60, options.seed)


def fuzz(readers: dict[str, Reader], seconds: float, seed: int) -> int:
    started, rounds, findings = time.monotonic(), dict.fromkeys(readers, 0), set()
    signal.signal(signal.SIGALRM, _too_slow)
    warnings.simplefilter("ignore")  # Pillow's, of damaged pictures
    while time.monotonic() - started < seconds:
        for name, reader in readers.items():
            draw = random.Random(f"{seed} {name} {rounds[name]}")
            content = mutated(draw.choice(reader.seeds), draw)
            rounds[name] += 1
            if finding := fault_of(reader, content):
                where, told = finding
                if (name, where) not in findings:
                    findings.add((name, where))
                    print(f"{name}, input {rounds[name]}: {told}\n  at {where}\n  {content!r:.2000}\n", flush=True)
    print(f"{sum(rounds.values()):,} inputs, {len(findings)} findings")
    for name, count in rounds.items():
        print(f"  {name}: {count:,}")
    return bool(findings)


def fault_of(reader: Reader, content: Any) -> tuple[str, str] | None:
    """Where and how a reader fails otherwise than it declares; None where it does not."""
    signal.alarm(SLOW)
    try:
        reader.read(content)
    except reader.declared as error:
        # ValueError is what many declare; those of Python's own that speak of code and not of the input are findings.
        if not str(error).strip() or isinstance(error, UnicodeError):
            return _place(error), f"{type(error).__name__} says nothing of the input: {error}"
    except Exception as error:
        return _place(error), f"{type(error).__name__}: {error!s:.300}"
    finally:
        signal.alarm(0)
    return None


def _too_slow(*_: Any) -> None:
    raise TimeoutError(f"more than {SLOW} seconds")


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/mirror/" in frame.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {type(error).__name__}"


# Inputs ---------------------------------------------------------------------------------------------------------------


def mutated(seed: Any, draw: random.Random) -> Any:
    if isinstance(seed, bytes):
        return draw.choice((_bytes, _json_bytes, _lines))(seed, draw)
    return draw.choice((_text, _made_text))(seed, draw)


def _bytes(seed: bytes, draw: random.Random) -> bytes:
    content = bytearray(seed)
    for _ in range(draw.choice((1, 1, 2, 8, 60))):
        place = draw.randrange(len(content) + 1)
        kind = draw.randrange(5)
        if kind == 0 and place < len(content):
            content[place] = draw.randrange(256)
        elif kind == 1:
            del content[place : place + draw.choice((1, 4, 100, 10**6))]
        elif kind == 2:
            content[place:place] = draw.randbytes(draw.choice((1, 2, 20)))
        elif kind == 3:
            content[place:place] = draw.choice(ODD_TEXTS).encode("utf-8", "surrogatepass")
        else:
            other = draw.randrange(len(content) + 1)
            content[place:place] = content[other : other + draw.choice((3, 50, 500))]
    return bytes(content)


def _json_bytes(seed: bytes, draw: random.Random) -> bytes:
    """One value, or several, of a JSON or YAML text replaced, doubled or taken out."""
    try:
        lines = [json.loads(line) for line in seed.splitlines()] if seed[:1] == b"{" else [json.loads(seed)]
        text = [json.dumps(_value(value, draw)) for value in lines]
    except ValueError:
        try:
            value = json.loads(seed)
            text = [json.dumps(_value(value, draw))]
        except ValueError:
            try:
                value = yaml.safe_load(seed)
                if not isinstance(value, dict):
                    return _bytes(seed, draw)
                text = [yaml.safe_dump(_value(value, draw), allow_unicode=True)]
            except (yaml.YAMLError, ValueError):
                return _bytes(seed, draw)
    content = "\n".join(text) + "\n"
    if draw.random() < 0.1 and '": ' in content:  # a name twice
        name = draw.choice([part.rpartition('"')[2] for part in content.split('": ')[:-1]])
        content = content.replace("{", f'{{"{name}": 1, ', 1)
    return content.encode("utf-8", "surrogatepass")


def _value(value: Any, draw: random.Random, depth: int = 0) -> Any:
    if draw.random() < 0.08:
        return draw.choice(ODD_VALUES)
    if isinstance(value, dict):
        found = {name: _value(one, draw, depth + 1) for name, one in value.items() if draw.random() > 0.02}
        return found | ({draw.choice(ODD_TEXTS): draw.choice(ODD_VALUES)} if draw.random() < 0.03 else {})
    if isinstance(value, list):
        return [_value(one, draw, depth + 1) for one in value] * draw.choice((1, 1, 1, 1, 2, 0))
    if isinstance(value, str) and draw.random() < 0.2:
        return _text(value, draw)
    return value


def _lines(seed: bytes, draw: random.Random) -> bytes:
    lines = seed.splitlines(keepends=True)
    for _ in range(draw.choice((1, 2, 5))):
        place = draw.randrange(len(lines) + 1)
        if draw.random() < 0.5:
            lines.insert(place, draw.choice(lines) if lines else b"\n")
        elif lines:
            del lines[min(place, len(lines) - 1)]
    return b"".join(lines)


def _text(seed: str, draw: random.Random) -> str:
    text = seed
    for _ in range(draw.choice((1, 2, 8, 40))):
        place, end = sorted((draw.randrange(len(text) + 1), draw.randrange(len(text) + 1)))
        end = min(end, place + draw.choice((0, 0, 1, 10)))
        text = text[:place] + draw.choice((*PARTS, *ODD_TEXTS[:9])) + text[end:]
    return text


def _made_text(_: str, draw: random.Random) -> str:
    return "".join(draw.choice(PARTS) * draw.choice((1, 1, 1, 2, 50)) for _ in range(draw.randrange(40)))


# Readers --------------------------------------------------------------------------------------------------------------


def make_readers(folder: Path) -> dict[str, Reader]:
    """Every reader, with what is valid for it; `folder` is for the files that they read."""

    def file(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)

        def written(content: bytes) -> Any:
            path.write_bytes(content)
            return read(path)

        return written

    def data(name: str, most: int = 60_000) -> bytes:
        return input_path(name).read_bytes()[:most]

    def own(path: str) -> bytes:
        return next(input_path("pocket/models").rglob(path), input_path(path)).read_bytes()

    def session(name: str) -> Callable[[bytes], Any]:
        place = folder / f"session-{name}"
        readers = {"turns.jsonl": SessionFolder.turns, "timings.jsonl": SessionFolder.timings}
        read = readers.get(name, lambda one: (one.ended, one.client))
        return file(f"session-{name}/{name}", lambda _: read(SessionFolder(place)))

    def settings(kind: type, configuration: str) -> Reader:
        text = data(configuration)
        path = f"{kind.__name__}.yaml"
        return Reader(file(path, lambda p: kind.checked(read_params(p), f"{p}:")), (SettingsError,), (text,))

    def utterance(text: str) -> None:
        found = parse_utterance(text)
        if parse_utterance(format_utterance(found)) != found:
            raise AssertionError(f"{found} is not the same when read again")

    def records(path: Path) -> None:
        for _ in read_records(path, input_path("pocket/data/images")):
            pass

    rating = {"idx": "60", "turn": None, "instrument": "a", "repeat": 1, "status": "rated", "scores": {"a": 1}}
    more = {"raw": "{}", "judge": "m", "run": "r", "asked": "0", "attempts": 1, "prompt_tokens": 3}
    preference = rating | more | {"first": "a", "second": "b", "scores": {"a": "first"}}
    del preference["turn"]
    adapter = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "lora_dropout": 0.0}
    adapter |= {"rank_pattern": {"a": 2}, "layers_to_transform": [1], "use_rslora": False, "bias": "none"}
    end = {"status": "complete", "reason": "the end", "turns": 2, "attempts": [], "files": {}}
    completion = {"choices": [{"message": {"content": "a", "refusal": None}, "finish_reason": "stop"}], "usage": {}}
    error = {"error": {"message": "too long", "code": "x", "param": "seed", "details": [{"loc": ["a"], "msg": "b"}]}}
    readers = {
        "records": Reader(file("records.json", records), (DataError,), (_records(),)),
        "lines of records": Reader(file("records.jsonl", records), (DataError,), (_record_lines(),)),
        "client table": Reader(
            file("table.csv", lambda path: read_profiles(path, input_path("pocket/data/test_images"))),
            (ProfileError,),
            (data("pocket/data/test.csv"),),
        ),
        "instrument": Reader(
            file("instrument.yaml", lambda path: read_instrument(str(path))),
            (InstrumentError,),
            (data("mirror/rating/instruments/ctrs.yaml"), data("mirror/rating/instruments/resistance.yaml")),
        ),
        "wording": Reader(
            file("wording.yaml", read_wording), (InstrumentError,), (b"panas: {item_1: a, item_2: b}\n",)
        ),
        "params of counseling": settings(CounselSettings, "params/counsel/pocket-llava.yaml"),
        "params of training": settings(TrainSettings, "params/train/pocket-base.yaml"),
        "params of rating": settings(RateSettings, "params/rate/pocket.yaml"),
        "manifest": Reader(
            file("checkpoint/manifest.json", lambda path: read_manifest(path.parent)), (ValueError,), (_manifest(),)
        ),
        "prompts": Reader(file("prompts.json", read_prompts), (ValueError,), (_prompts(),)),
        "turns": Reader(session("turns.jsonl"), (TranscriptError,), (_turns(),)),
        "timings": Reader(session("timings.jsonl"), (TranscriptError,), (b'{"turn": 1, "seconds": {"paint": 1.5}}\n',)),
        "end": Reader(session("end.json"), (TranscriptError,), (_json(end),)),
        "client of a session": Reader(session("client.json"), (TranscriptError,), (_json({"idx": "60", "name": "A"}),)),
        "provenance": Reader(
            file("run/provenance.json", lambda path: read_provenance(path.parent)), (RunConflict,), (_json(error),)
        ),
        "holder of a lock": Reader(
            file("holder.json", Holder.read), (), (_json({"pid": 1, "host": "a", "since": "b", "work": "c"}),)
        ),
        "ratings": Reader(
            file("ratings.jsonl", lambda path: read_lines(path, RatingRecord)),
            (JsonLinesError,),
            (_json(rating | more),),
        ),
        "preferences": Reader(
            file("preferences.jsonl", lambda path: read_lines(path, PreferenceRecord)),
            (JsonLinesError,),
            (_json(preference),),
        ),
        "adapter's config": Reader(
            file("adapter/adapter_config.json", lambda path: read_adapter_config(path.parent, {}, "0")),
            (ValueError,),
            (_json(adapter),),
        ),
        "calibration": Reader(
            file("pack/calibration.json", lambda path: read_calibration(path.parent)),
            (ValueError,),
            (_json({"threshold": 0.3, "sha256": "a"}),),
        ),
        "picture": Reader(lambda content: decode_picture(content, "a"), (PictureError,), _pictures()),
        "vendor's answer": Reader(
            lambda body: ChatResponse.model_validate(parsed(decoded(body))), (ValueError,), (_json(completion),)
        ),
        "vendor's error": Reader(_read_fault, (), (_json(error), _json([error]), _json(completion | error))),
        "judge's answer": Reader(_read_judge, (Unparsable,), ('```json\n{"helpful": 4, "reason": "a"}\n```',)),
        "plan": Reader(
            parse_plan, (ValueError,), ("CBT technique: Pie Chart\nCounseling plan:\n1. Draw it.\n2. Ask.",)
        ),
        "utterance": Reader(utterance, (), ('Client: [looks down] "I am sad." [/END]',)),
        "client's answer": Reader(
            lambda text: parse_answer(text, 3), (), ("Client: [nods] Yes.\nTherapist: And then?",)
        ),
        "expression": Reader(
            parse_expression,
            (MissingDescription,),
            ("Facial Expression Description: a, b\nContrasting Facial Expression Description: c",),
        ),
        "reply": Reader(clean_reply, (), ("**Therapist:** [leans in] How are you?\nClient: Fine.",)),
        "dialogue": Reader(parse_dialogue, (ValueError,), ("Therapist: Hello.\nClient: Hi.",)),
        "reasoning": Reader(without_reasoning, (), ("<think>\nWell.\n</think>\nYes.",)),
    }
    return readers


def _read_fault(body: bytes) -> None:
    for status in (200, 400, 500):
        fault = ServerError.parse(status, decoded(body))
        fault.unsupported({"seed": 1, "temperature": 0.5, "top_p": 1.0, "max_tokens": 5})
        f"{fault.conversation_fault} {fault.message}".encode()
    ServerError.in_success(decoded(body))


def _read_judge(text: str) -> None:
    scores, reason = read_answer(text, {"helpful": (1, 2, 3, 4, 5)})
    if scores["helpful"] not in (1, 2, 3, 4, 5) or "\ud83d" in reason and "\ud83d" not in text:
        raise AssertionError(f"{scores}, {reason!r}")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _records() -> bytes:
    path = next(input_path("pocket/data").glob("*.json"))
    return json.dumps(json.loads(path.read_text(encoding="utf-8"))[:3]).encode()


def _record_lines() -> bytes:
    return b"".join(_json(record) for record in json.loads(_records()))


def _manifest() -> bytes:
    from dataclasses import fields

    from mirror.models.checkpoint import Manifest

    return _json(dict.fromkeys((field.name for field in fields(Manifest)), "a"))


def _prompts() -> bytes:
    from mirror.prompts import own_prompts

    return _json(own_prompts("planning", True).to_json())


def _turns() -> bytes:
    from mirror.transcripts.turn import Turn

    turns = [Turn(number=n, cue="looks down", words="Yes.", client_raw="Yes.", reply="I see.") for n in (1, 2)]
    return b"".join(turn.model_dump_json().encode() + b"\n" for turn in turns)


def _pictures() -> tuple[bytes, ...]:
    image = Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3))
    found = []
    for form in ("PNG", "JPEG", "WEBP", "BMP", "TIFF"):
        file = io.BytesIO()
        image.save(file, form)
        found.append(file.getvalue())
    return tuple(found)


if __name__ == "__main__":
    sys.exit(main())
