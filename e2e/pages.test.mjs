import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { open, picture, start, violations } from "./browser.mjs";
import { folder, write } from "./pages.mjs";

let pages, browser, stop;

before(async () => {
  pages = write();
  ({ browser, stop } = await start());
});
after(() => stop?.());

/** Opens a page, does something with it, and insists that nothing went wrong meanwhile. */
const look = (name, path, options, body) =>
  test(name, async () => {
    const { page, problems, close } = await open(browser, path(), options);
    try {
      await body(page);
      assert.deepEqual(problems, []);
    } finally {
      await close();
    }
  });

const plan = () => pages.plan;
const shown = (page, selector) => page.locator(`${selector}:visible`);

look("search and filters show only what fits, and say how much", plan, {}, async (page) => {
  const all = await shown(page, ".card").count();
  assert.ok(all >= 3, `${all} cards`);
  await page.keyboard.press("/");
  await page.keyboard.type("RINGWAY docked");
  assert.equal(await shown(page, ".card").count(), 1);
  assert.equal(await page.locator("[data-found]").textContent(), `1 of ${all} resources shown.`);
  await picture(page, "search");
  await page.keyboard.type(" nowhere");
  assert.equal(await page.locator("[data-found]").textContent(), "Nothing fits.");
  await page.keyboard.press("Escape");
  assert.equal(await shown(page, ".card").count(), all);
  await page.getByLabel("Kind").selectOption("SessionTemplate");
  assert.equal(await shown(page, ".card").count(), 1);
  await page.getByLabel("Kind").selectOption("");
  await page.getByRole("checkbox", { name: /update/ }).uncheck();
  assert.equal(await shown(page, ".card.update").count(), 0);
});

look("cards fold one by one and all at once", plan, {}, async (page) => {
  await page.getByRole("button", { name: "Collapse all" }).click();
  assert.equal(await page.locator(".card[open]").count(), 0);
  await page.locator(".card summary").first().press("Enter");
  assert.equal(await page.locator(".card[open]").count(), 1);
  await page.getByRole("button", { name: "Expand all" }).click();
  assert.equal(await page.locator(".card:not([open])").count(), 0);
});

look("the desktop shows before and after, and says what an agent will notice", plan, {}, async (page) => {
  const notice = shown(page, ".notice[data-desktop]");
  assert.match(await notice.textContent(), /communication panel Minimized → Docked/);
  assert.match(await notice.textContent(), /tab “Knowledge” opens too/);
  assert.doesNotMatch(await notice.textContent(), /shows something else/);
  await page.getByRole("button", { name: /Call with/ }).first().click();
  assert.equal(await shown(page, ".session-view.docked").count(), 1);
  await page.getByRole("button", { name: /Knowledge/ }).click();
  assert.match(await shown(page, ".page").textContent(), /Web resource/);
  await page.getByRole("radio", { name: "Before" }).check({ force: true });
  assert.equal(await shown(page, ".frame").count(), 1);
  await page.locator(".frame:visible").getByRole("button", { name: /Call with/ }).click();
  assert.equal(await shown(page, ".session-view.minimized").count(), 1);
  assert.equal(await shown(page, ".pane.collapsed").count(), 0);
  await page.getByRole("radio", { name: "After" }).check({ force: true });
  assert.equal(await shown(page, ".pane.collapsed").count(), 1);
});

look("a sample value that is edited shows everywhere at once", plan, {}, async (page) => {
  const samples = page.locator(".samples");
  if (!(await samples.evaluate((details) => details.open))) await samples.locator("summary").click();
  await page.getByLabel("{customer}", { exact: true }).fill("Grace <b>Hopper</b>");
  const texts = await page.locator("[data-slug=customer]").allTextContents();
  assert.ok(texts.length >= 3 && texts.every((text) => text === "Grace <b>Hopper</b>"), texts.join(" | "));
  assert.match(await shown(page, ".toast-title").textContent(), /Grace <b>Hopper<\/b> is calling/);
  await page.getByLabel("{customer}", { exact: true }).fill("");
  assert.match(await shown(page, ".toast-title").textContent(), /{customer} is calling/);
});

look("the notification counts down, pauses, goes away and rings again", plan, {}, async (page) => {
  const left = shown(page, ".toast").locator("[data-left]");
  assert.equal(await shown(page, ".toast").getAttribute("data-seconds"), "4");
  await page.waitForFunction(() => Number(document.querySelector(".toast:not([hidden]) [data-left]").textContent) <= 2);
  await page.getByRole("button", { name: "Pause countdown" }).click();
  const paused = await left.textContent();
  await page.waitForTimeout(1300);
  assert.equal(await left.textContent(), paused);
  await page.getByRole("button", { name: "Go on" }).click();
  const said = page.locator("[data-said]");
  await page.waitForFunction(() => document.querySelector("[data-said]").textContent !== "");
  assert.equal(await said.textContent(), "Nobody answered: the notification went away after 4 seconds.");
  assert.equal(await shown(page, ".toast-card").count(), 0);
  await page.getByRole("button", { name: "Ring again" }).click();
  await shown(page, ".toast").getByRole("button", { name: "Reject" }).click();
  assert.match(await said.textContent(), /^Rejected after \d seconds?\.$/);
});

look("everything can be reached and done by keyboard alone", plan, {}, async (page) => {
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  const reached = new Set();
  for (let step = 0; step < 80; step += 1) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => {
      const { tagName, type, dataset, className } = document.activeElement;
      return [tagName, type, ...Object.keys(dataset), String(className).split(" ")[0]].join(" ");
    }));
  }
  for (const wanted of ["search", "SUMMARY", "SELECT", "radio", "open session", "tab tab", "answer accept", "graph-scroll"]) {
    assert.ok([...reached].some((one) => one.includes(wanted)), `${wanted} is not reached: ${[...reached].join(", ")}`);
  }
});

look("a resource under the pointer lights up what it refers to", plan, {}, async (page) => {
  const node = page.locator(".node", { hasText: "ringway_callSession" }).first();
  await node.scrollIntoViewIfNeeded();
  await node.hover();
  assert.ok((await page.locator(".edge.lit").count()) >= 3);
});

look("drift says what somebody made of it, and on what evidence", () => pages.drift, {}, async (page) => {
  const card = page.locator(".card", { hasText: "ringway_callSession" });
  assert.match(await card.textContent(), /Docked→ becomes Minimized/);
  assert.ok((await card.locator(".verdict").count()) >= 1);
  await page.getByRole("radio", { name: "Live" }).check({ force: true });
  assert.equal(await shown(page, ".frame").count(), 1);
});

look("a fleet is a matrix that narrows to what differs", () => pages.fleet, {}, async (page) => {
  const rows = shown(page, ".matrix tbody tr");
  const all = await rows.count();
  assert.ok(all > 10);
  assert.match(await page.locator(".matrix thead").textContent(), /prod/);
  assert.ok((await page.locator(".matrix td.unknown").count()) === all, "one environment could not be read");
  assert.match(await page.locator(".findings .error").textContent(), /^not readprod.*could not reach 127\.0\.0\.1:9/);
  await page.getByLabel("Only what differs somewhere").check();
  assert.ok((await rows.count()) <= all);
  await page.getByRole("searchbox").fill("local ringway_callSession");
  assert.equal(await shown(page, ".card").count(), 1);
});

look("nothing to do is one calm line", () => pages.synced, {}, async (page) => {
  assert.equal(await page.locator(".card").count(), 0);
  assert.match(await page.locator("#changes .calm").textContent(), /^local matches the manifests \(24 resources\)$/);
  assert.equal(await page.locator(".tile.still strong").textContent(), "24");
  assert.equal(await shown(page, ".toolbar [type=search]").count(), 0);
  await picture(page, "in-sync");
});

look("the preview of manifests alone has no before", () => pages.preview, {}, async (page) => {
  assert.equal(await page.getByRole("radio").count(), 0);
  assert.equal(await shown(page, ".frame").count(), 1);
  await page.getByLabel("Profile").selectOption({ label: "Contoso back office" });
  assert.match(await shown(page, ".frame").textContent(), /Contoso back office/);
  await page.getByLabel("Notification").selectOption({ label: "None" });
  assert.equal(await shown(page, ".toast").count(), 0);
});

look("without a script everything is there", plan, { javaScriptEnabled: false }, async (page) => {
  assert.equal(await shown(page, ".toolbar").count(), 0);
  assert.ok((await shown(page, ".card").count()) >= 3);
  assert.ok((await shown(page, ".frame").count()) >= 2);
  await picture(page, "no-script");
});

look("hostile live text stays text", () => join(folder, "hostile.html"), {}, async (page) => {
  await page.waitForTimeout(300);
  assert.equal(await page.locator("img, iframe, object, embed").count(), 0);
  assert.match(await page.locator("h1").textContent(), /<script>alert\(1\)<\/script>/);
  await picture(page, "hostile");
});

test("the policy of a page lets nothing in that the page did not bring", async () => {
  const { page, close } = await open(browser, plan());
  const tried = await page.evaluate(async () => {
    const refused = [];
    document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
    const add = (name, set) => { const one = document.createElement(name); set(one); document.body.append(one); };
    try { add("script", (one) => { one.text = "globalThis.broken = true"; }); } catch { refused.push("trusted-types"); }
    try { document.body.innerHTML += "<b>x</b>"; } catch { refused.push("trusted-types"); }
    add("style", (one) => { one.textContent = "*{color:red}"; });
    add("img", (one) => { one.setAttribute("src", "https://evil.example/x.png"); });
    await fetch("https://evil.example/").catch(() => {});
    await new Promise((done) => setTimeout(done, 200));
    return { refused, broken: globalThis.broken === true };
  });
  assert.equal(tried.broken, false);
  for (const directive of ["trusted-types", "style-src-elem", "img-src", "connect-src"]) {
    assert.ok(tried.refused.includes(directive), `${directive} in ${tried.refused.join(", ")}`);
  }
  await close();
});

const widths = { desk: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
for (const colorScheme of ["light", "dark"]) {
  for (const [width, viewport] of Object.entries(widths)) {
    for (const name of ["plan", "first", "drift", "fleet", "preview"]) {
      look(`${name} is accessible, ${colorScheme}, on a ${width}`, () => pages[name], { colorScheme, viewport }, async (page) => {
        await picture(page, `${name}-${colorScheme}-${width}`);
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(wider, 0, "the page scrolls sideways");
        assert.deepEqual(await violations(page), []);
      });
    }
  }
}

look("the printed page has every card open and no tools", plan, {}, async (page) => {
  await page.getByRole("button", { name: "Collapse all" }).click();
  await page.emulateMedia({ media: "print" });
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  assert.equal(await page.locator(".card:not([open])").count(), 0);
  assert.equal(await shown(page, ".toolbar").count(), 0);
  await picture(page, "print");
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  assert.equal(await page.locator(".card[open]").count(), 0);
  const paper = await page.pdf({ path: join(folder, "screenshots", "plan.pdf"), format: "A4" });
  assert.ok(paper.length > 20_000);
});

test("the picture of the graph stands in a file of its own", async () => {
  assert.ok(existsSync(pages.graph) && readFileSync(pages.graph, "utf8").startsWith("<svg"));
  const { page, problems, close } = await open(browser, pages.graph, { viewport: { width: 1200, height: 800 } });
  assert.ok((await page.locator(".node").count()) > 10);
  await picture(page, "graph", { fullPage: false });
  assert.deepEqual(problems, []);
  await close();
});
