"""The bearer token that a service may require. It is read from the environment only, and never shown."""

import hmac
from typing import Annotated

from fastapi import Depends, params
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.errors import Refusal
from mirror.secrets import TOKEN


def bearer(token: str | None) -> list[params.Depends]:
    """The FastAPI dependencies of a route that requires `token`; empty if it is None."""
    if token is None:
        return []
    scheme = HTTPBearer(auto_error=False, description=f"the value of {TOKEN} on the server")

    async def check(sent: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]) -> None:
        if sent is None or not hmac.compare_digest(sent.credentials.encode(), token.encode()):
            found = "found none" if sent is None else "found another one"
            message = f"this service asks for a bearer token, {found}; set {TOKEN} to the value it has on the server"
            raise Refusal("unauthorized", message, {"WWW-Authenticate": "Bearer"})

    return [Depends(check)]
