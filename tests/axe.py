"""What axe-core finds in a page of `tests.browser`: rules of WCAG 2 (A and AA) and of good practice that it breaks."""

import json
from pathlib import Path

SOURCE = Path(__file__).parent / "axe_core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def findings(page, within="", without=()):
    """One line per element that breaks a rule: the rule, what it asks for, the element; `[]` if there is none.

    within: a selector of what is looked at, such as a notebook's output; empty for the whole page.
    without: rules that are left out, by name.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(SOURCE.read_text(encoding="utf-8"))
    options = {
        "runOnly": {"type": "tag", "values": TAGS},
        "rules": {rule: {"enabled": False} for rule in without},
        "resultTypes": ["violations"],
    }
    context = json.dumps(within) if within else "document"
    result = page.evaluate(f"axe.run({context}, {json.dumps(options)})")
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]
