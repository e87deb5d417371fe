"""Who the client is: what is known, and nothing else, and no text that becomes markup."""

from dataclasses import replace

from mirror.exploration.view.profile import profile_page
from tests.scripted_casts import PORTRAIT
from tests.sessions import CLIENT

ADA = replace(CLIENT, portraits=(PORTRAIT,))


def test_what_is_known_of_the_client_is_shown():
    page = profile_page(ADA)
    for text in ("<h2>Ada</h2>", "Ada, 40, a baker", "I bake nothing well.", "I am a failure.", "that is cognitive"):
        assert text in page
    assert page.count("<img") == 1 and "alt='portrait of Ada'" in page


def test_what_is_not_known_is_left_out():
    page = profile_page(replace(ADA, name="", personal_info="", reason="", distorted_thought="", resistance=None))
    assert "<h2>The client</h2>" in page and "<dt>" not in page and "<p>" not in page


def test_no_text_is_markup():
    evil = "<img src=x onerror=alert(1)>"
    page = profile_page(replace(ADA, name=evil, personal_info=evil, reason=evil, distorted_thought=evil))
    assert page.count("<img") == 1
