// A person signs in with a browser against the emulator's directory over TLS, in every way that can end.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { start } from "./browser.mjs";
import { folder } from "./pages.mjs";

const program = process.env.DESKSTATE ?? join(folder, "..", "debug", "deskstate");
let place, emulator, browser, stop;

before(async () => {
  place = mkdtempSync(join(tmpdir(), "deskstate-sign-in-"));
  const authority = join(place, "ca.pem");
  emulator = spawn(program, ["emulator", "--listen", "127.0.0.1:0", "--sign-in", "required", "--tls-ca-out", authority], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(createInterface(emulator.stdout), "line");
  const url = line.match(/https:\S+/)[0].replace(/\/$/, "");
  writeFileSync(
    join(place, "deskstate.yaml"),
    `apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: desk}\nspec:\n  environments:\n    prod:\n      url: ${url}\n`,
  );
  ({ browser, stop } = await start());
});
after(async () => {
  emulator?.kill();
  await stop?.();
  rmSync(place, { recursive: true, force: true });
});

/** Starts a command that signs in; gives the page that it asks the person to open, and how it ends. */
const signingIn = async (more = {}) => {
  const command = spawn(program, ["doctor", "--env", "prod", "--sign-in", "browser", "--ca-file", "ca.pem"], {
    cwd: place,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, NO_COLOR: "1", AZURE_CLIENT_ID: "0c0f0000-0000-4000-8000-000000000a03", ...more },
  });
  let out = "";
  let err = "";
  const page = new Promise((found) => {
    command.stderr.on("data", (data) => {
      err += data;
      const address = err.match(/open (https:\S+)\n/);
      if (address) found(address[1]);
    });
  });
  command.stdout.on("data", (data) => (out += data));
  const ended = once(command, "close").then(([code]) => ({ code, out, err }));
  const early = ended.then((said) => Promise.reject(new Error(`it ended without a page: ${JSON.stringify(said)}`)));
  early.catch(() => {});
  return { page: await Promise.race([page, early]), ended };
};

const opened = async (address) => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(address);
  return { page, close: () => context.close() };
};

const answered = async (address, button) => {
  const { page, close } = await opened(address);
  await page.getByLabel("User").fill("admin@contoso.com");
  await page.getByRole("button", { name: button }).click();
  await page.waitForURL(/^http:\/\/localhost:/);
  const text = await page.locator("p").textContent();
  await close();
  return text;
};

const failed = ({ code, err }, why) => {
  assert.equal(code, 1, err);
  assert.match(err, /error: .*`browser` got no token/s);
  assert.match(err, why);
  assert.match(err, /help: run the command again and accept on the page.*`--sign-in device-code`.*`az login`/s);
};

test("a person accepts, and the command goes on as that person", async () => {
  const { page, ended } = await signingIn();
  const asked = new URL(page);
  assert.equal(asked.searchParams.get("code_challenge_method"), "S256");
  assert.match(asked.searchParams.get("redirect_uri"), /^http:\/\/localhost:\d+$/);
  assert.match(await answered(page, "Accept"), /You are signed in/);
  const { code, out, err } = await ended;
  assert.equal(code, 0, err);
  assert.match(out, /ok {2}organization/);
  assert.doesNotMatch(out + err, /eyJ/, "no token is shown");
});

test("a person refuses", async () => {
  const { page, ended } = await signingIn();
  assert.match(await answered(page, "Cancel"), /You are not signed in/);
  failed(await ended, /AADSTS65004/);
});

test("a person closes the window, and the command stops waiting", async () => {
  const { page, ended } = await signingIn({ DESKSTATE_SIGN_IN_WAIT: "4" });
  const window = await opened(page);
  await window.close();
  failed(await ended, /nobody signed in within 4 s/);
});

test("a page that is never opened runs into the time limit", async () => {
  const begun = Date.now();
  const { ended } = await signingIn({ DESKSTATE_SIGN_IN_WAIT: "2" });
  failed(await ended, /nobody signed in within 2 s/);
  assert.ok(Date.now() - begun < 20_000);
});

test("an answer with another state is refused, and the right one still counts, once", async () => {
  const { page, ended } = await signingIn();
  const redirect = new URL(page).searchParams.get("redirect_uri");
  const forged = await opened(`${redirect}/?code=forged&state=wrong`);
  assert.match(await forged.page.locator("p").textContent(), /does not belong to the sign-in/);
  await forged.page.goto(`${redirect}/?error=access_denied&state=wrong`);
  assert.match(await forged.page.locator("p").textContent(), /does not belong to the sign-in/);
  assert.equal((await fetch(`${redirect}/favicon.ico`)).status, 404);
  assert.match(await answered(page, "Accept"), /You are signed in/);
  const { code, err } = await ended;
  assert.equal(code, 0, err);
  await assert.rejects(forged.page.goto(`${redirect}/?code=second&state=wrong`), /ERR_CONNECTION_REFUSED/);
  await forged.close();
});

test("a redirect that the application did not register is not followed", async () => {
  const { page, ended } = await signingIn({ DESKSTATE_SIGN_IN_WAIT: "4" });
  const elsewhere = new URL(page);
  elsewhere.searchParams.set("redirect_uri", "https://attacker.example");
  const window = await opened(elsewhere.href);
  assert.match(await window.page.locator("body").textContent(), /AADSTS50011/);
  await window.close();
  failed(await ended, /nobody signed in/);
});

test("a port that is taken is said before anybody is asked", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const port = String(taken.address().port);
  await assert.rejects(signingIn({ DESKSTATE_SIGN_IN_PORT: port }), /no port of this machine can take the browser's answer/);
  taken.close();
});
