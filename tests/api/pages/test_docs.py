"""The documentation in a browser without a network: it is drawn, asks this service alone, and calls it."""

import gzip
import hashlib

import pytest
import requests

from api.pages.docs import FILES, SWAGGER
from tests.axe import findings
from tests.browser import wait_for
from tests.servers import ScriptedVerifier, verification_service

# Of Swagger UI's own structure: its headings, its paths within buttons, and that it has no landmarks.
OF_SWAGGER = ["heading-order", "nested-interactive", "region"]


@pytest.mark.slow
def test_the_documentation_is_drawn_by_files_of_the_service_alone(page):
    with verification_service(ScriptedVerifier()) as url:
        page.open(f"{url}/docs")
        assert wait_for(lambda: page.evaluate("document.querySelectorAll('.opblock').length")) == 3
        assert findings(page, without=OF_SWAGGER) == []
        page.evaluate("document.querySelector('#operations-default-read_health_health_get button').click()")
        for step in (".try-out__btn", ".execute"):
            there = f"document.querySelector('{step}') && (document.querySelector('{step}').click(), true)"
            wait_for(lambda there=there: page.evaluate(there))
        answered = "document.querySelector('.live-responses-table tbody .response-col_status')?.textContent"
        assert wait_for(lambda: page.evaluate(answered)).startswith("200")
        assert page.requests and all(one.startswith((url, f"blob:{url}")) for one in page.requests)
        assert page.problems == []


def test_the_files_are_swagger_s_and_those_of_the_readme_s_licence():
    with verification_service(ScriptedVerifier()) as url:
        for name, (kind, own) in FILES.items():
            response = requests.get(f"{url}/docs/{name}", timeout=10)
            assert response.headers["content-type"].startswith(kind) and response.headers["x-content-type-options"]
            expected = gzip.decompress((SWAGGER / f"{name}.gz").read_bytes())
            assert response.content == expected + ((SWAGGER / own).read_bytes() if own else b"")
        assert requests.get(f"{url}/docs/../settings.py", timeout=10).status_code == 404
    assert "Apache License" in (SWAGGER / "LICENSE").read_text()
    # Unchanged from swagger-ui-dist 5.35.0.
    script = gzip.decompress((SWAGGER / "swagger-ui-bundle.js.gz").read_bytes())
    assert hashlib.sha256(script).hexdigest() == "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2"
