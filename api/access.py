"""The bearer token that a service may ask for. It comes from the environment alone and is shown nowhere."""

import hmac
from typing import Annotated

from fastapi import Depends, params
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.errors import Refusal
from mirror.services.service import TOKEN


def bearer(token: str | None) -> list[params.Depends]:
    """The dependencies of a route that asks for `token`; none where there is none."""
    if token is None:
        return []
    scheme = HTTPBearer(auto_error=False, description=f"the value of {TOKEN} on the server")

    async def check(sent: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]) -> None:
        if sent is None or not hmac.compare_digest(sent.credentials.encode(), token.encode()):
            found = "found none" if sent is None else "found another one"
            message = f"this service asks for a bearer token, {found}; set {TOKEN} to the value it has on the server"
            raise Refusal("unauthorized", message, {"WWW-Authenticate": "Bearer"})

    return [Depends(check)]
