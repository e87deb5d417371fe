"""The panel's page in a real browser: keyboard, phone, dark, accessibility, and what is seen when something fails."""

import json

import pytest

from mirror.exploration.chat import Chat
from mirror.exploration.page import chat_page
from mirror.html_page import NOTICE
from mirror.services.service import ServiceError
from tests.axe import findings
from tests.browser import CHROMIUM, chromium, wait_for
from tests.panel_servers import panel_server
from tests.scripted_casts import PORTRAIT, scripted_exploration

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here; Debian and Ubuntu: apt-get install chromium"
)
SCRIPT = "<script>document.title = 'broken'</script><img src=x onerror=\"document.title='broken'\">"
CTRL = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "modifiers": 2}
SETTLED = (
    "state && !state.doing && !sent && $('gone').hidden && session === state.session && "
    "[...$('log').children].map((one) => one.dataset.key).join() === state.exchanges.join()"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def opened(browser, chat):
    with panel_server(chat) as url:
        try:
            yield open_page(browser, url)
        finally:
            chat.exploration.cast.painter.gate.set()
        assert browser.problems == [] and browser.evaluate("document.title") == "MIRROR · explore"
        assert {one[: len(url)] for one in browser.requests} == {url}


def open_page(page, url):
    page.resize(1200, 900)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    page.events.clear()
    page.open(url)
    settle(page)
    return page


def settle(page):
    """Waits until the page shows the newest state."""
    wait_for(lambda: page.evaluate(f"typeof state !== 'undefined' && {SETTLED}"))


def until(page, condition):
    wait_for(lambda: page.evaluate(condition))


def type_in(page, cue, words):
    page.evaluate(f"$('cue').value = {json.dumps(cue)}; $('words').value = {json.dumps(words)}; keepTyped()")


def ctrl_enter(page):
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, **CTRL)


def send(page, cue, words):
    turns = page.evaluate("state.exchanges.length")
    type_in(page, cue, words)
    page.evaluate("$('words').focus()")
    ctrl_enter(page)
    until(page, f"state.exchanges.length === {turns + 1} || state.fault")
    settle(page)


def click(page, name):
    version = page.evaluate("state.version")
    page.evaluate(f"$('{name}').click()")
    until(page, f"state.version > {version} && !state.doing")
    settle(page)


def said(page):
    return page.evaluate("[...document.querySelectorAll('#log .words')].map((one) => one.textContent)")


def fields(page):
    return page.evaluate("[$('cue').value, $('words').value]")


@needs_chromium
def test_ctrl_enter_sends_and_the_newest_turn_is_at_the_bottom_and_in_view(opened):
    for number in range(5):
        send(opened, "looks down", f"No {number}.")
    assert said(opened)[-2:] == ["No 4.", "I hear: No 4."] and fields(opened) == ["", ""]
    place = "[...document.querySelectorAll('#log .turn')].at(-1).querySelector('.counselor').getBoundingClientRect()"
    assert opened.evaluate(f"{place}.bottom <= $('composer').getBoundingClientRect().top && {place}.top > 0")
    assert opened.evaluate("document.activeElement === $('words')")
    assert opened.evaluate("[...document.querySelectorAll('#log img.face')].every((one) => one.naturalWidth === 16)")
    assert opened.evaluate("[...document.querySelectorAll('#log details')].every((one) => !one.open)")


@needs_chromium
def test_the_keyboard_reaches_everything_in_order_and_unfolds_a_turn(opened):
    send(opened, "frowns", "No.")
    opened.evaluate("document.querySelector('#log summary').focus()")
    opened.press("Enter")
    assert opened.evaluate("document.querySelector('#log .how').open")
    opened.evaluate("document.querySelector('#log .how').open = false; document.activeElement.blur()")
    reached = []
    opened.evaluate("$('client').focus()")
    for _ in range(10):
        reached.append(opened.evaluate("document.activeElement.id || document.activeElement.tagName"))
        opened.press("Tab")
    assert reached == ["client", "begin", "own", "save", "SUMMARY", "cue", "words", "say", "listen", "again"]
    opened.evaluate("$('cue').focus()")
    opened.press("Enter")
    assert opened.evaluate("document.activeElement.id") == "words" and len(said(opened)) == 2


@needs_chromium
def test_while_a_turn_is_taken_it_is_told_what_is_done_and_the_rest_is_off(opened, chat):
    painter = chat.exploration.cast.painter
    painter.gate.clear()
    type_in(opened, "frowns", "No.")
    ctrl_enter(opened)
    until(opened, "state.doing.startsWith('painting')")
    assert opened.evaluate("$('status').textContent") == "Painting attempt 1 of at most 3"
    enabled = "[...document.querySelectorAll('button:enabled, select:enabled')].filter((one) => one.checkVisibility())"
    assert opened.evaluate(f"{enabled}.map((one) => one.id)") == ["stop"]
    assert (
        opened.evaluate("$('pending').checkVisibility() && $('pending').querySelector('.words').textContent") == "No."
    )
    assert fields(opened) == ["frowns", "No."] and opened.evaluate("$('words').readOnly")
    assert findings(opened) == []
    opened.evaluate("$('stop').click()")
    until(opened, "state.doing.startsWith('stopping')")
    painter.gate.set()
    settle(opened)
    assert fields(opened) == ["frowns", "No."] and said(opened) == [] and not opened.evaluate("$('words').readOnly")
    assert opened.evaluate("$('note').textContent") == "Stopped; nothing was added."


FAULTS = {
    "painter": RuntimeError("CUDA out of memory. " + "Tried to allocate 2.00 GiB. " * 60),
    "verifier": ServiceError("http://127.0.0.1:8001/verify gave no answer after 4 tries: is it running?"),
    "counselor": ServiceError(f"{SCRIPT} answered 500"),
}


@needs_chromium
def test_words_leave_their_field_when_their_turn_was_never_seen_under_way(opened):
    """Between two states that the page is sent, a fast turn begins and ends."""
    type_in(opened, "frowns", "No.")
    opened.evaluate("[sent, sentAt] = [typed(), state.version]; show({...state})")
    assert fields(opened) == ["frowns", "No."]
    opened.evaluate("show({...state, version: state.version + 1, went_well: true})")
    assert fields(opened) == ["", ""] and opened.evaluate("sent") == ""


@needs_chromium
@pytest.mark.parametrize("role", FAULTS)
def test_a_fault_is_shown_whole_and_wrapped_and_the_words_stay(role, opened, chat):
    send(opened, "", "Hello.")
    opened.resize(390, 844, phone=True)
    getattr(chat.exploration.cast, role).fault = FAULTS[role]
    send(opened, "frowns", "No.")
    told = opened.evaluate("$('fault').checkVisibility() && $('fault').querySelector('.message').textContent")
    assert str(FAULTS[role]).strip() in told
    assert "your words are still here" in opened.evaluate("$('fault').textContent")
    assert fields(opened) == ["frowns", "No."] and said(opened) == ["Hello.", "I hear: Hello."]
    assert opened.evaluate("document.documentElement.scrollWidth") == 390
    assert findings(opened) == []
    getattr(chat.exploration.cast, role).fault = None
    ctrl_enter(opened)
    until(opened, "state.exchanges.length === 2")
    settle(opened)
    assert opened.evaluate("$('fault').hidden") and fields(opened) == ["", ""]


@needs_chromium
def test_a_server_that_stops_is_told_and_a_new_one_does_not_hide_what_was_said(browser, tmp_path):
    with panel_server(Chat(scripted_exploration(tmp_path))) as url:
        page = open_page(browser, url)
        send(page, "", "Hello.")
    until(page, "$('gone').checkVisibility()")
    assert "does not answer" in page.evaluate("$('gone').textContent") and page.evaluate("$('say').disabled")
    type_in(page, "frowns", "No.")
    assert findings(page) == []
    with panel_server(Chat(scripted_exploration(tmp_path)), int(url.rpartition(":")[2])):
        until(page, "$('gone').textContent.includes('started anew')")
        assert said(page) == ["Hello.", "I hear: Hello."] and fields(page) == ["frowns", "No."]
        page.evaluate("$('gone').querySelector('button').click()")
        until(page, f"document.readyState === 'complete' && typeof state !== 'undefined' && {SETTLED}")
        assert said(page) == [] and fields(page) == ["frowns", "No."], "what was typed stays"
        page.evaluate("localStorage.clear()")


@needs_chromium
def test_the_same_server_is_gone_on_with_after_a_break(opened):
    send(opened, "", "Hello.")
    opened.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    opened.evaluate("source.onerror(); undefined")
    assert opened.evaluate("$('gone').checkVisibility()")
    opened.call(
        "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
    )
    opened.evaluate("source.onmessage({data: JSON.stringify({...state, version: state.version})}); undefined")
    settle(opened)
    send(opened, "", "Still there?")
    assert len(said(opened)) == 4


@needs_chromium
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_nothing_is_wider_than_the_page_and_axe_finds_nothing(dark, phone, opened):
    send(opened, "frowns", "I want to die. " + "x" * 200)
    opened.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
    width = 390 if phone else 1200
    opened.resize(width, 844, phone=phone, dark=dark)
    opened.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    background = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(23, 22, 20)" if dark else "rgb(247, 244, 238)")
    assert findings(opened) == []
    opened.evaluate("$('own').click()")
    assert opened.evaluate("$('client_dialog').scrollWidth <= $('client_dialog').offsetWidth")
    assert findings(opened) == []
    opened.press("Escape")
    assert not opened.evaluate("$('client_dialog').open")


@needs_chromium
def test_what_was_said_is_text_and_signs_of_risk_and_the_notice_are_seen(opened):
    send(opened, SCRIPT, f"I want to die {SCRIPT}")
    assert said(opened)[0] == f"I want to die {SCRIPT}"
    assert opened.evaluate("document.querySelectorAll('#log script, #log [onerror]').length") == 0
    assert "“want to die”" in opened.evaluate("document.querySelector('#log .risk').textContent")
    assert opened.evaluate("document.querySelector('.care').checkVisibility()")
    assert opened.evaluate("document.querySelector('.care').textContent") == NOTICE


@needs_chromium
def test_turns_are_taken_back_tried_again_and_saved(opened):
    send(opened, "frowns", "No.")
    before = opened.evaluate("document.querySelector('#log img.face').src")
    click(opened, "again")
    assert opened.evaluate("document.querySelector('#log img.face').src") != before and len(said(opened)) == 2
    click(opened, "save")
    assert opened.evaluate("$('note').textContent") == "Saved in results/explored/sessions/61."
    assert opened.evaluate("$('save').disabled && $('save').textContent") == "Saved"
    click(opened, "take_back")
    assert (
        said(opened) == [] and fields(opened) == ["frowns", "No."] and opened.evaluate("$('empty').checkVisibility()")
    )
    send(opened, "frowns", "No.")
    opened.evaluate("$('client').value = '60'; $('client').dispatchEvent(new Event('change'))")
    until(opened, "state.client === '60'")
    settle(opened)
    assert said(opened) == [] and "Tess" in opened.evaluate("$('profile').textContent")
    click(opened, "take_back")
    assert said(opened) == ["No.", "I hear: No."] and "Tom" in opened.evaluate("$('profile').textContent")


@needs_chromium
def test_a_portrait_is_uploaded_or_refused_with_what_is_wrong(opened):
    send(opened, "frowns", "No.")
    opened.evaluate("$('own').click(); $('use').click()")
    until(opened, "!$('dialog_fault').hidden")
    assert opened.evaluate("$('dialog_fault').textContent") == "choose a picture, or type the path of one"
    opened.evaluate("$('path').value = 'nowhere.png'; $('use').click()")
    until(opened, "state.fault")
    settle(opened)
    assert "nowhere.png: cannot be read" in opened.evaluate("$('fault').textContent") and len(said(opened)) == 2
    opened.evaluate("$('own').click(); $('name').value = 'Ben'; $('path').value = ''")
    document = opened.call("DOM.getDocument")["root"]["nodeId"]
    field = opened.call("DOM.querySelector", nodeId=document, selector="#picture")["nodeId"]
    opened.call("DOM.setFileInputFiles", nodeId=field, files=[str(PORTRAIT)])
    opened.evaluate("$('use').click()")
    until(opened, "state.own")
    settle(opened)
    assert said(opened) == [] and "Ben" in opened.evaluate("$('profile').textContent")
    assert opened.evaluate("$('listen').disabled")


@needs_chromium
def test_two_counselors_are_voted_on_blindly(browser, pair):
    with panel_server(Chat(pair)) as url:
        page = open_page(browser, url)
        send(page, "frowns", "No.")
        whole = page.evaluate("document.documentElement.outerHTML")
        assert not any(secret in whole for secret in ("thinker", "pocket-llava", "fine-tuned", "secret of"))
        heads = "[...document.querySelectorAll('#log .counselor .who')].map((one) => one.textContent)"
        assert page.evaluate(heads) == ["Counselor A", "Counselor B"] and findings(page) == []
        lefts = "[...document.querySelectorAll('#log .counselor')].map((one) => one.getBoundingClientRect().left)"
        assert page.evaluate(f"{lefts}[0] < {lefts}[1]"), "side by side"
        page.evaluate("$('vote').querySelector('button[value=second]').focus()")
        page.press("Enter")
        until(page, "state.counselors.length === 2")
        settle(page)
        assert "explored-thinker" in "".join(page.evaluate(heads)) and page.evaluate("$('vote').hidden")
        assert "B was explored-" in page.evaluate("$('note').textContent") and page.evaluate("$('say').disabled")
        assert findings(page) == [] and page.problems == []


def test_the_page_refers_to_nothing_outside_itself_and_holds_no_secret(chat, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-secret")
    page, policy = chat_page(chat)
    assert "http" not in page.replace("http-equiv", "") and "sk-a-secret" not in page
    assert "default-src 'none'" in policy and "unsafe" not in policy
