"""The readers of the building of training sets: tables, texts, portraits, batches, journals, and the set itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mirror.building.pictures.journal import DescriptionRecord, PictureRecord
from mirror.building.portraits.catalogue import Catalogue
from mirror.building.portraits.inspection import InspectionRecord
from mirror.building.portraits.rows import FIELDS, PortraitTableError, read_rows
from mirror.building.screenplays.acceptance import parse_rule
from mirror.building.screenplays.client_text import read_age, read_gender, split_intake_form
from mirror.building.screenplays.columns import ColumnsError, parse_columns
from mirror.building.screenplays.filters import TextRules, VerdictRecord, find_faults
from mirror.building.screenplays.parsing import ScreenplayError, format_screenplay, parse_screenplay
from mirror.building.screenplays.screenplay import ClientInfo, Line, Screenplay
from mirror.building.screenplays.table import read_clients, read_screenplays
from mirror.building.screenplays.table_file import TableError
from mirror.building.screenplays.writing import parse_kinds
from mirror.building.screenplays.writing.journal import WrittenRecord
from mirror.building.training_set.check import SetError, check_set
from mirror.building.training_set.folder import write_set
from mirror.building.training_set.options import RecordOptions, read_prompt_sets
from mirror.chat.batch_files import read_answers, requested
from mirror.chat.endpoint import ChatEndpoint
from mirror.chat.prices import parse_prices
from mirror.files.digests import changed_files, folder_faults
from mirror.files.json_lines import JsonLinesError, encoded, read_lines
from mirror.paths import input_path
from mirror.risk.lexicon import RiskLexicon
from mirror.run_folder import RunConflict, read_settings
from tests.faulty_screenplays import dialogue, lines, table_text
from tests.fuzz.reader import Files, Reader
from tests.made_screenplays import make_clients, make_screenplays

IDENTITY = b"000001.jpg 2880\n000002.jpg 2937\n000003.jpg 8692\n"
ATTRIBUTES = b"2\n5_o_Clock_Shadow Male Young\n000001.jpg -1 -1  1\n000002.jpg -1  1 -1\n"
PERSON = (
    "Name: Ana\nAge: 34\nGender: female\nIs a nurse.",
    "Anna, 34, a nurse, lives with her 3-year-old daughter",
    "1. Presenting Problem\nI worry.\n\n3. Reason for Seeking Counseling\nMy sleep.\n\n4. Past History\nNone.",
)
CELEBA = {"file": "image_id", "person": "identity", "gender": "Male"}


def make(folder: Path) -> dict[str, Reader]:
    """Every reader, with what is valid for it; `folder` is for the files that they read."""
    file = Files(folder / "building")
    return tables(file) | portraits(file) | texts() | batches(file) | journals(file) | sets(file)


def tables(file: Files) -> dict[str, Reader]:
    """Tables of screenplays and clients, in every form."""

    def screenplays(path: Path) -> None:
        for on_not_found, on_same_speaker in (("drop", "merge"), ("blank", "drop")):
            read_screenplays(path, {}, on_not_found, on_same_speaker, needs_plan=True)

    def clients(path: Path) -> None:
        read_clients(path, {}, "drop", needs_plan=True)
        read_clients(path, {"personal_info": "personal_info", "reason": "personal_info"}, "blank")

    rows = [dialogue(number) for number in (0, 1, 33)]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    split = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    text = table_text(rows)
    csvs = (text.encode(), b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), text.encode("utf-16"))
    by_row = {str(number): row | {"dialogue": row["dialogue"].split("\n")} for number, row in enumerate(rows)}
    jsons = tuple(_json(form) for form in (rows, columns, split, by_row, rows[0]))
    errors = (TableError, ColumnsError)
    return {
        "screenplays, CSV": Reader(file("screenplays.csv", screenplays), errors, csvs),
        "screenplays, JSON": Reader(file("screenplays.json", screenplays), errors, jsons),
        "screenplays, lines": Reader(
            file("screenplays.jsonl", screenplays), errors, (b"".join(map(_json, rows)), _json(rows[0]))
        ),
        "clients, CSV": Reader(file("clients.csv", clients), errors, csvs),
        "clients, JSON": Reader(file("clients.json", clients), errors, jsons),
    }


def portraits(file: Files) -> dict[str, Reader]:
    """Tables of portraits, and the names of portraits in screenplays."""
    pictures = input_path("pocket/sources/portraits")

    def own(path: Path) -> None:
        catalogue = Catalogue(pictures, read_rows([path], {name: name for name in FIELDS}))
        for entry in ("100", "060-calm.png;060-attentive.png", "101-calm"):
            catalogue.resolve(entry)

    def celeba(path: Path) -> None:
        second = path.with_name("attributes.txt")
        second.write_bytes(ATTRIBUTES)
        Catalogue(pictures, read_rows([path, second], CELEBA))

    def attributes(path: Path) -> None:
        read_rows([path], {"file": "image_id", "gender": "Male", "age": "Young"})

    def names(text: str) -> None:
        catalogue = Catalogue(pictures, None)
        catalogue.resolve(text)
        catalogue.resolve("100-calm.png")

    table = input_path("pocket/sources/portraits.csv").read_bytes()[:600]
    return {
        "portrait table": Reader(file("portraits.csv", own), (PortraitTableError,), (table,)),
        "portrait table, identities": Reader(file("identity.txt", celeba), (PortraitTableError,), (IDENTITY,)),
        "portrait table, attributes": Reader(file("list.txt", attributes), (PortraitTableError,), (ATTRIBUTES,)),
        "portrait names": Reader(
            names, (), ("060-calm.png;060-attentive.png", "101-calm", "/data/celeba/100-calm.png")
        ),
    }


def texts() -> dict[str, Reader]:
    """Texts in cells of tables, and in settings with a grammar of their own."""
    lexicon, rules = RiskLexicon(), TextRules()

    def screenplay(text: str) -> None:
        for on_same_speaker in ("merge", "drop"):
            found = parse_screenplay(text, on_same_speaker)
            if parse_screenplay(format_screenplay(found), on_same_speaker) != found:
                raise AssertionError(f"{found!r:.300} is not the same when read again")

    def person(text: str) -> None:
        age, gender = read_age(text, text), read_gender("", text)
        read_gender(text, "")
        split_intake_form(text)
        if age is not None and not 1 <= age <= 120 or gender not in ("", "woman", "man"):
            raise AssertionError(f"{age}, {gender!r}")

    def risk(text: str) -> None:
        for flag in lexicon.flags(text):
            if not flag.words or not all(word in text for word in flag.words.split()):
                raise AssertionError(f"{flag} does not stand in the text")

    def faults(text: str) -> None:
        info = ClientInfo(text[: len(text) // 2], "", text[:80], text)
        both = (Line("client", "", text), Line("therapist", "", text))
        list(find_faults(Screenplay("a", info, "", (), both), rules, None))

    script = "\n".join(lines("orchard", 2))
    return {
        "screenplay": Reader(screenplay, (ScreenplayError,), (script, script.replace("Client:", "**Client**:"))),
        "person in words": Reader(person, (), PERSON),
        "risk": Reader(risk, (), ("I want to kill myself. I can't go on.", "He hit me again; I would never jump.")),
        "faults of texts": Reader(faults, (), (script, "Too much and too much. I don't know, I don't know.")),
        "columns": Reader(parse_columns, (ColumnsError,), ("dialogue=screenplay, reason=why, cbt_plan=plan",)),
        "rule": Reader(parse_rule, (ValueError,), ("names >= 0.8 and ctrs.understanding >= 4 and turns < 9",)),
        "kinds": Reader(parse_kinds, (ValueError,), ("emotional, cognitive, behavioral, no",)),
        "prices": Reader(parse_prices, (ValueError,), ("gpt-4o-mini 0.15/0.60, other 1/2",)),
        "image name": Reader(
            lambda text: RecordOptions(image_name=text, prompts={}), (ValueError,), ("turn-{turn}_{portrait}.png",)
        ),
    }


def batches(file: Files) -> dict[str, Reader]:
    """A vendor's batch: its answers, and the files of requests."""
    endpoint = ChatEndpoint("some-model", "http://127.0.0.1:1/v1")
    body = {"model": "m", "choices": [{"message": {"content": "Client: [nods] Yes."}, "finish_reason": "stop"}]}
    body["usage"] = {"prompt_tokens": 12, "completion_tokens": 3}
    answer = {"id": "r0", "custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None}
    refused = {"error": {"message": "too long", "code": "context_length_exceeded", "param": None}}
    failed = answer | {"id": "r1", "response": {"status_code": 400, "body": refused}}
    expired = answer | {"id": "r2", "response": None, "error": {"code": "batch_expired", "message": "late"}}
    request = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {}}

    def answers(path: Path) -> None:
        for one in (one for of_request in read_answers(path.parent).answers.values() for one in of_request):
            if one.status is not None:
                found = endpoint.read({"seed": 1, "temperature": 0.5}, one.status, one.body)
                if found and (record := WrittenRecord.of("a", 1, "b", 2, found)):
                    encoded(record)

    lines = (_json(answer) + _json(failed) + _json(expired), _json(answer))
    return {
        "batch answers": Reader(file("answers/output.jsonl", answers), (), lines),
        "batch requests": Reader(file("requests-001.jsonl", requested), (ValueError,), (_json(request) * 2,)),
    }


def journals(file: Files) -> dict[str, Reader]:
    """The journals of a build."""

    def journal(name: str, kind: Any, **values: Any) -> Reader:
        def read(path: Path) -> None:
            for record in read_lines(path, kind):
                encoded(record)

        record = kind.model_validate(values)
        content = encoded(record)
        bare = _json(record.model_dump(mode="json"))
        return Reader(file(name, read), (JsonLinesError,), (content * 2, bare, bare * 3))

    described = {"expression": "a", "contrast": "b", "response": "c", "model": "m"}
    picture = {"line": 0, "digest": "d", "portrait": "p", "portrait_sha256": ["a"], "prompt": "a", "statement": "s"}
    picture |= {"negative_prompt": "", "attempts": [{"number": 1, "seed": 2, "verdict": {"outcome": "accepted"}}]}
    fault = {"line": 3, "reason": "repeated_words", "detail": "b"}
    seen = {"file": "a.png", "bytes": 3, "content": "c", "models": "m", "faces": [{"gender": "woman", "age": 3}]}
    return {
        "journal, written": journal("written.jsonl", WrittenRecord, idx="a", attempt=1, asked="b", seed=3, raw="Hm."),
        "journal, texts": journal("texts.jsonl", VerdictRecord, idx="a", content="c", faults=[fault]),
        "journal, portraits": journal("portraits.jsonl", InspectionRecord, **seen),
        "journal, descriptions": journal("descr.jsonl", DescriptionRecord, line=0, digest="d", description=described),
        "journal, pictures": journal("pictures.jsonl", PictureRecord, **picture, chosen=1, file="0.png"),
    }


def sets(file: Files) -> dict[str, Reader]:
    """The files of a written set, its digests, a run's settings, and prompts of one's own."""
    folder = file.folder / "set"
    sources = file.folder / "sources"
    write_set(folder, make_screenplays(sources, 1), make_clients(sources)[:1], RecordOptions(window=4), "build")

    def of_set(name: str, read: Callable[[Path], Any]) -> Reader:
        whole = (folder / name).read_bytes()

        def checked(content: bytes) -> None:
            try:
                (folder / name).write_bytes(content)
                read(folder)
            finally:
                (folder / name).write_bytes(whole)

        return Reader(checked, (SetError,), (whole,))

    def prompts(path: Path) -> None:
        read_prompt_sets(str(path))

    def digests(path: Path) -> None:
        folder_faults(path.parent, thorough=True)
        changed_files(path.parent, [path, path.with_name("a")])

    settings = input_path("params/build/pocket.yaml").read_bytes()
    entry = _json({"a": {"bytes": 3, "sha256": "b"}})
    of_files = {f"set, {name}": of_set(name, check_set) for name in ("set.json", "digests.json", "dialogues.csv")}
    of_files |= {f"set, {name}": of_set(name, check_set) for name in ("mirror_ec.json", "test.csv")}
    return of_files | {
        "digests": Reader(file("digests/digests.json", digests), (ValueError,), (entry,)),
        "settings of a run": Reader(
            file("run/settings.yaml", lambda path: read_settings(path.parent)), (RunConflict,), (settings,)
        ),
        "prompts of a build": Reader(file("prompts.json", prompts), (ValueError,), (_own_prompts(),)),
    }


def _own_prompts() -> bytes:
    from mirror.prompts import own_prompts

    return _json(own_prompts("ec_planning", True).to_json())


def _json(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"
