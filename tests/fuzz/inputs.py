"""Inputs of a reader, drawn around valid ones: bytes, lines, values of JSON and YAML, texts made of known parts."""

import json
import random
from typing import Any

import yaml

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


GROWN = 0.04  # share of the inputs that are grown
LARGE = 200_000  # bytes, or characters, of a grown input


def mutated(seed: Any, draw: random.Random) -> Any:
    """An input drawn around a valid one, of the same type: bytes or text."""
    if isinstance(seed, bytes):
        found = draw.choice((_bytes, _json_bytes, _lines))(seed, draw)
    else:
        found = draw.choice((_text, _made_text))(seed, draw)
    return _grown(found, draw) if draw.random() < GROWN else found


def _grown(content: Any, draw: random.Random) -> Any:
    """A part of an input many times in its place: what takes more time than its size is noticed by that."""
    start, end = sorted((draw.randrange(len(content) + 1), draw.randrange(len(content) + 1)))
    end = min(end, start + draw.choice((1, 2, 10, 100, 1000)))
    times = LARGE // max(1, end - start)
    return content[:start] + content[start:end] * times + content[end:]


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
