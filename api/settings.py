"""Settings of both services, as options and environment variables. Secrets are not settings (`api.access`)."""

import sys
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ServiceSettings(BaseSettings):
    """Address and limits of a service. Each service adds its models and its port."""

    model_config = SettingsConfigDict(
        frozen=True,
        cli_kebab_case=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        cli_show_env_vars=True,
        cli_parse_none_str="none",
        env_parse_none_str="none",
    )

    host: str = Field(
        "127.0.0.1", description="the address to listen at; any but a loopback address should have a token"
    )
    port: int = Field(0, ge=0, le=65535, description="0 takes a free one")
    workers: Count = Field(1, description="processes that answer, one per GPU; each has models and limits of its own")
    max_batch: Count = Field(8, description="the most requests in one batch of the models")
    max_wait_ms: float = Field(5, ge=0, le=1000, description="how long a request waits for others to join its batch")
    queue: Count = Field(64, description="the most requests between arrival and answer; further ones are told `busy`")
    header_seconds: Seconds = Field(10, description="for the header of a request to arrive, before the token is known")
    upload_seconds: Seconds = Field(30, description="for the body of a request to arrive")
    request_seconds: Seconds = Field(60, description="for the answer; also a limit for the body")
    max_connections: Count = Field(
        256, description="open ones; beyond, those that wait longest for a header are closed"
    )
    max_body_bytes: Count = Field(16 * 2**20, description="of a whole request")
    bytes_at_once: Count = Field(256 * 2**20, description="of all bodies under way; beyond, requests are told `busy`")
    max_text: Count = Field(2000, description="characters of a text")
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto, cpu, cuda or cuda:<number>")

    @model_validator(mode="after")
    def _check_budgets(self) -> Self:
        if self.bytes_at_once < self.max_body_bytes:
            raise ValueError(
                f"bytes_at_once must hold a body of max_body_bytes, {self.max_body_bytes}, found {self.bytes_at_once}"
            )
        return self

    @classmethod
    def from_command_line(cls, program: str, words: Sequence[str] | None = None) -> Self:
        """Reads the environment and the command line; exits with status 2 and a message if a setting is invalid.

        Args:
            program: its name in messages.
            words: of the command line; None: those of this process.
        """
        words = sys.argv[1:] if words is None else list(words)
        try:
            return cls(_cli_parse_args=words, _cli_prog_name=program)  # type: ignore[call-arg]  # of BaseSettings
        except ValidationError as error:
            faults = [cls._explain(fault) for fault in error.errors()]
        except SettingsError as error:
            faults = [str(error)]
        print("\n".join(f"{program}: {fault}" for fault in faults), file=sys.stderr)
        raise SystemExit(2)

    @classmethod
    def _explain(cls, fault: ErrorDetails) -> str:
        if not fault["loc"]:  # a rule over several settings, named in its message
            return fault["msg"].removeprefix("Value error, ")
        name = str(fault["loc"][0])
        rule = cls.model_fields[name].description if fault["type"] == "string_pattern_mismatch" else ""
        rule = rule or fault["msg"].removeprefix("Input should be ")
        where = f"--{name.replace('_', '-')} (or {cls.model_config['env_prefix']}{name.upper()})"
        return f"{where} must be {rule}, found {fault['input']!r}"
