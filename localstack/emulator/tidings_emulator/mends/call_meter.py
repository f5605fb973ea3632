"""Every call to an AWS API is written down, with the capacity units that DynamoDB would count; see `calls`."""

from __future__ import annotations

import base64
import binascii
import re
import time
from typing import Any

from ministack import app
from ministack.core import router
from ministack.services import apigateway, dynamodb

from tidings_emulator.calls import TOUCHED, Charge, Touched, charge, request_of
from tidings_emulator.journal import CALLS, clipped
from tidings_emulator.mends.base import Mend, expect_attributes, expect_function, expect_source
from tidings_emulator.meter import item_bytes

_APP_ID = re.compile(r"(?:^|\s)app/(\S+)")
_CONNECTION_ACTIONS = {"POST": "PostToConnection", "GET": "GetConnection", "DELETE": "DeleteConnection"}


def _check() -> None:
    expect_function(
        app, "_dispatch_service_request", ["method", "path", "headers", "body", "query_params", "request_id"]
    )
    expect_source(app.app, "await _dispatch_service_request(")
    expect_function(router, "detect_service", ["method", "path", "headers", "query_params"])
    expect_function(
        apigateway, "handle_connections_api", ["method", "api_id", "stage", "connection_id", "body", "headers"]
    )
    expect_function(dynamodb, "_set_item", ["table", "pk_val", "sk_val", "item"])
    expect_function(dynamodb, "_remove_item", ["table", "pk_val", "sk_val"])
    expect_function(dynamodb, "_paginate_evaluated_items", ["items", "limit", "table", "index_name"])
    expect_function(dynamodb, "_apply_index_projection", ["item", "table", "index_name"])
    expect_function(dynamodb, "_get_item_by_key", ["table", "key"])
    expect_function(dynamodb, "_normalize_table_name", ["value"])
    expect_attributes(dynamodb, ["_tables"])
    expect_source(dynamodb._query, "_paginate_evaluated_items(candidates, limit, table, index_name)")


def _apply() -> None:
    _observe_store()
    dispatch = app._dispatch_service_request

    async def dispatch_and_note(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any], request_id: str
    ) -> Any:
        touched = Touched()
        token = TOUCHED.set(touched)
        note = _Note(headers, body)
        try:
            response = await dispatch(method, path, headers, body, query_params, request_id)
        finally:
            TOUCHED.reset(token)
        service = router.detect_service(method, path, headers, query_params)
        note.write(service, _action(method, headers, body, query_params), response, touched)
        return response

    app._dispatch_service_request = dispatch_and_note
    connections = apigateway.handle_connections_api

    async def connections_and_note(
        method: str, api_id: str, stage: str, connection_id: str, body: bytes, headers: dict[str, str]
    ) -> Any:
        note = _Note(headers, body)
        response = await connections(method, api_id, stage, connection_id, body, headers)
        note.write("apigatewaymanagementapi", _CONNECTION_ACTIONS.get(method, method), response, None)
        return response

    apigateway.handle_connections_api = connections_and_note


def _observe_store() -> None:
    set_item, remove_item, paginate = dynamodb._set_item, dynamodb._remove_item, dynamodb._paginate_evaluated_items

    def set_noted(table: dict[str, Any], pk_val: Any, sk_val: Any, item: dict[str, Any]) -> Any:
        if (touched := TOUCHED.get()) is not None:
            touched.writes.append((table, table["items"].get(pk_val, {}).get(sk_val), item))
        return set_item(table, pk_val, sk_val, item)

    def remove_noted(table: dict[str, Any], pk_val: Any, sk_val: Any) -> Any:
        if (touched := TOUCHED.get()) is not None:
            touched.writes.append((table, table["items"].get(pk_val, {}).get(sk_val), None))
        return remove_item(table, pk_val, sk_val)

    def paginate_noted(items: Any, limit: Any, table: dict[str, Any], index_name: str | None = None) -> Any:
        page, more = paginate(items, limit, table, index_name)
        if (touched := TOUCHED.get()) is not None:
            entries = [dynamodb._apply_index_projection(i, table, index_name) for i in page] if index_name else page
            touched.page_bytes += sum(map(item_bytes, entries))
        return page, more

    dynamodb._set_item = set_noted
    dynamodb._remove_item = remove_noted
    dynamodb._paginate_evaluated_items = paginate_noted


class _Note:
    """One call, from its arrival on."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self._number = CALLS.next_number()
        self._start_s = time.time()
        self._headers = headers
        self._body = body

    def write(self, service: str, action: str, response: Any, touched: Touched | None) -> None:
        status, _, answer = response
        answer_bytes = answer.encode() if isinstance(answer, str) else answer
        size = len(answer_bytes) if isinstance(answer_bytes, bytes) else 0
        cost = Charge()
        if service == "dynamodb" and touched is not None:
            cost = charge(action, request_of(self._body), status, answer_bytes, touched)
        entry = {
            "seq": self._number,
            "startMs": round(self._start_s * 1000, 3),
            "endMs": round(time.time() * 1000, 3),
            "service": service,
            "action": action,
            "table": cost.table,
            "appId": _app_id(self._headers),
            "status": status,
            "readUnits": cost.read,
            "writeUnits": cost.write,
            "bytesOut": size,
            "requestBody": clipped(self._body),
        }
        CALLS.write(self._number, entry, _haystack(service, self._body, entry["requestBody"]))


def _action(method: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]) -> str:
    target = headers.get("x-amz-target", "")
    if "." in target:
        return target.rsplit(".", 1)[1]
    if query_params.get("Action"):
        return query_params["Action"][0]
    named = re.search(rb"(?:^|&)Action=(\w+)", body[:2048])
    return named.group(1).decode() if named else method


def _app_id(headers: dict[str, str]) -> str | None:
    for name in ("x-amz-user-agent", "user-agent"):
        found = _APP_ID.search(headers.get(name, ""))
        if found:
            return found.group(1)
    return None


def _haystack(service: str, body: bytes, text: str) -> str:
    """What `contains` looks through: the body, and for Kinesis also the data in it, which is base64."""
    if service != "kinesis":
        return text
    request = request_of(body)
    parts = [request, *(request.get("Records") or [])]
    data = [_decoded(part.get("Data")) for part in parts if isinstance(part, dict)]
    return "\n".join([text, *data])


def _decoded(data: Any) -> str:
    if not isinstance(data, str):
        return ""
    try:
        return clipped(base64.b64decode(data))
    except binascii.Error:
        return ""


MEND = Mend(
    name="call meter",
    why="the stock emulator counts read units wrongly and does not say what it was asked",
    check=_check,
    apply=_apply,
)
