// One browser for all tests. Debian's own; nothing is downloaded.
import { chromium } from "playwright-core";
import { createRequire } from "node:module";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { folder } from "./pages.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pictures = join(folder, "screenshots");

export const start = async (...more) => {
  const profile = mkdtempSync(join(tmpdir(), "deskstate-e2e-"));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      `--crash-dumps-dir=${profile}`, "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync", ...more,
    ],
  });
  mkdirSync(pictures, { recursive: true });
  return { browser, stop: async () => { await browser.close(); rmSync(profile, { recursive: true, force: true }); } };
};

/** Opens a page from the disk. `problems` fills with whatever a console would show and whatever a page would load. */
export const open = async (browser, path, options = {}) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => problems.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("dialog", (dialog) => { problems.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    if (!request.url().startsWith("file:") && !request.url().startsWith("data:")) problems.push(`request: ${request.url()}`);
  });
  await page.goto(pathToFileURL(path).href);
  return { page, problems, close: () => context.close() };
};

/** What axe finds wrong, in short. Its script runs in a world of its own, which the page's policy does not reach. */
export const violations = async (page) => {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
};

export const picture = (page, name, options = {}) => page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true, ...options });
