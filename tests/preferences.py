"""Answers on pairs of sessions, as people and judges give them."""

from mirror.files.json_lines import append_line
from mirror.rating.preferences import FILE, PreferenceRecord


def answer(idx, first, second, preferred, person="ann", judge=""):
    """The vote of a person, or the answer of a judge if one is named."""
    of = {"judge": judge} if judge else {"judge": f"human {person}", "kind": "human"}
    facts = {"instrument": "helpfulness", "repeat": 1, "status": "rated", "raw": "", "run": "votes", "attempts": 1}
    return PreferenceRecord(
        idx=idx, first=first, second=second, scores={"helpful": preferred}, asked=f"{idx} {first}", **facts | of
    )


def write_answers(folder, *answers):
    for one in answers:
        append_line(folder / FILE, one)
    return folder
