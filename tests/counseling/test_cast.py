"""The cast of a session: what each member reports, and which of them is another one now."""

import pytest

from mirror.counseling.cast import ROLES, Cast, changed_roles


class Member:
    batch_sizes = (1, 2, 4)  # of a painter

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


@pytest.mark.parametrize(("ahead", "pictures"), [(0, 4), (2, 6)])
def test_those_with_models_are_warmed_up_for_the_sessions(ahead, pictures):
    members = {role: Member() for role in ROLES}
    Cast(**members, ahead=ahead).warm_up(3)
    warmed = {"describer": [3], "painter": [pictures], "counselor": [3]}
    assert {role: member.warmed for role, member in members.items()} == dict.fromkeys(ROLES, []) | warmed


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
