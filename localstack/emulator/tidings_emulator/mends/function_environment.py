"""A function sees the variables of its configuration and those of Lambda, and nothing of the machine it runs on."""

from __future__ import annotations

import os
from typing import Any

from ministack.services import lambda_svc

from tidings_emulator.mends.base import Mend, expect_function, expect_source

# What a native process needs here, and Lambda sets in its own way.
FROM_THE_MACHINE = frozenset({"PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"})
# What the emulator sets for each function, under names which the machine may have set too.
FROM_LAMBDA = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "_HANDLER",
        "LAMBDA_TASK_ROOT",
    }
)


def _check() -> None:
    expect_function(lambda_svc, "_provided_worker_env", ["config", "code_dir", "port"])
    expect_function(lambda_svc, "_runtime_env_vars", ["config"])
    expect_source(lambda_svc._provided_worker_env, "dict(os.environ)")


def _apply() -> None:
    build = lambda_svc._provided_worker_env

    def build_clean(config: dict[str, Any], code_dir: str, port: int) -> dict[str, str]:
        declared = lambda_svc._runtime_env_vars(config)
        kept = {
            name: value
            for name, value in build(config, code_dir, port).items()
            if name not in os.environ
            or name in declared
            or name in FROM_THE_MACHINE
            or name in FROM_LAMBDA
            or name.startswith("AWS_LAMBDA_")
        }
        kept.setdefault("TZ", ":UTC")
        name = config.get("FunctionName", "unknown")
        kept["AWS_LAMBDA_LOG_GROUP_NAME"] = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
        kept["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand"
        return kept

    lambda_svc._provided_worker_env = build_clean


MEND = Mend(
    name="function environment",
    why="stock functions inherit the variables of the launcher, so one missing in the template goes unnoticed",
    check=_check,
    apply=_apply,
)
