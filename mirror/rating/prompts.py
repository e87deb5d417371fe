"""The prompts of a judge, with an instrument's items and a session's transcript; no prompt names a run or a model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mirror.rating.instrument import Instrument
from mirror.transcripts.turn import Turn

FOLDER = Path(__file__).parent
TEMPLATES = tuple(FOLDER / f"{name}.txt" for name in ("judge", "rating", "preference"))
CHOICES = ("first", "second", "neither")
SILENT = "(silent)"
EXCERPT = "These turns are a part of a longer session."


def system_prompt() -> str:
    """Returns the system prompt of every question."""
    return _text("judge.txt")


def rating_prompt(instrument: Instrument, turns: Sequence[Turn], faces: bool = False) -> str:
    """Returns the question for the ratings of one session, or of the client's last utterance in it."""
    scale = instrument.scale
    fields = f"a whole number from {scale.lowest} to {scale.highest}"
    return _text("rating.txt").format(
        title=instrument.title,
        task=instrument.task.strip(),
        lowest=scale.lowest,
        highest=scale.highest,
        anchors="\n".join(f"  {value} = {words}" for value, words in sorted(scale.anchors.items())),
        items=_items(instrument),
        legend=_legend(instrument, faces),
        transcript=format_turns(turns, instrument.sees.cues),
        fields="\n".join(f'- "{item.id}": {fields}' for item in instrument.items),
    )


def preference_prompt(
    instrument: Instrument, first: Sequence[Turn], second: Sequence[Turn], faces: bool = False
) -> str:
    """Returns the question which of two sessions of a client was better."""
    legend = _legend(instrument, faces)
    return _text("preference.txt").format(
        title=instrument.title,
        items=_items(instrument),
        legend=f"{legend} Those of the first session come before those of the second." if faces else legend,
        first=format_turns(first, instrument.sees.cues),
        second=format_turns(second, instrument.sees.cues),
        fields="\n".join(f'- "{item.id}": "first", "second" or "neither"' for item in instrument.items),
    )


def format_turns(turns: Sequence[Turn], cues: bool) -> str:
    """Formats a transcript, one paragraph per turn; a missing reply is omitted."""
    return "\n\n".join("\n".join(_lines(turn, cues)) for turn in turns)


def answer_schema(choices: Mapping[str, Sequence[int | str]]) -> dict[str, object]:
    """Returns the JSON schema of an answer: a reason, and for each item one of its valid values."""
    kinds = {item: "integer" if isinstance(values[0], int) else "string" for item, values in choices.items()}
    items = {item: {"type": kinds[item], "enum": list(values)} for item, values in choices.items()}
    fields = {"reason": {"type": "string"}, **items}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def _lines(turn: Turn, cues: bool) -> list[str]:
    cue = f"[{turn.cue}] " if cues and turn.cue else ""
    end = " (ends the session)" if turn.ended else ""
    lines = [f"Turn {turn.number}", f"Client: {cue}{turn.words or SILENT}{end}"]
    return lines + [f"Counselor: {turn.reply}"] * bool(turn.reply)


def _items(instrument: Instrument) -> str:
    return "\n".join(f'- "{item.id}": {(item.text or "").strip()}' for item in instrument.items)


def _legend(instrument: Instrument, faces: bool) -> str:
    sentences = ["Square brackets hold what could be seen of the client."] if instrument.sees.cues else []
    sentences += [EXCERPT] if instrument.moment else []
    if faces and instrument.sees.part == "turn":
        sentences.append("The image is the client's face with the last utterance.")
    elif faces:
        sentences.append("The images are the client's face, one a turn in the order of the turns.")
    return " ".join(sentences) or "The words are those that were spoken."


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8").removesuffix("\n")
