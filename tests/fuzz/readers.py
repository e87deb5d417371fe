"""The readers of texts, sessions, ratings, checkpoints and training sets, each with inputs that are valid for it."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mirror.analysis.settings import AnalyseSettings
from mirror.building.settings import BuildSettings
from mirror.chat.errors import ServerError
from mirror.chat.reasoning import without_reasoning
from mirror.chat.wire import ChatResponse
from mirror.counseling.settings import CounselSettings
from mirror.exploration.settings import ExploreSettings
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
from mirror.rating.forms.answers import AnswersError, read_answers
from mirror.rating.forms.exchange.csv_form import read_csv_answers
from mirror.rating.forms.exchange.label_studio import read_label_studio
from mirror.rating.forms.exchange.qualtrics import read_qualtrics
from mirror.rating.forms.key import Key, KeyForm, KeySession
from mirror.rating.instrument import InstrumentError, read_instrument, read_wording
from mirror.rating.preferences import PreferenceRecord
from mirror.rating.ratings import RatingRecord
from mirror.rating.settings import RateSettings
from mirror.run_folder import RunConflict, read_provenance
from mirror.services.http_client import decoded
from mirror.services.server_json import parsed
from mirror.settings.errors import SettingsError
from mirror.settings.params_file import read_params
from mirror.training.records import read_records
from mirror.training.records.faults import DataError
from mirror.training.settings import TrainSettings
from mirror.transcripts.profile import ProfileError, read_profiles
from mirror.transcripts.session_folder import SessionFolder, TranscriptError
from tests.fuzz.reader import Files, Reader

EXPLORE = b"""configuration: params/counsel/pocket-llava.yaml
checkpoint: null
cot: ec
client: "60"
turns: 3
cue: looks away
words: Hm.
seed: 4
"""


def make(folder: Path) -> dict[str, Reader]:
    """Every reader, with what is valid for it; `folder` is for the files that they read."""

    file = Files(folder)

    def data(name: str, most: int = 60_000) -> bytes:
        return input_path(name).read_bytes()[:most]

    def session(name: str) -> Callable[[bytes], Any]:
        place = folder / f"session-{name}"
        readers = {"turns.jsonl": SessionFolder.turns, "timings.jsonl": SessionFolder.timings}
        read = readers.get(name, lambda one: (one.ended, one.client))
        return file(f"session-{name}/{name}", lambda _: read(SessionFolder(place)))

    def settings(kind: type, configuration: str | bytes) -> Reader:
        text = configuration if isinstance(configuration, bytes) else data(configuration)
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
    answer = {"code": "K7QF", "turn": None, "item": "helpful", "value": 3, "at": "2026-01-02T03:04:05Z"}
    comment = {"code": "K7QF", "turn": None, "text": "a"}
    returned = {"format": "counseling ratings", "version": 1, "form": "f", "rater": "anna", "instrument_sha256": "0"}
    returned |= {"answers": [answer], "comments": [comment]}
    task = {"form": "f", "rater": "anna", "code": "K7QF", "turn": None}
    results = [
        {"from_name": "helpful", "value": {"choices": ["3"]}},
        {"from_name": "Comment", "value": {"text": ["a"]}},
    ]
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
        "params of building": settings(BuildSettings, "params/build/pocket.yaml"),
        "params of analysis": settings(AnalyseSettings, "params/analyse/pocket.yaml"),
        "params of exploration": settings(
            ExploreSettings,
            EXPLORE,
        ),
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
        "returned form": Reader(file("form.json", read_answers), (AnswersError,), (_json(returned),)),
        "returned table": Reader(
            file("form.csv", lambda path: read_csv_answers(path, _key())),
            (AnswersError,),
            (b"form,rater,code,turn,item,value,comment\nf,anna,K7QF,whole,helpful,3,a\nf,anna,B3CD,2,helpful,,\n",),
        ),
        "export of Label Studio": Reader(
            file("tasks.json", lambda path: read_label_studio(path, _key())),
            (AnswersError,),
            (_json([{"id": 1, "data": task, "annotations": [{"id": 1, "result": results, "was_cancelled": False}]}]),),
        ),
        "responses of Qualtrics": Reader(
            file("responses.csv", lambda path: read_qualtrics(path, _key())),
            (AnswersError,),
            (
                b"Status,K7QF_helpful,K7QF_Comment,form,rater\na,b,c,d,e\n"
                b'"{""ImportId"":""Q""}",,,,\n0,3: some,x,f,anna\n',
            ),
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
            (_json({"threshold": 0.3, "sha256": "a", "detection_size": 128}),),
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


def _key() -> Key:
    session = KeySession(run="r", idx="60", parts=[None], turns_sha256="0")
    form = KeyForm(rater="anna", codes=["K7QF"])
    facts = {"instrument": "helpfulness", "instrument_sha256": "0", "items": ["helpful"], "lowest": 1, "highest": 5}
    return Key(**facts, forms={"f": form}, sessions={"K7QF": session})


def _json(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _records() -> bytes:
    path = input_path("pocket/data/mirror_ec_planning.json")
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
