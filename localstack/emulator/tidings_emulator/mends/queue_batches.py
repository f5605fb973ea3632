"""A batch of messages is sent by whoever may send one."""

from __future__ import annotations

from ministack.core import iam_actions

from tidings_emulator.mends.base import Mend, expect_function, expect_source

# AWS knows no action of the name of a batch: the action of its parts allows it.
ACTIONS = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}


def _check() -> None:
    expect_function(iam_actions, "_action_from_target", ["headers"])
    expect_source(iam_actions.extract_iam_action, "_action_from_target(headers)")


def _apply() -> None:
    stock = iam_actions._action_from_target

    def action_from_target(headers: dict[str, str]) -> str | None:
        action = stock(headers)
        if action and headers.get("x-amz-target", "").startswith("AmazonSQS."):
            return ACTIONS.get(action, action)
        return action

    iam_actions._action_from_target = action_from_target


MEND = Mend(
    name="queue batches",
    why="the stock emulator asks roles for actions that AWS does not have, so a right role is refused a batch",
    check=_check,
    apply=_apply,
)
