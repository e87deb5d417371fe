"""The command `python -m pocket` writes what it names, and what can take hours only if it is named."""

import sys

import pytest

import pocket.facepack.pack
import pocket.llava.card
import pocket.llava.model
import pocket.painter.distilled.pack
import pocket.tables.sources
from pocket.__main__ import main

WRITERS = {
    "data": (pocket.tables.sources, "write_sources"),
    "llava": (pocket.llava.model, "write_llava"),
    "card": (pocket.llava.card, "write_card"),
    "faces": (pocket.facepack.pack, "write_facepack"),
    "fast": (pocket.painter.distilled.pack, "write_distilled"),
    "fast-card": (pocket.painter.distilled.pack, "write_card"),
}


@pytest.fixture
def written(monkeypatch):
    written = []
    for name, (module, function) in WRITERS.items():
        monkeypatch.setattr(module, function, lambda name=name: written.append(name) or f"folder of {name}")
    return written


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["data", "llava", "card", "faces"]),
        (["faces", "data"], ["data", "faces"]),
        (["fast"], ["fast"]),
        (["fast-card", "fast"], ["fast", "fast-card"]),
    ],
)
def test_what_is_named_is_written_in_the_order_in_which_it_builds_on_each_other(
    words, expected, written, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["pocket", *words])
    main()
    assert written == expected
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == expected


def test_an_unknown_name_writes_nothing(written, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pocket", "data", "everything"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (
        ended.value.code == 2
        and written == []
        and "there is no everything; the names are data," in capsys.readouterr().err
    )
