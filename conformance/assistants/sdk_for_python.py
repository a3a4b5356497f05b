"""The Python SDK of the Model Context Protocol, as published, against `deskstate mcp`."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from mcp import ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client

sys.path.insert(0, str(Path(__file__).parent.parent))

from check import check, equal, run

PROJECT = os.environ["PROJECT"]
SERVER = StdioServerParameters(
    command=os.environ["DESKSTATE"],
    args=["mcp", "-C", PROJECT, "--log", os.environ["AUDIT"]],
)
CALLS = {
    "list": {},
    "validate": {"files": [{"path": "manifests/new.yaml", "text": "kind: [\n"}]},
    "explain": {"subject": "SessionTemplate"},
    "schema": {"name": "SessionTemplate"},
    "plan": {"environment": "local"},
    "drift": {"environment": "local"},
    "who": {"environment": "local", "user": "ada@contoso.com"},
    "diff": {"from": "local", "to": "copy"},
    "check": {"environment": "local"},
    "export": {"environment": "local", "what": ["SessionTemplate/CTI_createSession"]},
    "preview": {},
    "propose": {"change": "adopt", "environment": "local"},
}


def in_session(work):
    async def inner():
        async with stdio_client(SERVER) as streams:
            async with ClientSession(*streams) as session:
                started = await session.initialize()
                return await work(session, started)

    return asyncio.run(inner())


def files():
    return {
        str(path): path.read_bytes() for path in sorted(Path(PROJECT).rglob("*")) if path.is_file()
    }


@check
def it_shakes_hands_and_lists_read_only_tools():
    async def work(session, started):
        equal(started.server_info.name, "deskstate")
        listed = await session.list_tools()
        equal(sorted(tool.name for tool in listed.tools), sorted(CALLS))
        for tool in listed.tools:
            equal(tool.annotations.read_only_hint, True)
            equal(tool.input_schema["type"], "object")
            assert tool.output_schema, tool.name

    in_session(work)


@check
def every_tool_answers_by_its_schema_and_changes_no_file():
    before = files()

    async def work(session, _):
        await session.list_tools()
        for tool, arguments in CALLS.items():
            # The client checks the structured content against the schema.
            result = await session.call_tool(tool, arguments)
            assert not result.is_error, (tool, result.content)
            assert result.structured_content["summary"], tool
            assert result.content[0].text.startswith(result.structured_content["summary"]), tool

    in_session(work)
    equal(files(), before)


@check
def errors_are_results_with_a_code_and_a_next_step():
    async def work(session, _):
        for tool, arguments, code in [
            ("plan", {"environment": "prod"}, "not-opened"),
            ("plan", {}, "invalid-arguments"),
            ("explain", {"subject": "SessionTemplat"}, "failed"),
            ("list", {"cursor": "x"}, "outdated-cursor"),
        ]:
            result = await session.call_tool(tool, arguments)
            equal((tool, result.is_error), (tool, True))
            equal(result.structured_content["error"]["code"], code)
            assert result.structured_content["error"]["next"], tool
        try:
            await session.call_tool("apply", {})
        except MCPError:
            return
        raise AssertionError("an unknown tool was called")

    in_session(work)


@check
def large_results_come_in_pages():
    async def work(session, _):
        names, cursor, pages = [], None, 0
        while True:
            arguments = {"cursor": cursor} if cursor else {}
            result = await session.call_tool("list", arguments)
            page = result.structured_content
            names += [item["name"] for item in page["items"] if item["type"] == "resource"]
            pages += 1
            cursor = page.get("nextCursor")
            if not cursor:
                break
        assert pages > 3, pages
        assert len(names) == len(set(names)) > 200, len(names)

    in_session(work)


@check
def a_call_that_is_given_up_is_cancelled_and_the_next_one_is_answered():
    async def work(session, _):
        began = time.monotonic()
        plan = asyncio.create_task(session.call_tool("plan", {"environment": "silent"}))
        await asyncio.sleep(1)
        plan.cancel()
        try:
            await plan
        except asyncio.CancelledError:
            pass
        result = await session.call_tool("explain", {"subject": "AppProfile"})
        assert not result.is_error, result.content
        assert time.monotonic() - began < 20, "the cancelled call went on"

    in_session(work)


@check
def calls_are_on_record():
    entries = [json.loads(line) for line in Path(os.environ["AUDIT"]).read_text().splitlines()]
    assert {entry["tool"] for entry in entries} >= set(CALLS), entries
    assert any(entry["outcome"] == "not-opened" for entry in entries)


run()
