"""The cast of a session: what each member reports, and which of them is another one now."""

import pytest

from mirror.counseling.cast import ROLES, Cast, changed_roles


class Member:
    def __init__(self, **facts):
        self.given, self.warmed = facts, []

    def facts(self):
        return self.given

    def warm_up(self, sessions):
        self.warmed.append(sessions)


def test_the_facts_name_every_member_with_its_class():
    cast = Cast(*(Member(model=role) for role in ROLES))
    name = f"{Member.__module__}.Member"
    view = {"view": {"class": "mirror.faces.view.ShownView", "face": "shown"}}
    assert cast.facts() == {role: {"class": name, "model": role} for role in ROLES} | view


def test_describer_and_counselor_are_warmed_up_for_the_sessions():
    members = {role: Member() for role in ROLES}
    Cast(**members).warm_up(4)
    assert {role: member.warmed for role, member in members.items()} == {
        role: [4] if role in ("describer", "counselor") else [] for role in ROLES
    }


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"class": "a.A", "lines_sha256": "1", "device": "cpu"}, []),
        ({"class": "a.A", "lines_sha256": "1", "device": "cuda", "of_tomorrow": 1}, []),
        ({"class": "a.B", "lines_sha256": "1", "device": "cpu"}, ["client"]),
        ({"class": "a.A", "lines_sha256": "2", "device": "cpu"}, ["client"]),
        ({"class": "a.A", "device": "cpu"}, ["client"]),
    ],
)
def test_a_member_is_another_one_by_its_class_and_digests_alone(now, expected):
    before = {"client": {"class": "a.A", "lines_sha256": "1", "device": "cpu"}}
    assert changed_roles(before, {"client": now, "painter": {"class": "p.P"}}) == expected


def test_changed_members_are_named_in_the_order_of_the_roles():
    before, now = ({role: {"class": f"{name}.{role}"} for role in reversed(ROLES)} for name in ("one", "other"))
    assert changed_roles(before, now) == list(ROLES)
