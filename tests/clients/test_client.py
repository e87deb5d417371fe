"""The clients: one that a model plays, over a real socket; the scripted one, with counselors of known behavior."""

import inspect
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.chat.endpoint import ChatEndpoint, ChatError
from mirror.chat.parameters import fold_seed
from mirror.clients.client import ChatClient, ClientUtterance, ScriptedClient, client_messages, seed_of
from mirror.clients.lexicon import lexicon
from mirror.clients.openness import openness_after
from mirror.clients.script import load_script
from mirror.prompts import Utterance, format_utterance, parse_utterance
from mirror.prompts.client import BEGIN, SILENCE, client_prompt
from mirror.seeds import seed_for
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Conversation, Memory, Turn
from pocket.texts.worries import WORRIES
from tests.openai_server import Body, OpenAIServer, Status, Text, together

RESISTANCES = ("emotional", "cognitive", "behavioral", "none")
PROFILE = Profile(
    idx="7",
    personal_info="Luis, 50, a cleaner, lives with family",
    resistance="emotional",
    distorted_thought="she does not like me any more",
    reason="My best friend has not called me for weeks. I check my phone all day.",
    gender="man",
    portraits=(),
)
TURNS = (
    Turn(number=1, cue="looks away", words="", client_raw="Client: [looks away] Hi.", reply="Hello Luis."),
    Turn(number=2, cue="sighs", words="It's my friend: she is gone.", client_raw="", reply="You look tired."),
)


def conversation(turns=(), seed=3, **changes):
    return Conversation(replace(PROFILE, **changes), turns[:], seed)


# A client that a model plays ------------------------------------------------------------------------------------------


@pytest.fixture
def server(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with OpenAIServer(default=Text("Client: [nods] Yes.")) as server:
        yield server


@pytest.fixture
def client(server):
    sampling = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 128, "frequency_penalty": 0.2, "presence_penalty": 0.2}
    return ChatClient(ChatEndpoint("some-model", server.url, "key", retries=0, timeout=20, **sampling))


def test_the_model_is_sent_the_profile_and_the_dialogue_with_the_clients_own_cues(client, server):
    client.speak([conversation(TURNS)])
    (request,) = server.requests
    prompt = client_prompt(PROFILE.personal_info, "emotional", PROFILE.distorted_thought, PROFILE.reason)
    assert request.body["messages"] == [
        {"role": "system", "content": prompt},
        {"role": "user", "content": BEGIN},
        {"role": "assistant", "content": "Client: [looks away]"},
        {"role": "user", "content": "Hello Luis."},
        {"role": "assistant", "content": "Client: [sighs] It's my friend: she is gone."},
        {"role": "user", "content": "You look tired."},
    ]
    assert request.body["seed"] == fold_seed(seed_for(3, "client", "7", 3))
    sampling = {name: request.body[name] for name in request.body if name not in ("model", "messages", "seed")}
    assert sampling == {
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 128,
        "frequency_penalty": 0.2,
        "presence_penalty": 0.2,
    }


@pytest.mark.parametrize("label", ["Client: ", "", "Client: Client: ", "**Client:** "])
def test_over_a_whole_session_the_roles_alternate_and_no_label_is_doubled(label, client, server):
    server.default = lambda request: Text(f"{label}[nods] Words {len(server.requests)}.")
    turns = ()
    for number in range(1, 7):
        (said,) = client.speak([conversation(turns)])
        turns += (turn(number, said, " " if number == 3 else f"Reply {number}."),)
    messages = server.requests[-1].body["messages"]
    assert [message["role"] for message in messages] == ["system", *["user", "assistant"] * 5, "user"]
    assert [message["content"] for message in messages[2::2]] == [
        "Client: [nods]",
        *(f"Client: [nods] Words {number}." for number in range(2, 6)),
    ]
    assert [message["content"] for message in messages[3::2]] == [
        "Reply 1.",
        "Reply 2.",
        SILENCE,
        "Reply 4.",
        "Reply 5.",
    ]


def test_an_utterance_is_parsed_and_kept_raw_with_its_tokens(client, server):
    raw = 'Client: [frowns] "Not again."\nTherapist: I see.\nClient: [cries]'
    server.answers(Text(raw))
    (said,) = client.speak([conversation(TURNS)])
    assert said == ClientUtterance(Utterance("frowns", "Not again."), raw, prompt_tokens=3, completion_tokens=9)


def test_words_that_come_with_the_first_cue_are_dropped_and_stay_in_the_raw_text(client, server):
    server.answers(Text("Client: [looks down] Hello. [/END]"))
    (said,) = client.speak([conversation()])
    assert said.utterance == Utterance("looks down", "")
    assert said.raw == "Client: [looks down] Hello. [/END]"


@pytest.mark.parametrize("exchanges, ended", [(1, False), (2, True)])
def test_an_end_counts_after_two_full_exchanges(exchanges, ended, client, server):
    server.answers(Text("Client: [gets up] Goodbye. [/END]"))
    (said,) = client.speak([conversation(TURNS[:exchanges])])
    assert said.utterance == Utterance("gets up", "Goodbye.", ended)
    assert said.raw.endswith("[/END]")


EMPTY = {
    "no text": Text(""),
    "null": Text(None),
    "a label": Text("Client:"),
    "the counselor's line": Text("Therapist: Welcome."),
    "broken JSON": Body(b"{"),
}


@pytest.mark.parametrize("answer", EMPTY.values(), ids=EMPTY)
def test_an_empty_answer_is_asked_for_once_more_with_another_seed(answer, client, server):
    server.answers(answer)
    (said,) = client.speak([conversation(TURNS)])
    assert said.utterance == Utterance("nods", "Yes.")
    first, second = server.requests
    assert first.body["messages"] == second.body["messages"]
    assert first.body["seed"] != second.body["seed"] == fold_seed(seed_of(conversation(TURNS), 2))


@pytest.mark.parametrize("answer", EMPTY.values(), ids=EMPTY)
def test_after_two_empty_answers_there_is_an_error_in_its_place(answer, client, server):
    server.default = answer
    (error,) = client.speak([conversation(TURNS)])
    assert isinstance(error, ChatError) and "some-model" in str(error)
    assert len(server.requests) == 2


def test_a_first_utterance_without_a_cue_is_none(client, server):
    server.answers(Text("Client: Hello."))
    assert client.speak([conversation()])[0].utterance == Utterance("nods", "")
    server.default = Text("Client: Hello.")
    (error,) = client.speak([conversation()])
    assert isinstance(error, ChatError) and "'Client: Hello.'" in str(error) and "[visible cue]" in str(error)


def test_the_tokens_of_both_answers_are_counted(client, server):
    server.answers(Text("Therapist: Welcome to you."))
    (said,) = client.speak([conversation(TURNS)])
    assert (said.prompt_tokens, said.completion_tokens) == (2 * 3, 4 + 3)


FAULTS = {"429": (Status(429), 429, 1), "500": (Status(500), 500, 1), "malformed": (Body(b"<html>"), 200, 2)}


@pytest.mark.parametrize("fault, status, asked", FAULTS.values(), ids=FAULTS)
def test_a_fault_stays_in_its_place_and_harms_no_other(fault, status, asked, client, server):
    seeds = []

    def answer(request):
        broken = "Person 1" in request.body["messages"][0]["content"]
        seeds.append(broken)
        return fault if broken else Text(f"Client: [nods] I am {request.body['seed']}.")

    server.default = answer
    batch = [conversation(TURNS, idx=str(number), personal_info=f"Person {number}") for number in range(3)]
    first, second, third = client.speak(batch)
    assert isinstance(second, ChatError) and second.status == status
    assert first.utterance.words == f"I am {fold_seed(seed_of(batch[0]))}."
    assert third.utterance.words == f"I am {fold_seed(seed_of(batch[2]))}."
    assert (seeds.count(True), seeds.count(False)) == (asked, 2)


def test_a_batch_goes_out_at_the_same_time(client, server):
    server.default = together(4, Text("Client: [nods] Yes."))
    said = client.speak([conversation(TURNS, idx=str(number)) for number in range(4)])
    assert [one.utterance.words for one in said] == ["Yes."] * 4


def test_an_empty_batch_asks_nothing(client, server):
    assert client.speak([]) == [] == server.requests


def test_the_facts_of_a_played_client_name_model_sampling_and_prompts(client, server):
    facts = client.facts()
    assert (facts["client"], facts["model"], facts["base_url"]) == ("openai", "some-model", server.url)
    assert facts["frequency_penalty"] == 0.2
    assert facts["prompts_sha256"].keys() == {"client.txt", *(f"client.{r}.txt" for r in RESISTANCES)}
    assert len(set(facts["prompts_sha256"].values())) == 5


# The scripted client --------------------------------------------------------------------------------------------------

NEUTRAL = (
    "Let us begin.", "Which day was it?", "Where do you live?", "I made a note.", "And at work?", "Was it long ago?",
    "Go on, please.", "Who else was in the room?", "Next, the past.", "That is on my list.",
)  # fmt: skip


def turn(number, said, reply=""):
    return Turn(
        number=number,
        cue=said.utterance.cue,
        words=said.utterance.words,
        ended=said.utterance.ended,
        client_raw=said.raw,
        reply=reply,
    )


def ignoring(utterance, number):
    """A counselor that speaks of other things, and seldom twice of the same."""
    return NEUTRAL[number % len(NEUTRAL)]


def naming(utterance, number):
    """The same counselor, who also names the feeling of the cue."""
    return f"You seem {feeling(utterance.cue)}. {ignoring(utterance, number)}"


def advising(utterance, number):
    return f"You should rest. {ignoring(utterance, number)}"


def naming_and_advising(utterance, number):
    return f"You seem {feeling(utterance.cue)}. You should rest. {ignoring(utterance, number)}"


def reflecting(utterance, number):
    return f"What does it mean to you: {utterance.words}? {ignoring(utterance, number)}"


def silent(utterance, number):
    return ""


def repeating(utterance, number):
    return "Go on."


def changing(utterance, number):
    """Now good, now bad: the session goes on and on."""
    return (naming if number % 5 == 0 else ignoring)(utterance, number)


COUNSELORS = (ignoring, naming, advising, naming_and_advising, reflecting, silent, repeating, changing)


def feeling(cue):
    return lexicon().read(cue)[0].name


def session(profile, counselor, seed=0, most=20):
    """The turns of a whole session."""
    turns = ()
    for number in range(1, most + 1):
        (said,) = ScriptedClient().speak([Conversation(profile, turns, seed)])
        turns += (turn(number, said, "" if said.utterance.ended else counselor(said.utterance, number)),)
        if said.utterance.ended:
            break
    return turns


def pocket_profile(resistance, seed):
    worry = WORRIES[seed % len(WORRIES)]
    changes = {"distorted_thought": worry.thought, "reason": worry.reason}
    return replace(PROFILE, idx=str(seed), resistance=resistance, **changes)


@pytest.mark.slow
@pytest.mark.parametrize("resistance", RESISTANCES)
@pytest.mark.parametrize(
    "better, worse, seeds", [(naming, ignoring, 50), (naming_and_advising, advising, 10), (naming, silent, 10)]
)
def test_a_counselor_who_names_the_feeling_ends_sooner(better, worse, seeds, resistance):
    """The two say the same, but for the feeling; with every seed the one is thanked and the other is left."""
    thanks, leaving = load_script()["thanks"][resistance], load_script()["leaving"][resistance]
    for seed in range(seeds):
        profile = pocket_profile(resistance, seed)
        helped, left = session(profile, better, seed), session(profile, worse, seed)
        assert helped[-1].ended and left[-1].ended
        assert 3 <= len(helped) < len(left) < 20
        assert helped[-1].words in thanks and left[-1].words in leaving
        assert helped[-1].client_raw.endswith("[/END]")


@pytest.mark.parametrize("resistance", RESISTANCES)
@pytest.mark.parametrize("counselor", COUNSELORS)
def test_no_line_comes_twice_within_a_session(counselor, resistance):
    for seed in range(3):
        turns = session(pocket_profile(resistance, seed), counselor, seed)
        words = [one.words for one in turns if one.words]
        assert len(words) == len(set(words)) == len(turns) - 1
        assert len({one.cue for one in turns}) >= min(len(turns), 12)


def test_the_longest_session_of_a_profile_that_says_nothing_has_no_line_twice():
    for resistance in RESISTANCES:
        profile = replace(PROFILE, resistance=resistance, reason="…", distorted_thought="?")
        turns = session(profile, changing)
        words = [one.words for one in turns if one.words]
        assert len(words) == len(set(words)) == len(turns) - 1 >= 10


@pytest.mark.parametrize("seed", range(10))
def test_four_sessions_of_six_turns_have_no_line_in_common(seed):
    """The four resistances, as the pocket table has them."""
    words = []
    for number, resistance in enumerate(RESISTANCES):
        turns = session(pocket_profile(resistance, 4 * seed + number), ignoring, seed, most=6)
        words += [one.words for one in turns if one.words]
    assert len(words) == len(set(words)) == 20


@pytest.mark.parametrize("resistance", RESISTANCES)
@pytest.mark.parametrize("counselor", COUNSELORS)
def test_the_first_utterance_is_a_cue_and_every_cue_is_known_to_the_lexicon(counselor, resistance):
    turns = session(pocket_profile(resistance, 1), counselor)
    assert turns[0].words == "" and not turns[0].ended
    assert all(len(lexicon().read(one.cue)) == 1 for one in turns)
    assert all(one.words for one in turns[1:])


@pytest.mark.parametrize("resistance", RESISTANCES)
def test_the_client_shows_expressions_of_its_resistance_and_of_its_openness(resistance):
    for seed in range(20):
        turns = session(pocket_profile(resistance, seed), naming, seed)
        for place, one in enumerate(turns[:-1]):
            stage = openness_after(resistance, turns[:place]).stage
            assert feeling(one.cue) in load_script()["lines"][resistance][stage]
        assert feeling(turns[-1].cue) in ("relieved", "calm")


@pytest.mark.parametrize("resistance", RESISTANCES)
def test_the_client_speaks_of_its_own_reason_and_thought(resistance):
    for seed in range(18):
        profile = pocket_profile(resistance, seed)
        turns = session(profile, naming, seed)
        assert profile.reason.removesuffix(".") in turns[1].words
        assert profile.distorted_thought.lower() in turns[2].words.lower()


def test_further_sentences_of_a_longer_reason_are_said_once_each():
    reason = "I lost my job in May. My wife works nights. We argue about money. I feel useless at home."
    for seed in range(10):
        turns = session(replace(PROFILE, reason=reason), changing, seed)
        words = " ".join(one.words for one in turns)
        counts = [words.count(sentence) for sentence in re.findall(r"[^.]+", reason.replace(". ", "."))]
        assert counts[0] == 1 and max(counts) == 1


def test_what_the_client_says_answers_the_last_reply():
    turns = session(PROFILE, naming)[:2]
    for reply, kind in (("You seem {feeling}.", "named"), ("Let us begin.", "ignored"), ("", "empty")):
        called = set()
        for seed in range(30):
            last = turns[1].model_copy(update={"reply": reply.format(feeling=feeling(turns[1].cue))})
            (said,) = ScriptedClient().speak([Conversation(PROFILE, (turns[0], last), seed)])
            called.add(next((k for k in load_script()["reactions"] if starts_with_reaction(said, k)), None))
        assert called == {kind, None}


def starts_with_reaction(said, kind):
    templates = load_script()["reactions"][kind]
    templates = templates.get("all") or templates["emotional"]
    constant = [template.split("{")[0] or template.split("}")[1] for template in templates]
    return any(part in said.utterance.words for part in constant if len(part) > 4)


@pytest.mark.parametrize("resistance", RESISTANCES)
def test_the_words_of_a_conversation_are_the_same_in_any_batch(resistance):
    whole = session(pocket_profile(resistance, 2), changing, seed=9)
    batch = [Conversation(pocket_profile(resistance, 2), whole[:number], 9) for number in range(len(whole))]
    together = ScriptedClient().speak(batch)
    assert [said.raw for said in together] == [one.client_raw for one in whole]
    assert ScriptedClient().speak(batch[::-1]) == together[::-1]
    assert [ScriptedClient().speak([one])[0] for one in batch] == together


def test_another_seed_and_another_client_choose_other_words():
    seeds = [session(PROFILE, ignoring, seed, most=4) for seed in range(8)]
    clients = [session(replace(PROFILE, idx=str(idx)), ignoring, most=4) for idx in range(8)]
    for sessions in (seeds, clients):
        assert len({tuple(one.client_raw for one in turns) for turns in sessions}) >= 7


def test_only_cues_words_and_replies_of_the_dialogue_decide():
    """A transcript that was read back has the same future as the one that was lived."""
    turns = session(PROFILE, ignoring)[:4]
    read = tuple(Turn.model_validate_json(one.model_dump_json()) for one in turns)
    bare = tuple(one.model_copy(update={"client_raw": "", "caption": "Looks sad"}) for one in read)
    assert ScriptedClient().speak([Conversation(PROFILE, turns, 1)]) == ScriptedClient().speak(
        [Conversation(PROFILE, bare, 1)]
    )


ODD = {
    "very long": "I lost everything " * 10_000,
    "no words": "…",
    "quotes": "She said \"you are nothing\" and «bah»; 'never' come back.",
    "brackets": "I [cry] (often) and [/END] it [all.",
    "labels": "Client: I am Client: here. Therapist: no.",
    "braces": "I feel {thought} and {0} and %s.",
    "lines": "- I cannot sleep\n- I cannot eat\n\n1. I cry",
    "other scripts": "我睡不着。 Я не сплю. 😊",
    "third person": "The client seeks help because of panic attacks.",
}


@pytest.mark.parametrize("resistance", RESISTANCES)
@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_a_profile_with_odd_text_speaks_so_that_it_is_read_back(text, resistance):
    profile = replace(PROFILE, resistance=resistance, reason=text, distorted_thought=text)
    for counselor in (naming, ignoring):
        check_round_trip(session(profile, counselor))


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=300), st.text("[]\"'“”Client: \n/END*.!?{}myI", max_size=60), st.sampled_from(RESISTANCES))
def test_a_profile_with_any_text_speaks_so_that_it_is_read_back(reason, thought, resistance):
    profile = replace(PROFILE, resistance=resistance, reason=reason, distorted_thought=thought)
    check_round_trip(session(profile, changing, most=7))


def check_round_trip(turns):
    for one in turns:
        utterance = Utterance(one.cue, one.words, one.ended)
        assert parse_utterance(one.client_raw) == utterance and format_utterance(utterance) == one.client_raw
        assert len(one.words) < 700 and "  " not in one.words and "{" not in one.words
        assert one.ended == (one is turns[-1] and one.number > 2 and one.client_raw.endswith("[/END]"))


def test_the_scripted_client_counts_no_tokens_and_records_its_script():
    (said,) = ScriptedClient().speak([conversation()])
    assert (said.prompt_tokens, said.completion_tokens) == (None, None)
    assert said.raw == format_utterance(said.utterance)
    facts = ScriptedClient().facts()
    assert facts["client"] == "scripted" and len(facts["sha256"]) == 64
    assert list(inspect.signature(ScriptedClient).parameters) == ["trust", "returns"]


# A client that comes back ---------------------------------------------------------------------------------------------


EARLIER = (
    (
        Turn(number=1, cue="looks down", words="", client_raw="", reply="What brings you here?"),
        Turn(number=2, cue="frowns", words="I am late with {everything}.", client_raw="", reply="That is a lot."),
    ),
    (
        Turn(number=1, cue="nods", words="", client_raw="", reply=""),
        Turn(number=2, cue="smiles", words="Bye.", client_raw="", ended=True),
    ),
)


def test_a_client_that_comes_back_is_told_what_was_said_before():
    conversation = Conversation(PROFILE, (), 3, 3, Memory(EARLIER, forgotten=1))
    before, after = client_messages(Conversation(PROFILE, (), 3)), client_messages(conversation)
    assert after[1:] == before[1:]
    assert after[0].content == (
        f"{before[0].content}\n\nThis is session 3 with the same counselor. Of the sessions before you remember this:\n"
        "Session 1:\nClient: [frowns] I am late with {everything}.\nCounselor: That is a lot.\n\n"
        "Session 2:\nClient: [nods]\nClient: [smiles] Bye.\n\n"
        "You come back as the same person, with whatever has stayed with you of it; some time has passed. Take it up "
        "where it fits, and do not repeat what you have told already. All that was said above on the first utterance "
        "and on the end holds for this session by itself."
    )


def test_without_memory_a_later_session_is_asked_like_a_first_one():
    assert client_messages(Conversation(PROFILE, (), 3, 2)) == client_messages(Conversation(PROFILE, (), 3))
    assert client_messages(Conversation(PROFILE, (), 3, 2, Memory(EARLIER, 4))) == client_messages(conversation())


def test_the_record_of_a_run_whose_clients_come_back_holds_the_texts_of_that(server):
    for made in (ScriptedClient, lambda **named: ChatClient(ChatEndpoint("m", server.url), **named)):
        once, again = made().facts(), made(returns=True).facts()
        (name,) = again.keys() - once.keys()
        assert name in ("memory_sha256", "returning_sha256") and once.items() <= again.items()
