"""What a replay will cost: turns, tokens and dollars of an endpoint, hours. From the real prompts, then as measured."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from mirror.counseling.counselor import ATTEMPTS, Counselor
from mirror.counseling.reply import CounselorRequest, Reply
from mirror.counseling.settings import CounselSettings
from mirror.counseling.speaker import ChatSpeaker
from mirror.counseling.spending.pace import expected_stages
from mirror.counseling.spending.rehearsal import FACE, LINE, PLAN, RehearsedModel
from mirror.counseling.spending.spent import dollars, priced_roles, read_spent, token_names
from mirror.counseling.turn import reply_fields, used_tokens
from mirror.prompts import Utterance, Variant
from mirror.replay.cast import ReplayingCounselor
from mirror.replay.recording import Recording
from mirror.replay.settings import ReplaySettings
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Conversation, Turn

SAMPLE = 16  # conversations whose replies are rehearsed
SECONDS = 3600  # of an hour


def estimate(
    settings: ReplaySettings, recordings: Mapping[str, Recording], folders: Sequence[SessionFolder]
) -> pd.DataFrame:
    """Estimates a replay from its recorded conversations and from what is on disk of it. Asks nobody.

    Args:
        settings: of the run.
        recordings: by client.
        folders: of their sessions, which may not exist yet; none for a run that starts over.

    Returns:
        One row per quantity: what, so far, in all, at most (each answer as long as its limit, asked for twice).
    """
    counsel = settings.counsel
    spent = read_spent(folders)
    done, turns = sum(len(folder.turns()) for folder in folders), sum(len(one.turns) for one in recordings.values())
    usual, most = (_rehearsed(settings, recordings, longest) for longest in (False, True))
    pace = spent.seconds / done if done else expected_stages(counsel, settings.concurrency)["counselor"]
    rows: list[tuple[str, ...]] = [("turns", f"{done:,}", f"{turns:,}", f"{turns:,}")]
    columns = [Counter(spent.tokens), usual, most]
    if counsel.models:
        rows += [
            (f"tokens {verb}, counselor", *(f"{tokens[key]:,}" for tokens in columns))
            for key, verb in token_names("counselor")
        ]
    if prices := priced_roles(counsel):
        rows.append(("dollars", *(f"{dollars(prices, tokens):,.4g}" for tokens in columns)))
    hours = [seconds / SECONDS for seconds in (spent.seconds, spent.seconds + (turns - done) * pace)]
    rows.append(("hours", *(f"{number:,.3g}" for number in hours), ""))
    return pd.DataFrame(rows, columns=["what", "so far", "in all", "at most"])


def _rehearsed(settings: ReplaySettings, recordings: Mapping[str, Recording], longest: bool) -> Counter[str]:
    """The tokens of all conversations, from those of a sample, by turns."""
    names = list(recordings)[:: max(len(recordings) // SAMPLE, 1)]
    counsel = settings.counsel
    counselor = Counselor(
        ChatSpeaker(RehearsedModel(LINE, counsel.max_new_tokens, PLAN, longest), counsel.sees_face),
        counsel.read_prompts(),
        Variant.of(counsel.cot),
        counsel.context,
        counsel.planning_max_tokens,
    )
    replaying = ReplayingCounselor(counselor, recordings, settings.history)
    sample = sum((_tokens(replaying, recordings[name], counsel) for name in names), Counter[str]())
    turns = [sum(len(recordings[name].turns) for name in of) for of in (names, recordings)]
    factor = turns[1] / turns[0] * (ATTEMPTS if longest else 1)
    return Counter({key: round(count * factor) for key, count in sample.items()})


def _tokens(counselor: ReplayingCounselor, recording: Recording, settings: CounselSettings) -> Counter[str]:
    conversation, tokens = Conversation(recording.profile, (), settings.seed), Counter[str]()
    for number, turn in enumerate(recording.turns, 1):
        if turn.ended:
            break
        cue = turn.cue if settings.face == "cue" else ""
        [reply] = counselor.reply([CounselorRequest(conversation, Utterance(turn.cue, turn.words), FACE, cue)])
        if not isinstance(reply, Reply):
            break  # this prompt does not fit: the run will report it
        tokens.update(used_tokens("counselor", reply))
        said = Turn(number=number, cue=turn.cue, words=turn.words, client_raw="", **reply_fields(reply))
        conversation = Conversation(recording.profile, (*conversation.turns, said), settings.seed)
    return tokens
