// The pictures of the book and of the README, made of the same pages that the other tests open.
// `UPDATE_PICTURES=1 e2e/run` writes them to docs/pictures; without it, the test tells which are missing, stale in size or used nowhere.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { marked } from "marked";
import { open, start } from "./browser.mjs";
import { folder, root, write, writeByHand, writeKinds } from "./pages.mjs";

const kept = join(root, "docs", "pictures");
const view = { viewport: { width: 1000, height: 800 }, deviceScaleFactor: 1.25, colorScheme: "light" };
const made = new Set();
let pages, browser, stop;

before(async () => {
  pages = write();
  pages.byHand = await writeByHand();
  ({ browser, stop } = await start());
  mkdirSync(kept, { recursive: true });
});
after(() => stop?.());

const size = (png) => [png.readUInt32BE(16), png.readUInt32BE(20)];

const keep = (name, png) => {
  made.add(`${name}.png`);
  const path = join(kept, `${name}.png`);
  if (process.env.UPDATE_PICTURES) writeFileSync(path, png);
  const [width, height] = size(readFileSync(path));
  const [wide, high] = size(png);
  assert.equal(width, wide, `${name}.png is another page: run UPDATE_PICTURES=1 e2e/run`);
  assert.ok(Math.abs(height - high) <= 0.1 * high, `${name}.png is ${height} high, the page ${high}: run UPDATE_PICTURES=1 e2e/run`);
};

/** Keeps the area that these elements cover, with a margin. */
const shot = (name, path, selectors, prepare = async () => {}, wide = 1000) =>
  test(`a picture of ${name}`, async () => {
    const { page, problems, close } = await open(browser, path(), { ...view, viewport: { width: wide, height: 800 } });
    try {
      await prepare(page);
      const boxes = [];
      for (const selector of selectors) boxes.push(await page.locator(`${selector}:visible`).first().boundingBox());
      const top = Math.max(0, Math.min(...boxes.map((box) => box.y)) - 16);
      const bottom = Math.max(...boxes.map((box) => box.y + box.height)) + 16;
      // A toast lies over the page, so only the toast itself is shown.
      const tight = selectors.includes(".toast");
      const x = tight ? boxes[0].x - 16 : 0;
      const width = tight ? boxes[0].width + 32 : wide;
      keep(name, await page.screenshot({ fullPage: true, clip: { x, y: top, width, height: bottom - top } }));
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

shot("plan", () => pages.plan, ["header", "#changes"]);
shot("plan-desktop", () => pages.plan, ["#desktop .notices", "#desktop .frame"]);
shot("drift", () => pages.byHand, ["header", "#changes"]);
shot("fleet", () => pages.fleet, ["header", "#matrix"]);
shot("preview", () => pages.preview, [".frame"]);
// The page shows the graph as wide as its text; all of it fits into a wide window.
shot("graph", () => pages.plan, ["#graph"], async () => {}, 1500);

const session = (name) => (page) => page.locator(".frame:visible").getByRole("button", { name }).click();
const kinds = {
  AppProfile: [[".frame"], session(/leaks/)],
  SessionTemplate: [[".frame"]],
  ApplicationTab: [[".frame"], session("Orders")],
  NotificationTemplate: [[".toast"]],
  ChannelProvider: [[".frame"], session(/Call with/)],
  ProductivityPane: [[".frame"], session(/leaks/)],
  AgentScript: [[".frame"], session(/leaks/)],
};
writeKinds(Object.keys(kinds));
for (const [kind, [selectors, prepare]] of Object.entries(kinds)) {
  shot(`kind-${kind}`, () => join(folder, `kind-${kind}.html`), selectors, prepare);
}

test("a picture of the comment on a pull request", async () => {
  // The host renders the Markdown; its frame is drawn here, so that nobody takes it for a copy of a real page.
  const style = `body { font: 14px/1.5 "Liberation Sans", sans-serif; color: #1f2328; margin: 24px; }
    article { border: 1px solid #d1d9e0; border-radius: 6px; max-width: 900px; }
    article > header { background: #f6f8fa; border-bottom: 1px solid #d1d9e0; padding: 8px 16px; }
    article > div { padding: 4px 16px 8px; } table { border-collapse: collapse; } th, td { border: 1px solid #d1d9e0; padding: 4px 12px; }
    pre { background: #f6f8fa; padding: 12px; border-radius: 6px; } code { font: 12px "Liberation Mono", monospace; background: #f6f8fa; }
    del { color: #d1242f; } details { margin: 8px 0; }`;
  const path = join(folder, "comment.html");
  const head = "<header><b>deskstate</b> commented on this pull request</header>";
  writeFileSync(path, `<!doctype html><html lang="en"><title>comment</title><style>${style}</style><article>${head}<div>${marked.parse(pages.comment.replaceAll("<details>", "<details open>"))}</div></article>`);
  const { page, problems, close } = await open(browser, path, view);
  try {
    keep("comment", await page.locator("article").screenshot());
    assert.deepEqual(problems, []);
  } finally {
    await close();
  }
});

test("every picture is made here, and is shown on a page", () => {
  assert.deepEqual(readdirSync(kept).filter((name) => name.endsWith(".png") && !name.startsWith("editor-")).sort(), [...made].sort());
  const files = ["README.md", ...readdirSync(join(root, "docs"), { recursive: true }).map((name) => join("docs", name))];
  const text = files.filter((name) => name.endsWith(".md")).map((name) => readFileSync(join(root, name), "utf8")).join("\n");
  for (const name of made) assert.ok(text.includes(`pictures/${name}`), `no page shows ${name}`);
});
