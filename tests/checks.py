"""Checks of the doctor, for tests."""


def one(checks):
    """The only one among `checks` that is not met."""
    (check,) = [check for check in checks if not check.is_met]
    return check
