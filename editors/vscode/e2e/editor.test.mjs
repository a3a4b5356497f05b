// The extension, installed from its .vsix into code-server, on a copy of the Tenfold example.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { start } from "../../../e2e/browser.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const folder = join(root, "target", "editor");
const project = join(folder, "tenfold");
const program = process.env.DESKSTATE ?? join(root, "target", "debug", "deskstate");
const server = process.env.CODE_SERVER;
const PATIENCE = 30_000;
let running, browser, stop, page;

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

const settings = {
  "deskstate.path": program,
  "chat.commandCenter.enabled": false,
  "editor.cursorBlinking": "solid",
  "editor.hover.delay": 100000,
  "editor.lightbulb.enabled": "off",
  "editor.minimap.enabled": false,
  "editor.occurrencesHighlight": "off",
  "files.autoSave": "off",
  "files.simpleDialog.enable": true,
  "git.enabled": false,
  "remote.autoForwardPorts": false,
  "security.workspace.trust.banner": "never",
  "security.workspace.trust.startupPrompt": "never",
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "window.commandCenter": false,
  "workbench.activityBar.location": "hidden",
  "workbench.colorTheme": "Default Light Modern",
  "workbench.reduceMotion": "on",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
};

before(async () => {
  rmSync(project, { recursive: true, force: true });
  cpSync(join(root, "examples", "tenfold"), project, { recursive: true });
  for (const name of ["user", "extensions"]) rmSync(join(folder, name), { recursive: true, force: true });
  mkdirSync(join(folder, "user", "User"), { recursive: true });
  writeFileSync(join(folder, "user", "User", "settings.json"), JSON.stringify(settings));
  writeFileSync(join(folder, "config.yaml"), "auth: none\ncert: false\n");
  const places = ["--config", join(folder, "config.yaml"), "--user-data-dir", join(folder, "user"), "--extensions-dir", join(folder, "extensions")];
  execFileSync(process.execPath, [server, ...places, "--install-extension", join(folder, "deskstate.vsix")], { stdio: "pipe" });
  const port = await freePort();
  const options = ["--auth", "none", "--bind-addr", `127.0.0.1:${port}`, "--disable-telemetry", "--disable-update-check"];
  running = spawn(process.execPath, [server, ...places, ...options, project], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve, reject) => {
    running.once("exit", () => reject(new Error("code-server ended")));
    running.stdout.on("data", (text) => String(text).includes("HTTP server listening") && resolve());
  });
  ({ browser, stop } = await start());
  const context = await browser.newContext({ viewport: { width: 1160, height: 700 }, reducedMotion: "reduce", colorScheme: "light" });
  page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(`http://127.0.0.1:${port}/?folder=${encodeURIComponent(project)}`);
  await page.locator(".monaco-workbench").waitFor();
  await page.locator(".explorer-folders-view").waitFor();
  await page.keyboard.press("Control+b");
});

after(async () => {
  await stop?.();
  running?.kill();
});

// What can be looked at afterwards.
let number = 0;
afterEach(() => page.screenshot({ path: join(folder, `after-${++number}.png`) }));

const until = async (what, check) => {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await pause(100);
  }
};

/** Takes a picture for the docs: the upper left part below the title. */
const picture = (name, width, height) =>
  process.env.UPDATE_PICTURES && page.screenshot({ path: join(root, "docs", "pictures", `editor-${name}.png`), clip: { x: 0, y: 30, width, height } });

/** Opens the list of commands. A key that arrives while the editor restarts its extensions is lost. */
const commands = () =>
  until("the list of commands", async () => {
    await page.keyboard.press("F1");
    const input = page.locator(".quick-input-widget input");
    return input.waitFor({ state: "visible", timeout: 3000 }).then(
      () => true,
      () => false,
    );
  });

/** Runs a command by its title. */
const command = async (title) => {
  await commands();
  await page.locator(".quick-input-widget input").fill(`>${title}`);
  await page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first().waitFor();
  await page.keyboard.press("Enter");
};

const choose = async (word) => {
  await page.locator(".quick-input-widget input").fill(word);
  await page.locator(".quick-input-list .monaco-list-row.focused", { hasText: word }).waitFor();
  await page.keyboard.press("Enter");
};

const open = async (file) => {
  await page.keyboard.press("Control+p");
  await page.locator(".quick-input-widget input").fill(file);
  await page.locator(".quick-input-list .monaco-list-row", { hasText: file }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.locator(".tab.active", { hasText: file }).waitFor();
};

/** Puts the cursor behind the first place of a text in the file as it is on the disk. */
const behind = async (file, text) => {
  const whole = readFileSync(join(project, file), "utf8");
  const at = whole.indexOf(text);
  assert.notEqual(at, -1, `${file} has no ${text}`);
  const lines = whole.slice(0, at + text.length).split("\n");
  await page.keyboard.press("Control+g");
  await page.locator(".quick-input-widget input").fill(`:${lines.length}:${lines.at(-1).length + 1}`);
  await page.keyboard.press("Enter");
  await page.locator(".quick-input-widget").waitFor({ state: "hidden" });
};

const keys = async (...all) => {
  for (const key of all) await page.keyboard.press(key);
};

const templates = "manifests/templates.yaml";
const problems = () => page.locator(".markers-panel .monaco-list-row");
const status = () => page.locator(".statusbar-item", { hasText: "tenfold-desk:" });

const templatesTab = () => page.locator(".tab", { hasText: "templates.yaml" }).first();

const preview = async () => {
  for (const frame of page.frames()) {
    if (await frame.locator("[data-screens]").count().catch(() => 0)) return frame;
  }
  return undefined;
};

test("the status bar has the project and its environment", async () => {
  await open("templates.yaml");
  await status().waitFor();
  assert.match(await status().textContent(), /tenfold-desk: base/);
  await command("deskstate: Choose Environment");
  await choose("prod");
  await until("the environment", async () => /tenfold-desk: prod/.test(await status().textContent()));
});

test("a misspelt word is reported, and fixed", async () => {
  await command("Problems: Focus on Problems View");
  await page.locator(".markers-panel", { hasText: "No problems" }).waitFor();
  await open("templates.yaml");
  await behind(templates, "communicationPanelMode: Dock");
  await keys("Backspace");
  await problems().filter({ hasText: "did you mean `Docked`?" }).waitFor();
  await page.locator(".squiggly-error").first().waitFor();
  await picture("finding", 760, 520);
  await until("the fix", async () => {
    await keys("Escape", "Control+.");
    const fix = page.locator(".action-widget", { hasText: "Change to `Docked`" });
    return fix.waitFor({ timeout: 3000 }).then(() => true, () => false);
  });
  await keys("Enter");
  await until("no finding", async () => (await problems().count()) === 0);
  await keys("Control+s");
});

test("names of the project are completed", async () => {
  await open("templates.yaml");
  await behind(templates, "anchorTab: tenfold_customerSummary");
  await keys(...Array(15).fill("Backspace"), "Control+Space");
  const row = page.locator(".suggest-widget .monaco-list-row", { hasText: "tenfold_customerSummary" });
  await row.waitFor();
  await picture("completion", 760, 330);
  await keys("Enter");
  await keys("Control+s");
  await until("the completed name", () => readFileSync(join(project, templates), "utf8").includes("anchorTab: tenfold_customerSummary\n"));
});

test("a rename reaches every file that uses the name", async () => {
  await open("templates.yaml");
  await behind(templates, "name: CTI_create");
  await keys("F2");
  await page.locator(".rename-box input").fill("CTI_startSession");
  await keys("Enter");
  await page.locator(".rename-box input").waitFor({ state: "hidden" });
  const files = [templates, "manifests/app-profile.yaml", "contracts/tenfold-cif-v2.yaml"];
  await until("the renamed files", async () => {
    await command("File: Save All");
    return files.every((file) => readFileSync(join(project, file), "utf8").includes("CTI_startSession"));
  });
  assert.match(execFileSync(program, ["-C", project, "validate"], { encoding: "utf8" }), /^valid/);
});

test("the preview follows an edit that is not saved, and keeps what was chosen", async () => {
  await open("templates.yaml");
  await command("View: Hide Panel");
  await command("Notifications: Clear All Notifications");
  await command("deskstate: Open Desktop Preview");
  const frame = await until("the preview", preview);
  // The frame is replaced by each picture, so it can vanish while it is read.
  const shown = async () => (await (await preview())?.locator("body").innerText().catch(() => "")) ?? "";
  assert.match(await frame.locator(".facts").innerText(), /as declared for prod/);
  await frame.locator("[data-sample=customer]").evaluate((input) => {
    input.value = "Ada Lovelace";
    input.dispatchEvent(new Event("input"));
  });
  await open("templates.yaml");
  await behind(templates, "  acceptButton: Accept");
  await page.keyboard.type(" call");
  await until("the edit", async () => (await shown()).includes("Accept call"));
  await until("the sample value", async () => (await shown()).includes("Ada Lovelace"));
  assert.ok(!readFileSync(join(project, templates), "utf8").includes("Accept call"));
  await picture("preview", 1160, 670);
  // While the file has an error, the picture stays.
  await page.keyboard.type(": : [");
  await page.locator(".tab", { hasText: "(paused)" }).waitFor();
  await until("the picture stays", async () => (await shown()).includes("Accept call"));
  await keys(...Array(5).fill("Backspace"));
  await until("the picture goes on", async () => (await page.locator(".tab", { hasText: "(paused)" }).count()) === 0);
  // Another environment, another picture.
  await command("deskstate: Choose Environment");
  await choose("local");
  await until("the other environment", async () => (await shown()).includes("as declared for local"));
  await open("templates.yaml");
  await keys("Control+s");
});

/** Waits for a report with this heading. */
const report = (heading) =>
  until(`the report "${heading}"`, async () => {
    for (const frame of page.frames()) if (await frame.locator("h1", { hasText: heading }).count().catch(() => 0)) return true;
    return false;
  });

const button = (name) => page.locator(".notifications-toasts, .monaco-dialog-box").getByRole("button", { name });

test("a workspace that is not trusted contacts no environment", async () => {
  await open("templates.yaml");
  await commands();
  await page.locator(".quick-input-widget input").fill(">deskstate: ");
  const offered = page.locator(".quick-input-list .monaco-list-row");
  await offered.filter({ hasText: "Validate Project" }).waitFor();
  assert.doesNotMatch((await offered.allTextContents()).join("\n"), /Plan|Drift|Adopt/);
  await keys("Escape");
  await command("Workspaces: Manage Workspace Trust");
  await page.locator(".workspace-trust-editor").getByRole("button", { name: "Trust", exact: true }).click();
  await page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor({ state: "detached" });
});

test("plan and drift open as reports", async () => {
  await templatesTab().click();
  await command("deskstate: Plan");
  await report("Plan for local");
  execFileSync(program, ["-C", project, "apply", "--env", "local", "--yes"], { stdio: "pipe" });
  await templatesTab().click();
  await behind(templates, "  acceptButton: Accept");
  await page.keyboard.type(" this");
  await command("deskstate: Show Drift");
  await button("Save and Continue").click();
  await report("Drift of local");
});

test("adopt shows the patch and writes it only when told to", async () => {
  await templatesTab().click();
  const text = () => readFileSync(join(project, templates), "utf8");
  await command("deskstate: Adopt Manual Changes");
  await button("Write to Manifests").waitFor();
  await page.locator(".view-lines", { hasText: "Accept this call" }).first().waitFor();
  assert.match(text(), /acceptButton: Accept this call\n/);
  await button("Write to Manifests").click();
  await until("the adopted value", () => /acceptButton: Accept call\n/.test(text()));
});

test("validate says what it found", async () => {
  await templatesTab().click();
  await command("Notifications: Clear All Notifications");
  await command("deskstate: Validate Project");
  await page.locator(".notifications-toasts", { hasText: "valid: 5 resources for 2 environments" }).waitFor();
  // A file that changes outside the editor counts, too.
  const file = join(project, "manifests", "app-profile.yaml");
  writeFileSync(file, readFileSync(file, "utf8").replace("CTI_startSession", "CTI_strtSession"));
  await page.locator(".tab", { hasText: "(paused)" }).waitFor();
  await command("deskstate: Validate Project");
  await page.locator(".panel .view-lines", { hasText: "CTI_strtSession" }).waitFor();
});

test("without the program, commands that install it are shown", async () => {
  mkdirSync(join(project, ".vscode"));
  writeFileSync(join(project, ".vscode", "settings.json"), JSON.stringify({ "deskstate.path": "/none/deskstate" }));
  await page.locator(".notifications-toasts", { hasText: "does not lead to a program: /none/deskstate" }).waitFor();
  await button("Show Commands").click();
  await page.locator(".quick-input-list .monaco-list-row", { hasText: "pipx install deskstate" }).waitFor();
  await keys("Escape");
});
