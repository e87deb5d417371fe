"""Both services keep to their own OpenAPI, whatever is sent: schemathesis against real servers."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.servers import ScriptedDescriber, ScriptedVerifier, description_service, picture, verification_service

PICTURES = [picture(200), picture(10, "JPEG"), picture(90, "WEBP"), picture()[:-30], b"", picture(1, "GIF")]
schemathesis.openapi.format("binary", st.sampled_from(PICTURES) | st.binary(max_size=100))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    allow_header_conformance,
    ignored_auth,
]
BOUNDED = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TOKEN = "a-token"


def check(url, checks):
    """Sends generated requests, valid and not, to every operation that the service declares; the statuses they met."""
    seen = set()
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    for operation in schema.get_all_operations():
        operation = operation.ok()

        @BOUNDED
        @given(case=st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode)))
        def keeps_to_the_schema(case):
            response = case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=checks)
            seen.add((case.operation.path, response.status_code))

        keeps_to_the_schema()
    return seen


@pytest.mark.slow
def test_verification_keeps_to_its_schema():
    with verification_service(ScriptedVerifier(), TOKEN) as url:
        seen = check(url, CHECKS)
    assert seen >= {("/", 200), ("/health", 200), *(("/verify", status) for status in (200, 401, 415, 422))}


@pytest.mark.slow
def test_description_keeps_to_its_schema():
    with description_service(ScriptedDescriber(), TOKEN) as url:
        seen = check(url, [*CHECKS, negative_data_rejection])
    assert seen >= {("/", 200), ("/health", 200), *(("/describe", status) for status in (200, 400, 401, 422))}
