"""Which requests of a browser are of a server's own page, by their headers."""

import pytest

from mirror.services.browser import SECURITY, foreign_site, names_this_machine

HOST = "127.0.0.1:8010"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8010", "localhost:8010", "[::1]:8010", "127.9.9.9"])
def test_a_loopback_host_is_this_machine(host):
    assert names_this_machine(host)


@pytest.mark.parametrize(
    "host", ["", "example.org", "127.0.0.1.example.org", "10.0.0.1:8010", "[::1", "localhost.x:80"]
)
def test_any_other_host_is_not(host):
    assert not names_this_machine(host)


@pytest.mark.parametrize(
    ("origins", "sites", "foreign"),
    [
        ([], [], None),
        (["http://127.0.0.1:8010"], ["same-origin"], None),
        (["https://127.0.0.1:8010"], ["none"], None),
        (["http://127.0.0.1:9"], [], "http://127.0.0.1:9"),
        (["http://evil.example"], [], "http://evil.example"),
        (["null"], [], "null"),
        ([""], [], ""),
        ([], ["cross-site"], "cross-site"),
        ([], ["same-site"], "same-site"),
    ],
)
def test_the_page_of_another_origin_is_foreign(origins, sites, foreign):
    assert foreign_site(origins, sites, HOST) == foreign


def test_no_page_may_frame_or_keep_an_answer():
    assert SECURITY["X-Frame-Options"] == "DENY" and SECURITY["Cache-Control"] == "no-store"
