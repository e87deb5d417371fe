"""The names of a client's sessions: `7` for the first one, `7+s2` and so on for those after it.

No identifier of a client holds a `+` (`mirror.transcripts.profile.is_folder_name`), so every name tells its client.
"""

MARK = "+s"


def session_name(idx: str, number: int) -> str:
    """Return the name of a client's session, which is that of its folder.

    Args:
        idx: the client.
        number: of the session, from 1.
    """
    return idx if number == 1 else f"{idx}{MARK}{number}"


def client_of(name: str) -> str:
    """Return the client of a session, by its name."""
    return name.partition(MARK)[0]


def number_of(name: str) -> int:
    """Return the number of a session, from 1, by its name."""
    number = name.partition(MARK)[2]
    return int(number) if number.isdecimal() else 1
