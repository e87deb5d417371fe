"""The list of the gallery: filters, orders and what is selected."""

from tests.galleries import click, put, shown, texts


def test_sessions_are_filtered_by_how_they_ended(opened):
    for outcome, expected in {"client": "61", "limit": "60", "failed": "62", "open": "a b"}.items():
        click(opened, f"button[data-outcome='{outcome}']")
        assert shown(opened) == [expected]
        assert texts(opened, "#found") == ["1 of 4 sessions"]
    click(opened, "button[data-outcome='']")
    assert len(shown(opened)) == 4


def test_sessions_with_faces_that_were_not_accepted_are_filtered(opened):
    click(opened, "#exhausted")
    assert shown(opened) == ["60"]
    click(opened, "#exhausted")
    assert len(shown(opened)) == 4


def test_sessions_are_filtered_by_a_rating_and_one_without_fits_no_bound(opened):
    measure = "CTRS <b>, a & b: guided discovery"
    assert opened.evaluate("[...measure.options].map((one) => one.value)") == [
        measure,
        "resistance, a & b: overall, mean over turns",
    ]
    put(opened, "#measure", measure)
    put(opened, "#least", "2")
    assert shown(opened) == ["60", "61"]
    put(opened, "#most", "4")
    assert shown(opened) == ["61"]
    put(opened, "#measure", "resistance, a & b: overall, mean over turns")
    assert shown(opened) == ["60"]


def test_the_buttons_show_what_the_dots_of_the_list_mean(opened):
    legend = "[...document.querySelectorAll('[data-outcome] .dot')].map((one) => one.className)"
    in_list = "[...document.querySelectorAll('#list .dot')].map((one) => one.className)"
    assert set(opened.evaluate(legend)) == set(opened.evaluate(in_list))
    assert [word.split()[0] for word in texts(opened, "[data-outcome]")][0] == "all"


def test_sessions_are_filtered_by_a_sign_of_risk(opened):
    assert opened.evaluate("[...risk.options].map((one) => one.value)") == [
        "",
        "client · self harm · plan or means",
        "counselor · medical advice · active",
    ]
    put(opened, "#risk", "counselor · medical advice · active")
    assert shown(opened) == ["62"]


def test_sessions_are_sorted_and_those_without_a_value_come_last(opened):
    for order, rising, falling in (
        ("score", ["61", "60", "62", "a b"], ["60", "61", "62", "a b"]),
        ("length", ["60", "61", "62", "a b"], ["60", "61", "62", "a b"]),
        ("run", ["60", "61", "62", "a b"], ["a b", "62", "61", "60"]),
    ):
        put(opened, "#order", order)
        assert shown(opened) == rising
        click(opened, "#falling")
        assert shown(opened) == falling
        click(opened, "#falling")


def test_resistance_and_attempts_sort_and_keys_follow_the_order(opened):
    resistances = opened.evaluate("sessions.map((one) => one.resistance)")
    attempts = opened.evaluate("sessions.map((one) => one.attempts)")
    names = ["60", "61", "62", "a b"]
    put(opened, "#order", "attempts")
    assert shown(opened) == [name for _, name in sorted(zip(attempts, names, strict=True))]
    put(opened, "#order", "resistance")
    kinds = ["none", "behavioral", "cognitive", "emotional"]
    expected = [name for _, name in sorted(zip(map(kinds.index, resistances), names, strict=True))]
    assert shown(opened) == expected
    opened.evaluate("location.hash = encodeURIComponent(shownSessions()[0].idx), route()")
    opened.press("j")
    assert opened.evaluate("decodeURIComponent(location.hash.slice(1))") == expected[1]


def test_what_is_selected_is_counted_and_taken_back(opened):
    assert texts(opened, "#selected") == ["all that are shown"]
    click(opened, "#list li:nth-child(2) input")
    assert texts(opened, "#selected") == ["1 selected"]
    click(opened, "#exhausted")
    click(opened, "#every")
    assert opened.evaluate("chosenSessions().map((one) => one.idx)") == ["60", "61"]
    click(opened, "#none")
    assert opened.evaluate("chosenSessions().map((one) => one.idx)") == ["60"]
    assert opened.evaluate("document.querySelectorAll('#list input:checked').length") == 0
