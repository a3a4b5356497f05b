// No web page can use the emulator of somebody who opens it: a page of another origin tries every way that a browser has.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, request } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { start } from "./browser.mjs";
import { folder } from "./pages.mjs";

const program = process.env.DESKSTATE ?? join(folder, "..", "debug", "deskstate");
let emulator, url, foreign, origin, browser, stop;

/** As a program would: without the headers that only browsers send. */
const call = async (method, path, body) => {
  const sent = request(url + path, { method, headers: body === undefined ? {} : { "content-type": "application/json" } });
  sent.end(body);
  const [reply] = await once(sent, "response");
  let text = "";
  for await (const chunk of reply) text += chunk;
  return { status: reply.statusCode, text };
};

before(async () => {
  emulator = spawn(program, ["emulator", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(createInterface(emulator.stdout), "line");
  url = line.match(/http:\S+/)[0].replace(/\/$/, "");
  foreign = createServer((_, reply) => reply.setHeader("content-type", "text/html").end("<!DOCTYPE html><title>page</title>"));
  foreign.listen(0, "127.0.0.1");
  await once(foreign, "listening");
  origin = `http://127.0.0.1:${foreign.address().port}`;
  ({ browser, stop } = await start("--host-resolver-rules=MAP page.example 127.0.0.1"));
});
after(async () => {
  emulator?.kill();
  foreign?.close();
  await stop?.();
});

const row = JSON.stringify({ msdyn_uniquename: "contoso_page", msdyn_name: "page" });
const writes = [
  ["POST", "/__emulator/reset", ""],
  ["POST", "/__emulator/load", "{}"],
  ["POST", "/api/data/v9.2/msdyn_sessiontemplates", row],
];

test("a page of another origin changes and learns nothing", async () => {
  assert.equal((await call("POST", "/api/data/v9.2/msdyn_sessiontemplates", row.replace("contoso_page", "contoso_kept"))).status, 204);
  const before = (await call("GET", "/__emulator/dump")).text;
  assert.ok(before.includes("contoso_kept"));
  const page = await browser.newPage();
  await page.goto(origin);
  for (const target of [url, url.replace("127.0.0.1", "localhost")]) {
    const learned = await page.evaluate(
      async ([target, writes]) => {
        const learned = [];
        const attempt = async (path, options) => {
          try {
            const reply = await fetch(target + path, options);
            learned.push(reply.type === "opaque" ? "" : await reply.text());
          } catch {
            // refused, as it should be
          }
        };
        for (const [method, path, body] of writes) {
          await attempt(path, { method, body, mode: "no-cors", headers: { "content-type": "text/plain" } });
          await attempt(path, { method, body: new Blob([body]), mode: "no-cors" });
          await attempt(path, { method, body: new URLSearchParams({ a: body }), mode: "no-cors" });
          await attempt(path, { method, body, headers: { "content-type": "application/json" } });
          navigator.sendBeacon(target + path, body);
        }
        await attempt("/__emulator/dump", {});
        await attempt("/api/data/v9.2/WhoAmI", {});
        return learned.join("");
      },
      [target, writes],
    );
    assert.equal(learned, "");
  }
  for (const [, path, body] of writes) {
    await page.goto(origin);
    await page.evaluate(
      ([action, body]) => {
        const form = Object.assign(document.createElement("form"), { method: "POST", action, enctype: "text/plain" });
        form.append(Object.assign(document.createElement("input"), { name: body, value: "" }));
        document.body.append(form);
        form.submit();
      },
      [url + path, body],
    );
    await page.waitForURL(url + path);
    assert.match(await page.textContent("body"), /cannot use this emulator/);
  }
  await page.close();
  assert.equal((await call("GET", "/__emulator/dump")).text, before);
});

test("a name of a page that points at this machine is no name of the emulator", async () => {
  const page = await browser.newPage();
  const rebound = url.replace("127.0.0.1", "page.example");
  const reply = await page.goto(`${rebound}/__emulator/dump`);
  assert.equal(reply.status(), 403);
  assert.ok(!(await reply.text()).includes("contoso_kept"));
  await page.close();
});

test("a person reads what they type the address of", async () => {
  const page = await browser.newPage();
  const reply = await page.goto(`${url}/__emulator/stats`);
  assert.equal(reply.status(), 200);
  assert.equal((await page.goto(`${url}/devicelogin`)).status(), 200);
  await page.close();
});
