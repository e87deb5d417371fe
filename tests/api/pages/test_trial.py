"""The pages to try the services with: pictures and words are sent, verdicts have reasons, faults say what to do."""

import json

import pytest

from api.pages.trial import Field, Trial, trial_page
from tests.axe import findings
from tests.browser import wait_for
from tests.galleries import SCRIPT, texts
from tests.servers import ScriptedDescriber, ScriptedVerifier, description_service, picture, verification_service

TOKEN = "swordfish"


@pytest.fixture(scope="module")
def verifier():
    return ScriptedVerifier()


@pytest.fixture(scope="module")
def verification(verifier):
    with verification_service(verifier, TOKEN, max_pixels=100_000, pixels_at_once=200_000) as url:
        yield url


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for name, content in {
        "dark": picture(50),
        "red": picture(200),
        "large": picture(size=(400, 400)),
        "no": b"x",
    }.items():
        (folder / f"{name}.png").write_bytes(content)
    return folder


@pytest.fixture
def opened(page, verification):
    page.open(f"{verification}/")
    yield page
    assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    assert all(one.startswith((verification, f"blob:{verification}")) for one in page.requests)
    assert [one for one in page.problems if "responded with a status of" not in one] == []


def fill(page, pictures, face="red", portrait="dark", statement="looks sad", token=TOKEN):
    page.choose("#base_image", pictures / f"{portrait}.png")
    page.choose("#image", pictures / f"{face}.png")
    page.evaluate(f"byId('statement').value = {json.dumps(statement)}; byId('token').value = {json.dumps(token)}")


def answer(page):
    """What the page says after it has sent the form."""
    page.evaluate("send()")
    return texts(page, "#answer-title")[0]


def test_a_face_is_verified_with_the_keyboard_and_the_verdict_has_its_reasons(opened, pictures):
    fill(opened, pictures)
    opened.evaluate("byId('statement').focus()")
    opened.press("Enter")
    wait_for(lambda: opened.evaluate("!byId('answer').hidden"))
    assert texts(opened, "#answer-title") == ["✓ Accepted: the face may be shown"]
    assert texts(opened, "#content tbody tr > *") == [
        *("Shows what it should", "✓ passed", "0.784", "at least 0.196", "looks sad")
    ]
    assert opened.evaluate("document.activeElement.id") == "answer"
    assert json.loads(texts(opened, "#raw")[0])["accepted"] is True
    fill(opened, pictures, face="dark", portrait="red")
    assert answer(opened) == "✗ Rejected: the face does not show what it should"
    assert texts(opened, "#content td")[0] == "✗ failed"


def test_what_is_missing_is_said_at_its_place_and_nothing_is_sent(opened, verifier):
    before = len(verifier.batches)
    opened.evaluate("send()")
    assert texts(opened, ".fault:not([hidden])") == [
        *("Choose a picture.", "Choose a picture.", "Write something here.", "This service asks for a token.")
    ]
    assert opened.evaluate("document.activeElement.id") == "base_image" and len(verifier.batches) == before
    assert findings(opened) == []


@pytest.mark.parametrize(
    "changes, title, message",
    [
        ({"token": "wrong"}, "✗ 401: unauthorized", "found another one"),
        ({"face": "large"}, "✗ 413: too_many_pixels", "image"),
        ({"portrait": "no"}, "✗ 415: unsupported_image_type", "base_image"),
        ({"statement": "raise"}, "✗ 500: internal_error", "its log on the server"),
    ],
)
def test_a_refusal_says_what_and_why(opened, pictures, changes, title, message):
    fill(opened, pictures, **changes)
    assert answer(opened) == title and message in texts(opened, "#content p")[0]
    assert "secret" not in texts(opened, "main")[0] and opened.evaluate("byId('send').disabled") is False


def test_a_picture_is_dragged_or_pasted_and_what_is_none_is_refused(opened, pictures):
    fill(opened, pictures)
    given = """(name, type, event, target) => {
      const files = new DataTransfer();
      files.items.add(new File([new Uint8Array(3)], name, {type}));
      const key = event === 'paste' ? 'clipboardData' : 'dataTransfer';
      const Kind = event === 'paste' ? ClipboardEvent : DragEvent;
      return target.dispatchEvent(new Kind(event, {[key]: files, bubbles: true, cancelable: true}));
    }"""
    assert opened.evaluate(f"({given})('a.png', 'image/png', 'drop', byId('image'))") is False
    assert texts(opened, ".file") == ["dark.png, 1 kB", "a.png, 1 kB"]
    opened.evaluate(f"({given})('a.txt', 'text/plain', 'drop', byId('image'))")
    assert texts(opened, ".fault:not([hidden])") == ["This is no PNG, JPEG or WebP file."]
    opened.evaluate(f"byId('base_image').focus(); ({given})('b.webp', 'image/webp', 'paste', document.body)")
    assert texts(opened, ".file")[0] == "b.webp, 1 kB"
    assert answer(opened) == "✗ 415: unsupported_image_type"


def test_a_request_can_be_cancelled_and_the_form_is_free_again(opened, pictures, verifier):
    fill(opened, pictures)
    verifier.gate.clear()
    try:
        opened.evaluate("void send()")
        assert texts(opened, "#state") == ["waiting for the answer …"] and opened.evaluate("byId('send').disabled")
        opened.evaluate("byId('cancel').click()")
        assert wait_for(lambda: texts(opened, "#state") == ["cancelled"])
    finally:
        verifier.gate.set()
    assert opened.evaluate("byId('send').disabled") is False and answer(opened).startswith("✓")


def test_a_service_that_is_gone_is_said(page):
    with description_service(ScriptedDescriber()) as url:
        page.open(f"{url}/")
    page.evaluate("byId('client_utt').value = '[weeps] No.'")
    assert answer(page) == "✗ No answer" and "Is it running?" in texts(page, "#content p")[0]


def test_words_are_described_and_stay_text(page):
    with description_service(ScriptedDescriber()) as url:
        page.open(f"{url}/")
        assert page.evaluate("byId('token')") is None
        page.evaluate(f"byId('client_utt').value = {json.dumps(f'[weeps] {SCRIPT}')}; byId('seed').value = '7'")
        assert answer(page) == "The face that goes with it"
        assert texts(page, "#content dd") == [f"[weeps] {SCRIPT}", "–", "scripted"]
        assert json.loads(texts(page, "#raw")[0])["response"] == "7"
        page.evaluate("byId('seed').value = '1.5'; send()")
        assert texts(page, ".fault:not([hidden])") == ["A whole number, 0 or more."]
        page.evaluate("byId('health').open = true")
        assert wait_for(lambda: '"name": "description"' in texts(page, "#health pre")[0])
        assert page.evaluate("document.title") == "MIRROR description" and page.problems == []


@pytest.mark.parametrize("width, dark", [(390, False), (1280, True)])
def test_nothing_breaks_a_rule_of_accessibility_or_the_width_of_a_phone(opened, pictures, width, dark):
    opened.resize(width, 844, phone=width < 800, dark=dark)
    fill(opened, pictures)
    answer(opened)
    opened.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
    assert findings(opened) == [] and opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.evaluate("scrollTo(0, 0), document.activeElement.blur()")


def test_the_page_holds_no_other_script_and_escapes_what_it_is_given():
    field = Field("a", f"{SCRIPT}", "line", "</script>", 5)
    page = trial_page(f"T {SCRIPT}", f"W {SCRIPT}", Trial("/a", "Go", [field], "verdict"), asks_token=False)
    assert SCRIPT not in page.html and page.html.count("</script>") == 2
    assert "default-src 'none'" in page.policy and "frame-ancestors 'none'" in page.policy
    assert "connect-src 'self'" in page.policy and "unsafe" not in page.policy and "form-action 'none'" in page.policy
