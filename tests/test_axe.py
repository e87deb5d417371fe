"""axe-core in the tests' browser: it finds what is wrong with a page, also below a strict policy, and asks nobody."""

import pytest

from tests.axe import findings
from tests.browser import CHROMIUM, chromium

PAGE = """<!doctype html><html lang="en"><head><title>A page</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"></head>
<body><main><h1>A page</h1><p id="pale" style="color: #bbb; background: #fff">Too pale to read</p>
<p id="fine">Black on white</p></main></body></html>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; Debian and Ubuntu: apt-get install chromium")
def test_what_breaks_a_rule_is_found_and_nothing_else(tmp_path):
    (tmp_path / "page.html").write_text(PAGE)
    with chromium(tmp_path) as page:
        page.open((tmp_path / "page.html").as_uri())
        (found,) = findings(page)
        assert found.startswith("color-contrast: ") and 'id="pale"' in found
        assert findings(page, within="#fine") == findings(page, without=["color-contrast"]) == []
        assert page.problems == [] and page.requests == []
