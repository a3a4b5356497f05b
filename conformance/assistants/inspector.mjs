// The inspector of the Model Context Protocol, as published, against `deskstate mcp`.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const inspector = fileURLToPath(new URL("node_modules/.bin/mcp-inspector", import.meta.url));
const server = [process.env.DESKSTATE, "mcp", "-C", process.env.PROJECT];

async function inspect(...options) {
	const { stdout } = await promisify(execFile)(inspector, ["--cli", ...server, ...options], { timeout: 60_000, maxBuffer: 1 << 24 });
	return JSON.parse(stdout);
}

const call = (tool, ...given) =>
	inspect("--method", "tools/call", "--tool-name", tool, ...given.flatMap((argument) => ["--tool-arg", argument]));

const checks = [];
const check = (name, run) => checks.push({ name, run });

check("the inspector lists the tools", async () => {
	const { tools } = await inspect("--method", "tools/list");
	assert.equal(tools.length, 12);
	assert.ok(tools.every((tool) => tool.annotations.readOnlyHint));
});

check("the inspector calls a tool", async () => {
	const result = await call("plan", "environment=local");
	assert.notEqual(result.isError, true);
	assert.equal(result.structuredContent.state, "different");
	assert.ok(result.structuredContent.untrusted.note);
});

check("the inspector gets an error as a result", async () => {
	const result = await call("plan", "environment=prod");
	assert.equal(result.isError, true);
	assert.equal(result.structuredContent.error.code, "not-opened");
});

check("the inspector gets a page and the next one", async () => {
	const first = await call("list");
	const second = await call("list", `cursor=${first.structuredContent.nextCursor}`);
	assert.notDeepEqual(first.structuredContent.items, second.structuredContent.items);
	assert.equal(first.structuredContent.total, second.structuredContent.total);
});

let failed = 0;
for (const { name, run } of checks) {
	try {
		await run();
		console.log(`ok - ${name}`);
	} catch (error) {
		failed += 1;
		console.log(`not ok - ${name}: ${String(error.message).replaceAll("\n", " ").slice(0, 400)}`);
	}
}
process.exit(failed > 0 ? 1 : 0);
