"""The filters that the command loads; that it serves them is shown by tests/api/test_commands.py."""

import pytest

from api.verification.__main__ import load
from api.verification.app import VerificationSettings


def test_the_filters_are_those_of_the_settings_with_their_thresholds():
    settings = VerificationSettings(relevance_threshold=0.11, identity_threshold=0.22, device="cpu")
    facts = load(settings).facts()
    assert (facts["relevance"]["model"], facts["relevance"]["threshold"]) == (settings.relevance_model, 0.11)
    assert facts["safety"]["model"] == settings.safety_model and facts["identity"]["threshold"] == 0.22


@pytest.mark.parametrize("name", ["safety_model", "relevance_model", "face_pack"])
def test_a_model_that_is_not_there_is_named(name):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(VerificationSettings(**{name: "./nowhere"}))
