"""Training records from a screenplay with pictures, in LLaVA's format as MIRROR's samples have it.

Knows nothing of files: pictures are named, not read. What a prompt holds is what the counselor of the same variant is
asked when it counsels: the same window of utterances, the same fields, empty where nothing is known.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

from mirror.building.dropped import Dropped, Sifted
from mirror.building.screenplays import Line, Screenplay
from mirror.building.training_set.options import RecordOptions
from mirror.files.text_file import lone_surrogate
from mirror.models.llava_chat import IMAGE
from mirror.prompts import (
    SPEAKER_LABEL,
    Plan,
    PromptSet,
    Variant,
    format_plan,
    is_known,
)
from mirror.training.records import CONTROL

_UTTERANCE = re.compile(rf"^[ \t]*{SPEAKER_LABEL}", re.MULTILINE)


def image_file(screenplay: Screenplay, turn: int, options: RecordOptions) -> str:
    """Return the path of a picture relative to the folder of images.

    Args:
        screenplay: with a portrait.
        turn: the position of the client's line.
        options: for the name.

    Raises:
        ValueError: the screenplay has no portrait.
    """
    if screenplay.portrait is None:
        raise ValueError(f"{screenplay.idx}: has no portrait, which the names of its pictures hold")
    return f"{screenplay.idx}/{options.image_name.format(turn=turn, portrait=screenplay.portrait.name)}"


def make_records(screenplay: Screenplay, cot: str, options: RecordOptions) -> list[dict[str, Any]]:
    """Return the records of a dialogue: for each turn of `sift_turns` a caption (EC) and a reply; a plan once.

    The plan is asked for at the first turn at which the client has spoken, as the counselor does.

    Args:
        screenplay: with a portrait and pictures.
        cot: the variant.
        options: window, prompts and names.

    Raises:
        ValueError: an unknown variant.
    """
    variant, prompts = Variant.of(cot), options.prompts[cot]
    about = {
        "personal_information": _known(screenplay.info.personal_info),
        "reason_for_counseling": _known(screenplay.info.reason),
    }
    planning = _planning_fields(screenplay, prompts)
    is_due = variant.planning and options.plan_records and not plan_fault(screenplay)
    window = _Window(screenplay.lines, options.window)
    records: list[dict[str, Any]] = []

    def add(turn: int, kind: str, answer: str, **fields: str) -> None:
        human = prompts.render(kind, **fields)
        records.append(
            {
                "question_id": f"{screenplay.idx}:{turn}:{kind}",
                "image": image_file(screenplay, turn - 1, options),
                "conversations": [{"from": "human", "value": human}, {"from": "gpt", "value": answer}],
            }
        )

    for turn in sift_turns(screenplay, options).kept:
        cue = screenplay.lines[turn - 1].direction.strip()
        has_spoken = window.has_spoken(turn)
        context = about | {"dialogue": prompts.forms.dialogue.write(window.before(turn))}
        if variant.ec:
            add(turn, "emotion_recognition", cue)
        if is_due and has_spoken:
            add(turn, "planning", format_plan(screenplay.technique, screenplay.plan), **context)
            is_due = False
        if variant.ec:
            context["client_emotional_state"] = cue
        if variant.planning:
            shown = has_spoken or options.plan_when_silent
            context |= planning if shown else dict.fromkeys(planning, "")
        add(turn, "response", screenplay.lines[turn].words, **context)
    return records


# What has no record ---------------------------------------------------------------------------------------------------


def sift_turns(screenplay: Screenplay, options: RecordOptions) -> Sifted[int]:
    """Return the therapist's lines that become records, the same in all variants, and what was left out.

    Lines whose client line has no picture are left out in silence: the step of the pictures reports them. A turn whose
    client line has no stage direction is left out of all four files: in two of them it would be the answer to a
    caption, which cannot be empty, and the four hold the same turns.
    """
    pictured = [turn for turn in screenplay.therapist_lines if turn - 1 in screenplay.pictures]
    if unusable := _profile_fault(screenplay, options):
        return Sifted((), (Dropped("record", screenplay.idx, None, *unusable),))
    odd = [bool(_text_problem(line.words)) for line in screenplay.lines]
    window = _Window(screenplay.lines, options.window)
    kept: list[int] = []
    dropped: list[Dropped] = []
    for turn in pictured:
        strange = [place for place in window.places(turn) if odd[place]]
        if fault := _turn_fault(screenplay.lines, turn, strange, options):
            dropped.append(Dropped("record", screenplay.idx, *fault, what="turn"))
        else:
            kept.append(turn)
    if not kept:
        detail = f"none of {len(pictured)} turns with a picture can be a record"
        dropped.append(Dropped("record", screenplay.idx, None, "no_turns", detail))
    elif options.plan_records and (problem := plan_fault(screenplay)):
        dropped.append(Dropped("record", screenplay.idx, None, "unusable_plan", problem, what="plan"))
    return Sifted(tuple(kept), tuple(dropped))


def sift_screenplays(screenplays: Iterable[Screenplay], options: RecordOptions) -> Sifted[Screenplay]:
    """Return the screenplays with at least one record, and everything that `sift_turns` leaves out of all."""
    kept: list[Screenplay] = []
    dropped: list[Dropped] = []
    for screenplay in screenplays:
        turns = sift_turns(screenplay, options)
        dropped += turns.dropped
        if turns.kept:
            kept.append(screenplay)
    return Sifted(tuple(kept), tuple(dropped))


def plan_fault(screenplay: Screenplay) -> str:
    """Say why technique and steps are no answer to the question for a plan; empty if they are one."""
    try:
        Plan(screenplay.technique, screenplay.plan)
    except ValueError as error:
        return str(error)
    return ""


def _turn_fault(
    lines: Sequence[Line], turn: int, odd: Sequence[int], options: RecordOptions
) -> tuple[int, str, str] | None:
    """Return the line, reason and detail of what is wrong with a turn."""
    if not lines[turn - 1].direction.strip():
        return turn - 1, "no_direction", "the client's line has no stage direction, which is the answer of the caption"
    if not lines[turn].words.strip():
        return turn, "no_answer", "the therapist's line has no words"
    for place, text in ((turn - 1, lines[turn - 1].direction), (turn, lines[turn].words)):
        if problem := _text_problem(text):
            return place, "control_text", problem
    if line := _prompt_line(lines[turn - 1].direction, options):
        return turn - 1, "prompt_line", f"the stage direction has a line that begins like one of the prompt: {line!r}"
    if odd:
        return odd[0], "control_text", f"{_text_problem(lines[odd[0]].words)}, in the window of line {turn}"
    return None


def _profile_fault(screenplay: Screenplay, options: RecordOptions) -> tuple[str, str] | None:
    """Return the reason and detail of what makes every prompt of a dialogue unusable."""
    info = screenplay.info
    texts = {"personal_info": info.personal_info, "reason": info.reason, "technique": screenplay.technique}
    texts |= {f"step {number} of the plan": step for number, step in enumerate(screenplay.plan, 1)}
    for name, text in texts.items():
        if problem := _text_problem(text):
            return "control_text", f"{name} {problem}"
        if label := _UTTERANCE.search(text):
            return "speaker_label", f"{name} has a line that begins like an utterance: {label[0].strip()!r}"
        if line := _prompt_line(text, options):
            return "prompt_line", f"{name} has a line that begins like one of the prompt: {line!r}"
    return None


def _prompt_line(text: str, options: RecordOptions) -> str:
    """Return the line of a value that could not be told from the prompt around it; empty if there is none."""
    lines = (line.strip() for line in text.split("\n"))
    return next((line for line in lines if line.startswith(options.prompt_lines)), "")


def _text_problem(text: str) -> str:
    """Say what a tokenizer could not keep as text; empty if nothing."""
    if half := lone_surrogate(text):
        return f"holds {half}"
    token = next((token for token in (IMAGE, *CONTROL, "\0") if token in text), "")
    return f"holds the control text {token!r}" if token else ""


# Fields ---------------------------------------------------------------------------------------------------------------


class _Window:
    """The utterances before a line, without stage directions; a silent line is no utterance."""

    def __init__(self, lines: Sequence[Line], size: int) -> None:
        self._lines, self._size = lines, size
        self._spoken = [place for place, line in enumerate(lines) if line.words]
        self._first = next((place for place in self._spoken if lines[place].speaker == "client"), len(lines))

    def has_spoken(self, turn: int) -> bool:
        """Whether the client has said anything before a line."""
        return self._first < turn

    def places(self, turn: int) -> Sequence[int]:
        """Return the positions of the last utterances before a line."""
        end = bisect_left(self._spoken, turn)
        return self._spoken[max(0, end - self._size) : end]

    def before(self, turn: int) -> list[tuple[str, str]]:
        """Return the last utterances before a line as (role, words)."""
        return [(self._lines[place].speaker, self._lines[place].words) for place in self.places(turn)]


def _planning_fields(screenplay: Screenplay, prompts: PromptSet) -> dict[str, str]:
    """Return technique and plan as prompts show them; empty where the table does not know them."""
    return {
        "technique": _known(screenplay.technique),
        "plan": prompts.forms.steps_text(screenplay.plan),
    }


def _known(text: str) -> str:
    return text if is_known(text) else ""
