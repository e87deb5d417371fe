"""Whole sessions on the pocket models: the order of a turn, faults that stay their own, and runs that go on."""

import io
import json
import threading
from dataclasses import replace
from hashlib import sha256

import pytest
from PIL import Image

from mirror.chat.endpoint import ChatEndpoint
from mirror.chat.messages import Completion
from mirror.clients.client import ChatClient, ClientUtterance, ScriptedClient
from mirror.clients.returns import Returns
from mirror.counseling.cast import Cast
from mirror.counseling.counselor import Counselor
from mirror.counseling.reply import Reply
from mirror.counseling.session import Register, read_sessions, run_sessions
from mirror.counseling.speaker import LlavaSpeaker
from mirror.counseling.spending.budget import Budget
from mirror.counseling.spending.spent import Spent
from mirror.counseling.turn import Taken
from mirror.counseling.workers.waves import EndedTurn
from mirror.faces.description import Description, LexiconDescriber
from mirror.faces.photomaker import PaintRecipe
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.models.llava import load
from mirror.paths import input_path
from mirror.prompts import Utterance, Variant, own_prompts
from mirror.run_folder import RunConflict
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn
from mirror.transcripts.verdict import Verdict
from tests.openai_server import PATIENCE, OpenAIServer, Status, Text

proof = pytest.mark.proof
PROFILES = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))


class Filter:
    """Decides by the picture alone; the real filters are in test_verification."""

    def verify(self, requests):
        return [
            Verdict(outcome="accepted" if sum(request.image.tobytes()) % 2 else "irrelevant") for request in requests
        ]

    def facts(self):
        return {}


@pytest.fixture(scope="module")
def cast():
    painter = PhotoMaker.load(
        "pocket/models/sdxl-pocket",
        "pocket/models/photomaker-v1-pocket.bin",
        PaintRecipe(steps=1, guidance_scale=2.0, merge_step=0, size=32, output_size=56),
    )
    speaker = LlavaSpeaker(load(str(input_path("pocket/models/llava-v1.5-pocket"))), max_tokens=4)
    counselor = Counselor(speaker, own_prompts("ec_planning"), Variant.of("ec_planning"), planning_max_tokens=4)
    return Cast(ScriptedClient(), LexiconDescriber(), painter, Filter(), counselor, attempts=3)


def run(cast, folder, profiles=PROFILES[:4], concurrency=4, max_turns=3, **options):
    return run_sessions(cast, profiles, folder, 0, concurrency, max_turns, **options)


def files(folder):
    """Every file but the times, by name."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "timings.jsonl")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def of_clients(found, profiles):
    """Those of the files that are in the clients' folders."""
    return {name: data for name, data in found.items() if name.startswith(tuple(f"{p.idx}/" for p in profiles))}


@pytest.fixture(scope="module")
def unbroken(cast, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    outcomes = run(cast, folder)
    assert [(o.idx, o.turns, o.status, o.reason) for o in outcomes] == [
        (p.idx, 3, "complete", "3 turns") for p in PROFILES[:4]
    ]
    return files(folder)


@pytest.mark.slow
def test_a_turn_holds_all_that_happened(cast, tmp_path):
    run(cast, tmp_path, PROFILES[:1])
    first, second, _ = SessionFolder(tmp_path / PROFILES[0].idx).turns()
    assert first.cue and not first.words and second.words
    assert first.description["model"] == "lexicon" and first.caption and first.reply
    assert first.face.statement == f"a facial photo with {first.description['relevance_text']}"
    assert set(first.counselor_raw) == {"emotion_recognition", "response"} and "planning" in second.counselor_raw
    assert first.tokens.keys() == {"counselor_prompt", "counselor_completion"}
    shown = tmp_path / PROFILES[0].idx / first.face.file
    chosen = first.face.attempts[first.face.chosen - 1]
    assert shown.read_bytes() == (shown.parents[1] / chosen.file).read_bytes()
    with Image.open(shown) as image:
        assert image.size == (56, 56)
    times = SessionFolder(tmp_path / PROFILES[0].idx).timings()
    assert times.keys() == {1, 2, 3} and times[1].keys() == {"client", "description", "face", "counselor"}


@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [1, 3])
def test_the_transcripts_do_not_depend_on_how_many_advance_together(cast, unbroken, tmp_path, concurrency):
    """One after another, two of the four; three at a time, all, so that the fourth takes the place of another."""
    profiles = PROFILES[: 2 if concurrency == 1 else 4]
    run(cast, tmp_path, profiles, concurrency)
    assert files(tmp_path) == of_clients(unbroken, profiles)


def test_a_client_whose_row_has_changed_is_refused_before_anything_is_written(cast, tmp_path):
    run(cast, tmp_path, PROFILES[:1], max_turns=1)
    assert SessionFolder(tmp_path / PROFILES[0].idx).client["reason"] == PROFILES[0].reason
    before = files(tmp_path)
    with pytest.raises(RunConflict, match=rf"another client {PROFILES[0].idx}: reason was"):
        run(cast, tmp_path, [PROFILES[1], replace(PROFILES[0], reason="I cannot sleep.")])
    assert files(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize("stop", [pytest.param(1, marks=proof), 5])
def test_a_run_that_was_broken_off_goes_on_and_ends_the_same(cast, unbroken, tmp_path, stop):
    class Broken(BaseException):
        pass

    heard = []

    def report(taken):
        heard.append(taken.turn.number)
        if len(heard) == stop:
            raise Broken

    with pytest.raises(Broken):
        run(cast, tmp_path, concurrency=3, report=report)
    on_disk = sum(len(SessionFolder(tmp_path / p.idx).turns()) for p in PROFILES[:4])
    assert stop <= on_disk < stop + 3  # turns that are taken together are written together
    run(cast, tmp_path, concurrency=3)
    assert files(tmp_path) == unbroken


def test_a_complete_run_is_left_as_it_is(cast, unbroken, tmp_path):
    for name, data in unbroken.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    heard = []
    outcomes = run(replace(cast, painter=None, counselor=None), tmp_path, report=heard.append)
    assert heard == [] and [o.status for o in outcomes] == ["complete"] * 4
    assert files(tmp_path) == unbroken


@pytest.mark.slow
def test_a_fault_ends_its_own_session_and_can_be_tried_again(cast, unbroken, tmp_path):
    broken = io.BytesIO()
    Image.open(PROFILES[1].portraits[0]).save(broken, "PNG")
    (tmp_path / "broken.png").write_bytes(broken.getvalue()[:2000])
    profiles = [PROFILES[0], replace(PROFILES[1], portraits=(tmp_path / "broken.png",)), *PROFILES[2:4]]
    folder = tmp_path / "sessions"
    outcomes = run(cast, folder, profiles)
    assert [o.status for o in outcomes] == ["complete", "failed", "complete", "complete"]
    assert outcomes[1].reason.startswith("PortraitUnusable: the face cannot be painted")
    assert json.loads((folder / PROFILES[1].idx / "end.json").read_text())["status"] == "failed"
    assert [o.status for o in run(cast, folder)] == ["complete"] * 4  # mended, and only that one is run
    assert files(folder) == unbroken


def other_shape(path):
    Image.new("RGB", (5000, 2)).save(path)


SPOILED = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "another file": lambda path: path.write_text("<html>404</html>"),
    "a line": other_shape,
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:900]),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "spoil",
    [pytest.param(SPOILED[name], marks=[] if name in ("deleted", "cut off") else proof, id=name) for name in SPOILED],
)
def test_a_portrait_that_breaks_after_the_table_was_checked_ends_its_own_session_alone(cast, unbroken, tmp_path, spoil):
    """The second turn of three: the session fails by its client's portrait, named; the other ends as ever."""
    portrait = tmp_path / "portrait.png"
    portrait.write_bytes(PROFILES[1].portraits[0].read_bytes())
    profiles = [PROFILES[0], replace(PROFILES[1], portraits=(portrait,))]

    def report(taken):
        if portrait.is_file() and taken.turn.number == 1:
            spoil(portrait)

    folder = tmp_path / "sessions"
    outcomes = run(cast, folder, profiles, report=report)
    assert [(o.status, o.turns) for o in outcomes] == [("complete", 3), ("failed", 1)]
    assert outcomes[1].reason.startswith(f"PortraitUnusable: the face cannot be painted: {portrait}: ")
    of_other = of_clients(unbroken, PROFILES[:1])
    assert of_other and {name: data for name, data in files(folder).items() if name in of_other} == of_other


def test_the_faces_of_a_search_that_found_none_are_kept(cast, tmp_path):
    class Never(Filter):
        def verify(self, requests):
            return [Verdict(outcome="irrelevant") for _ in requests]

    (outcome,) = run(replace(cast, verifier=Never(), on_exhaustion="stop"), tmp_path, PROFILES[:1])
    assert outcome.status == "failed" and "none of 3 faces was accepted" in outcome.reason
    end = json.loads((tmp_path / PROFILES[0].idx / "end.json").read_text())
    assert [attempt["number"] for attempt in end["attempts"]] == [1, 2, 3]
    assert len(list((tmp_path / PROFILES[0].idx / "faces").iterdir())) == 3


class Client:
    """Says what a script says; an exception stands for a vendor that failed."""

    def __init__(self, *script):
        self.script = script

    def speak(self, conversations):
        return [self._said(self.script[len(one.turns)]) for one in conversations]

    def _said(self, line):
        return line if isinstance(line, Exception) else ClientUtterance(line, "raw", 7, 3)

    def facts(self):
        return {}


def test_the_client_ends_the_session_without_face_or_reply(cast, tmp_path):
    client = Client(Utterance("nods", ""), Utterance("smiles", "Bye.", ended=True))
    (outcome,) = run(replace(cast, client=client), tmp_path, PROFILES[:1], max_turns=9)
    assert (outcome.turns, outcome.reason) == (2, "the client ended it")
    last = SessionFolder(tmp_path / PROFILES[0].idx).turns()[-1]
    assert last == Turn(
        number=2, cue="smiles", words="Bye.", ended=True, client_raw="raw",
        tokens={"client_prompt": 7, "client_completion": 3},
    )  # fmt: skip


@pytest.mark.slow
def test_a_client_that_fails_in_one_session_does_not_stop_the_others(cast, tmp_path):
    class Half(ScriptedClient):
        def speak(self, conversations):
            said = super().speak(conversations)
            return [
                RuntimeError("429") if c.profile == PROFILES[1] and c.turns else s
                for c, s in zip(conversations, said, strict=True)
            ]

    outcomes = run(replace(cast, client=Half()), tmp_path, PROFILES[:3])
    assert [(o.status, o.turns) for o in outcomes] == [("complete", 3), ("failed", 1), ("complete", 3)]
    assert outcomes[1].reason == "RuntimeError: 429"


def test_a_record_that_cannot_be_kept_is_that_sessions_fault(cast, tmp_path):
    class Odd:
        def answer(self, prompts, images, seeds, *, max_tokens=None):
            return [Completion("half a pair \ud800" if "Looks" not in p else "x", 1, 1, "m", "stop") for p in prompts]

        def fits(self, prompt):
            return True

        def facts(self):
            return {}

    odd = Counselor(Odd(), own_prompts("base"), Variant.of("base"))
    (outcome,) = run(replace(cast, counselor=odd), tmp_path, PROFILES[:1])
    assert outcome.status == "failed" and "would not" in outcome.reason or "surrogate" in outcome.reason


# Waves ----------------------------------------------------------------------------------------------------------------


class Plain:
    """Describes, verifies and replies at once, by what it is asked alone: faces need two attempts on average."""

    def describe(self, requests):
        return [
            Description(expression=f"{one.utterance.cue} {one.seed % 7}", contrast="", response="", model="m")
            for one in requests
        ]

    def verify(self, requests):
        return [Verdict(outcome="accepted" if one.image.getpixel((0, 0))[0] % 2 else "irrelevant") for one in requests]

    def reply(self, requests):
        return [Reply(words=f"{one.utterance.words} {one.face.getpixel((0, 0))}") for one in requests]

    def warm_up(self, sessions):
        """Has nothing to compile."""

    def facts(self):
        return {}


class Dots(Plain):
    """Paints its request's digest as a single colour."""

    batch_sizes = (1, 2, 4, 8)

    def __init__(self, before=lambda: None):
        self.before = before

    def check(self, request):
        pass

    def paint(self, requests):
        self.before()
        return [Image.new("RGB", (8, 8), tuple(sha256(f"{r.prompt}{r.seed}".encode()).digest()[:3])) for r in requests]


def quick_cast(client, **changes):
    plain = Plain()
    return Cast(client, plain, Dots(), plain, plain, **changes)


def answer(request):
    """What a chat model says, by its prompt alone: the client ends after some turns, sooner or later."""
    digest = sha256(json.dumps(request.body["messages"]).encode()).digest()
    return Text(f"Client: [looks {digest.hex()[:3]}] It is {digest.hex()[3:9]}.{'' if digest[0] % 8 else ' [/END]'}")


@pytest.fixture
def endpoint():
    with OpenAIServer(default=answer) as server, ChatEndpoint("m", server.url, api_key="k") as model:
        yield server, model


@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [pytest.param(1, marks=proof), 8, pytest.param(16, marks=proof)])
def test_waves_do_not_change_the_transcripts(endpoint, tmp_path, concurrency):
    _, model = endpoint
    found = {}
    for waves in (1, 2, 3):
        cast = quick_cast(ChatClient(model), remote=frozenset({"client"}), ahead=waves - 1)
        outcomes = run(cast, tmp_path / str(waves), PROFILES, concurrency, max_turns=3, waves=waves)
        assert {one.status for one in outcomes} == {"complete"} and len(outcomes) == len(PROFILES)
        found[waves] = files(tmp_path / str(waves))
    assert found[1] == found[2] == found[3]
    if concurrency == 16:
        alone = tmp_path / "alone"
        run(quick_cast(ChatClient(model)), alone, PROFILES, 1, max_turns=3)
        assert files(alone) == found[1]


@pytest.mark.slow
@pytest.mark.parametrize("waves", [2, pytest.param(3, marks=proof)])
def test_waves_do_not_change_the_transcripts_of_the_pocket_models(cast, unbroken, tmp_path, waves):
    run(cast, tmp_path, waves=waves)
    assert files(tmp_path) == unbroken


def test_one_wave_is_painted_while_another_waits_for_its_client(endpoint, tmp_path):
    """The endpoint answers the other wave only once the painter is at work: without overlap, this never ends well."""
    server, model = endpoint
    painting = threading.Event()

    def when_painting(request):
        of_first_wave = any(profile.reason in json.dumps(request.body, ensure_ascii=False) for profile in PROFILES[:4])
        if not of_first_wave and not painting.wait(PATIENCE / 3):
            return Status(400, "nobody was painted meanwhile")
        return answer(request)

    server.default = when_painting
    cast = replace(
        quick_cast(ChatClient(model), remote=frozenset({"client"})), painter=Dots(before=painting.set), ahead=1
    )
    outcomes = run(cast, tmp_path, PROFILES[:8], concurrency=8, max_turns=2, waves=2)
    assert [one.status for one in outcomes] == ["complete"] * 8


def test_the_models_of_this_machine_work_in_the_calling_thread_one_after_another(endpoint, tmp_path):
    """Whoever waits for the client does not wait for the painter; nobody paints beside the counselor."""
    _, model = endpoint
    threads = {}

    class Watched:
        def __init__(self, member, role, names):
            self.member, self.role, self.names = member, role, names

        def __getattr__(self, name):
            if name in self.names:
                threads.setdefault(self.role, set()).add(threading.current_thread().name)
            return getattr(self.member, name)

    made = quick_cast(ChatClient(model), remote=frozenset({"client"}))
    watched = {
        role: Watched(getattr(made, role), role, names)
        for role, names in {
            "client": ["speak"], "describer": ["describe"], "painter": ["paint"], "counselor": ["reply"],
        }.items()
    }  # fmt: skip
    run(replace(made, **watched), tmp_path, PROFILES, concurrency=8, max_turns=3, waves=2)
    here = {threading.current_thread().name}
    assert threads["describer"] == threads["painter"] == threads["counselor"] == here
    assert threads["client"].isdisjoint(here) and len(threads["client"]) == 2


class BatchTime:
    """Time, counted in batches that are painted; it stands still while all sessions wait for their clients."""

    def __init__(self, sessions):
        self.changed = threading.Condition()
        self.painted = self.asking = self.stops = self.waited = 0
        self.sessions = sessions

    def paint(self):
        with self.changed:
            self.painted += 1
            self.changed.notify_all()

    def end_session(self):
        with self.changed:
            self.sessions -= 1
            self._look()

    def wait(self, sessions, batches):
        """Until so many batches are painted, or nobody is left who could be."""
        with self.changed:
            self.asking += sessions
            due, stops = self.painted + batches, self.stops
            self._look()
            assert self.changed.wait_for(lambda: self.painted >= due or self.stops > stops, PATIENCE)
            self.asking -= sessions
            self.waited += sessions * (self.painted < due)

    def _look(self):
        if self.asking >= self.sessions:
            self.stops += 1
            self.changed.notify_all()


def rests(folder, waves):
    """The share of answers for which the painter had to wait: a client answers when two more batches are painted."""
    time = BatchTime(sessions=16)

    class Slow(Client):
        def speak(self, conversations):
            time.wait(len(conversations), batches=2)
            return super().speak(conversations)

    def report(taken):
        if taken.turn.number == 6:
            time.end_session()

    client = Slow(*[Utterance("looks away", "It is hard.")] * 6)
    cast = replace(quick_cast(client, remote=frozenset({"client"}), ahead=1), painter=Dots(before=time.paint))
    outcomes = run(cast, folder, PROFILES[:16], concurrency=16, max_turns=6, waves=waves, report=report)
    assert {one.status for one in outcomes} == {"complete"}
    return time.waited / (16 * 6)


@pytest.mark.slow
def test_the_painter_waits_for_every_answer_in_one_wave_and_in_three_for_those_of_the_first_turn(tmp_path):
    assert len(PROFILES) >= 16 and rests(tmp_path / "one", 1) == 1.0
    assert rests(tmp_path / "two", 2) < 0.9
    assert rests(tmp_path / "three", 3) < 0.4  # 1/6 unless threads are late


@pytest.mark.parametrize("stop", [1, 5])
def test_an_error_ends_a_run_in_waves_and_what_is_on_disk_goes_on(endpoint, tmp_path, stop):
    _, model = endpoint
    made = quick_cast(ChatClient(model), remote=frozenset({"client"}))
    run(made, tmp_path / "whole", PROFILES[:6], 6, 3)
    heard = []

    def report(taken):
        heard.append(taken)
        if len(heard) == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(made, tmp_path / "broken", PROFILES[:6], 6, 3, waves=2, report=report)
    turns = [turn for p in PROFILES[:6] for turn in SessionFolder(tmp_path / "broken" / p.idx).turns()]
    assert all(taken.turn in turns for taken in heard)
    assert stop <= len(turns) < stop + 3  # a wave's turns are written together
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("service", "writer"))]
    run(made, tmp_path / "broken", PROFILES[:6], 6, 3, waves=3)
    assert files(tmp_path / "broken") == files(tmp_path / "whole")


def test_a_disk_that_is_full_ends_the_run(tmp_path, monkeypatch):
    def full(self, images):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SessionFolder, "write_faces", full)
    with pytest.raises(OSError, match="No space left"):
        run(quick_cast(ScriptedClient()), tmp_path, PROFILES[:2], 2, 2)
    assert not [turn for p in PROFILES[:2] for turn in SessionFolder(tmp_path / p.idx).turns()]


@pytest.mark.slow
def test_a_thousand_sessions_that_fail_at_once_end(tmp_path):
    class Silent(ScriptedClient):
        def speak(self, conversations):
            return [RuntimeError("429") for _ in conversations]

    many = [replace(PROFILES[0], idx=str(number)) for number in range(1100)]  # Python recurses a thousand deep
    outcomes = run(quick_cast(Silent()), tmp_path, many, 1, 2)
    assert {one.reason for one in outcomes} == {"RuntimeError: 429"} and len(outcomes) == 1100


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"waves": 0}])
def test_no_session_at_a_time_is_refused(tmp_path, options):
    with pytest.raises(ValueError, match="must be 1 or more"):
        run(quick_cast(ScriptedClient()), tmp_path, **options)


@pytest.mark.slow
def test_each_session_may_have_a_limit_of_its_own(cast, tmp_path):
    limits = {PROFILES[0].idx: 1, PROFILES[1].idx: 2}
    outcomes = run_sessions(cast, PROFILES[:2], tmp_path, 0, 2, limits)
    assert [(o.turns, o.reason) for o in outcomes] == [(1, "1 turns"), (2, "2 turns")]


# Clients that come back -----------------------------------------------------------------------------------------------

TWICE = {"profiles": PROFILES[:2], "max_turns": 2, "returns": Returns(2)}
NAMES = [name for profile in PROFILES[:2] for name in (profile.idx, f"{profile.idx}+s2")]


@pytest.fixture(scope="module")
def twice(cast, tmp_path_factory):
    """Two clients with two sessions each, one session at a time."""
    folder = tmp_path_factory.mktemp("twice")
    outcomes = run(cast, folder, concurrency=1, **TWICE)
    assert [(o.idx, o.turns, o.status) for o in outcomes] == [(name, 2, "complete") for name in NAMES]
    return files(folder)


@pytest.mark.slow
def test_the_first_session_of_a_client_that_comes_back_is_that_of_one_who_does_not(cast, twice, tmp_path):
    run(cast, tmp_path, PROFILES[:2], max_turns=2)
    once = files(tmp_path)
    assert {name: twice[name] for name in once} == once
    assert {name.partition("/")[0] for name in twice.keys() - once.keys()} == {NAMES[1], NAMES[3]}
    assert twice[f"{NAMES[0]}/turns.jsonl"] != twice[f"{NAMES[1]}/turns.jsonl"]
    first = [Turn.model_validate_json(twice[f"{name}/turns.jsonl"].splitlines()[0]) for name in NAMES]
    assert len({turn.face.attempts[0].seed for turn in first}) == 4


@pytest.mark.slow
def test_sessions_of_clients_that_come_back_do_not_depend_on_how_many_advance_together(cast, twice, tmp_path):
    run(cast, tmp_path, concurrency=4, waves=2, **TWICE)
    assert files(tmp_path) == twice


@pytest.mark.slow
@pytest.mark.parametrize("stop", [2, 3])
def test_a_run_that_was_broken_off_between_or_within_sessions_goes_on(cast, twice, tmp_path, stop):
    taken = []

    def report(each):
        taken.append(each)
        if len(taken) == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(cast, tmp_path, concurrency=1, report=report, **TWICE | {"profiles": PROFILES[:1]})
    before = {path.name for path in tmp_path.iterdir()}
    assert before == ({NAMES[0]} if stop == 2 else {NAMES[0], NAMES[1]})
    run(cast, tmp_path, **TWICE)
    assert files(tmp_path) == twice


def test_clients_may_be_asked_back_once_a_run_is_complete_and_remember_as_if_from_the_start(tmp_path):
    for name, steps in (("at once", [2]), ("later", [1, 2])):
        for number in steps:
            finish(Register(read_sessions(PROFILES[:2], tmp_path / name, 0, 2, Returns(number)), Budget()))
    assert files(tmp_path / "at once") == files(tmp_path / "later")


def spoken(session, ended=False):
    """A turn without a face, whose words tell its session and the turns before."""
    conversation = session.conversation
    told = sum(len(turns) for _, turns in conversation.memory.told)
    words = f"{session.name}, told {told}, seed {conversation.seed}"
    turn = Turn(number=conversation.number, cue="nods", words=words, client_raw="", reply="Hm.", ended=ended)
    return Taken(turn, {})


def finish(register, room=2, turn=spoken):
    """Takes the turns of a register in one wave; which sessions were under way together, turn by turn."""
    seen, ended = [], EndedTurn(0, (), (), {}, room)
    while sessions := register.exchange(ended):
        seen.append([session.name for session in sessions])
        ended = EndedTurn(0, sessions, [turn(session) for session in sessions], {}, room)
    return seen


def test_a_later_session_begins_once_the_one_before_is_complete_and_remembers_it(tmp_path):
    register = Register(read_sessions(PROFILES[:2], tmp_path, 0, 2, Returns(3)), Budget())
    a, b = PROFILES[0].idx, PROFILES[1].idx
    both = [[a, b], [f"{a}+s2", f"{b}+s2"], [f"{a}+s3", f"{b}+s3"]]
    assert finish(register) == [together for together in both for _ in range(2)]
    words = {path.name: SessionFolder(path).turns()[0].words for path in tmp_path.iterdir()}
    assert words[a] == f"{a}, told 0, seed 0" and words[f"{a}+s3"].startswith(f"{a}+s3, told 4, seed ")
    assert len({text.rpartition(" ")[2] for text in words.values()}) == 3  # of each number
    record = json.loads((tmp_path / f"{a}+s3/session.json").read_text())
    assert (record["session"], record["follows"], record["remembered"]["turns"]) == (3, f"{a}+s2", 4)
    assert "session.json" in SessionFolder(tmp_path / f"{a}+s3").ended["files"]


def test_a_session_that_fails_stops_those_after_it_until_it_is_held(tmp_path):
    a, b = PROFILES[0].idx, PROFILES[1].idx

    def failing(session):
        return ValueError("no words") if session.name == f"{a}+s2" else spoken(session)

    register = Register(read_sessions(PROFILES[:2], tmp_path, 0, 2, Returns(3)), Budget())
    finish(register, turn=failing)
    found = {o.idx: (o.status, o.turns, o.reason) for o in register.outcomes()}
    assert found[f"{a}+s2"] == ("failed", 0, "ValueError: no words")
    assert found[f"{a}+s3"] == ("failed", 0, f"it follows {a}+s2, which failed")
    assert [found[name][0] for name in (a, b, f"{b}+s2", f"{b}+s3")] == ["complete"] * 4
    assert not (tmp_path / f"{a}+s3").exists()
    again = Register(read_sessions(PROFILES[:2], tmp_path, 0, 2, Returns(3)), Budget())
    assert finish(again) == [[f"{a}+s2"]] * 2 + [[f"{a}+s3"]] * 2
    assert {o.status for o in again.outcomes()} == {"complete"}


def test_a_budget_that_is_used_up_leaves_later_sessions_open(tmp_path):
    budget = Budget({"budget_tokens": 1}, {}, ("client",), Spent())
    register = Register(read_sessions(PROFILES[:1], tmp_path, 0, 1, Returns(2)), budget)

    def costly(session):
        taken = spoken(session)
        return replace(taken, turn=taken.turn.model_copy(update={"tokens": {"client_prompt": 5}}))

    finish(register, turn=costly)
    assert [(o.status, o.turns) for o in register.outcomes()] == [("complete", 1), ("open", 0)]


def test_a_session_whose_predecessor_was_removed_is_not_taken_for_its_successor(tmp_path):
    a = PROFILES[0].idx
    finish(Register(read_sessions(PROFILES[:1], tmp_path, 0, 2, Returns(2)), Budget()))
    for path in (tmp_path / a).rglob("*.*"):
        path.unlink()
    register = Register(read_sessions(PROFILES[:1], tmp_path, 0, 2, Returns(2)), Budget())
    first, second = register.outcomes()
    assert (first.status, second.status) == ("open", "failed")
    assert f"follows {a}, which is not complete" in second.reason
