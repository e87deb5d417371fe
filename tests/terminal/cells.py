"""Cells of notebooks for tests, and what became of them."""

import json

PROGRESS = (
    "from mirror.progress_bar import progress_bar\n"
    "with progress_bar('counting', 'things', 2) as bar:\n"
    "    bar.update(2)\n"
    "    bar.set_postfix_str('1 of 2 faces accepted, $0.01')"
)


def traceback_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "".join(line for cell in cells for out in cell.get("outputs", ()) for line in out.get("traceback", ()))
