"""`/docs`: Swagger UI over the service's `openapi.json`, with the script and the style that lie beside this module."""

import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response

from api.headers import policy_of_docs
from mirror.services.browser import POLICY

SWAGGER = Path(__file__).parent / "swagger"
FILES = {"swagger-ui-bundle.js": ("text/javascript", ""), "swagger-ui.css": ("text/css", "contrast.css")}  # + ours


def add_docs(app: FastAPI, title: str) -> None:
    """Adds the documentation page and its two files to an app."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=title,
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="data:,",
    )
    html = bytes(page.body).replace(b"<html>", b'<html lang="en">', 1)
    headers = {POLICY: policy_of_docs(html)}

    @app.get("/docs", include_in_schema=False)
    async def read_docs() -> HTMLResponse:
        return HTMLResponse(html, headers=headers)

    for name, (media_type, own) in FILES.items():
        app.get(f"/docs/{name}", include_in_schema=False)(_file(name, media_type, own))


def _file(name: str, media_type: str, own: str) -> Callable[[], Awaitable[Response]]:
    content = gzip.decompress((SWAGGER / f"{name}.gz").read_bytes())
    content += (SWAGGER / own).read_bytes() if own else b""

    async def read_file() -> Response:
        return Response(content, media_type=media_type)

    return read_file
