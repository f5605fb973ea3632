"""Which grant of which role allowed a call is written down; see `grants`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from ministack.core import iam_evaluator

from tidings_emulator.grants import GRANTS, Grant
from tidings_emulator.mends.base import Mend, expect_attributes, expect_function, expect_source

ASSUMED = ":assumed-role/"


def _check() -> None:
    expect_function(iam_evaluator, "_gather_role_policies", ["role_name", "account_id"])
    expect_source(iam_evaluator.resolve_principal, "_gather_role_policies(role_name, account_id)")
    expect_function(iam_evaluator, "_first_match", ["ctx", "stmts", "effect"])
    # A denial is looked for first, so what is found here decides.
    expect_source(iam_evaluator.evaluate, 'allow = _first_match(ctx, layers[0], "Allow")')
    expect_function(
        iam_evaluator,
        "enforce",
        ["access_key_id", "iam_action", "service", "region", "resource_arn", "service_context"],
    )
    expect_function(iam_evaluator, "fnmatch_iam", ["value", "pattern"])
    expect_function(iam_evaluator, "fnmatch_iam_cs", ["value", "pattern"])
    expect_function(iam_evaluator, "_role_name_from_assumed_arn", ["assumed_arn"])
    expect_attributes(iam_evaluator, ["EvalResult"])


def _apply() -> None:
    gather = iam_evaluator._gather_role_policies
    first_match = iam_evaluator._first_match
    enforce = iam_evaluator.enforce

    def gather_marked(role_name: str, account_id: str) -> list[list[Any]]:
        policies = gather(role_name, account_id)
        # Policies of buckets and queues are evaluated by the same code: only what is a role's own has the mark.
        for statement in chain.from_iterable(policies):
            statement.role = role_name
        return policies

    def first_match_noted(ctx: Any, stmts: list[Any], effect: str) -> Any:
        found = first_match(ctx, stmts, effect)
        role = getattr(found, "role", None)
        if role and effect == "Allow":
            action = _pattern(ctx.action, found.actions, iam_evaluator.fnmatch_iam)
            resource = _pattern(ctx.resource_arn, found.resources, iam_evaluator.fnmatch_iam_cs)
            GRANTS.use(Grant(role, action, resource))
        return found

    def enforce_noted(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        denied = enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        # The rest are calls that nobody has signed rightly.
        if isinstance(denied, iam_evaluator.EvalResult) and ASSUMED in denied.principal_arn:
            role = iam_evaluator._role_name_from_assumed_arn(denied.principal_arn)
            GRANTS.deny(Grant(role, iam_action, resource_arn))
        return denied

    iam_evaluator._gather_role_policies = gather_marked
    iam_evaluator._first_match = first_match_noted
    iam_evaluator.enforce = enforce_noted


def _pattern(value: str, patterns: Iterable[str], matches: Callable[[str, str], bool]) -> str:
    """The pattern that counts: the first that matches. None does where the statement says what it is not for."""
    return next((pattern for pattern in patterns if matches(value, pattern)), "*")


MEND = Mend(
    name="role grants",
    why="the stock emulator says what a role lacks, and not what it has too much",
    check=_check,
    apply=_apply,
)
