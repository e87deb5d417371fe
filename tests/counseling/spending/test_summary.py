"""The summary of a run: faces, tokens, dollars, seconds, and what the counselor could not read or say."""

import pytest

from mirror.counseling.run import Counseling
from mirror.counseling.settings import CounselSettings
from mirror.counseling.spending.summary import REJECTED, summarize
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import FaceRecord, Turn
from tests.parameters import COUNSEL_DEFAULTS
from tests.sessions import ACCEPTED, attempt

SMALL = {"sessions": 2, "max_turns": 2, "attempts": 1, "steps": 1, "merge_step": 0, "max_new_tokens": 4, "cot": "ec"}
SMALL |= {"describer": "lexicon", "verifier": "local"}
TOKENS = {"client_prompt": 1000, "client_completion": 100, "counselor_prompt": 7}


def run(**changes):
    return Counseling(CounselSettings.checked(COUNSEL_DEFAULTS | SMALL | changes, "parameter"))


@pytest.mark.slow
def test_a_summary_counts_faces_and_the_seconds_of_the_stages(output):
    counsel = run()
    counsel.counsel()
    summary = counsel.summary().set_index("what").value
    assert (summary["turns"], summary["faces"]) == ("4", "4")
    turns = [turn for p in counsel.profiles for turn in counsel.session(p).turns()]
    written = sum(turn.tokens["counselor_completion"] for turn in turns)
    assert summary["tokens written, counselor"] == f"{written:,}" and "dollars" not in summary
    stages = [f"{stage}, seconds a turn" for stage in ("client", "description", "face", "counselor")]
    assert [name for name in summary.index if "seconds" in name] == stages
    whole = sum(
        seconds for p in counsel.profiles for s in counsel.session(p).timings().values() for seconds in s.values()
    )
    assert sum(float(summary[stage]) for stage in stages) == pytest.approx(whole / 4, rel=0.02)


def test_a_summary_counts_the_money_of_the_whole_run(output):
    price = {"client": "openai", "client_model": "m", "client_url": "http://127.0.0.1:9", "prices": "m 2/10"}
    counsel = run(**price, sessions=1).open()
    session = counsel.session(counsel.profiles[0])
    for number in (1, 2):
        turn = Turn(number=number, cue="", words="", ended=True, client_raw="", tokens=TOKENS)
        session.append(turn, {}, {"client": 1.0})
    summary = run(**price, sessions=1).summary().set_index("what").value
    assert (summary["tokens read, client"], summary["tokens written, client"]) == ("2,000", "200")
    assert (summary["tokens read, counselor"], summary["dollars"]) == ("14", "0.006")


def test_a_summary_tells_what_the_counselor_could_not_read_or_say(output):
    counsel = run(cot="planning", sessions=1).open()
    session, said = counsel.session(counsel.profiles[0]), {"cue": "", "client_raw": "", "reply": "Hm."}
    lost = {"counselor_raw": {"planning": "1. Perh"}, "cut_off": ("planning", "response"), "cut_characters": 9}
    session.append(Turn(number=1, words="a", **said, **lost), {}, {})
    kept = {"counselor_raw": {"planning": "…"}, "technique": "Continuum", "plan": ("Draw.",), "dropped_utterances": 1}
    session.append(Turn(number=2, words="b", **said, **kept), {}, {})
    summary = counsel.summary().set_index("what").value
    assert summary["answers that ran out of tokens, planning"] == "1"
    assert summary["answers that ran out of tokens, response"] == "1"
    assert summary["turns without a plan that was asked for"] == "1"
    assert summary["turns with older utterances left out"] == "1"
    assert summary["turns with the newest utterance cut"] == "1"


def test_clients_whose_faces_were_mostly_not_accepted_are_named(tmp_path, caplog):
    for idx, accepted in (("7", (True, False, False)), ("7+s2", (False,)), ("8", (True, False))):
        session = SessionFolder(tmp_path / idx)
        session.folder.mkdir()
        turns = [painted(number, is_it) for number, is_it in enumerate(accepted, 1)]
        (session.folder / "turns.jsonl").write_text("".join(f"{turn.model_dump_json()}\n" for turn in turns))
    settings = CounselSettings.checked(COUNSEL_DEFAULTS, "parameter")
    folders = [SessionFolder(tmp_path / idx) for idx in ("7", "7+s2", "8")]
    summary = summarize(folders, settings).set_index("what").value
    assert summary["clients whose faces were mostly not accepted"] == "1"
    (told,) = caplog.messages
    assert "client 7 (1 of 4 accepted); look at their portraits" in told
    assert REJECTED not in summarize(folders[2:], settings).what.tolist()


def painted(number, is_accepted):
    made = (attempt(number, 1, ACCEPTED),)
    face = FaceRecord(file=f"faces/{number:02}.png", attempts=made, chosen=1, exhausted=not is_accepted)
    return Turn(number=number, cue="", words="", client_raw="", face=face)
