// Writes the pages that the tests open, with the command itself on its embedded emulator: nothing here is made up.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");
export const folder = join(root, "target", "e2e");
const program = process.env.DESKSTATE ?? join(root, "target", "debug", "deskstate");
const project = join(folder, "contoso");

const runIn = (where, ...args) =>
  execFileSync(program, ["-C", where, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const run = (...args) => runIn(project, ...args);

/** Runs a command that says by its exit code that there are differences. */
const differing = (...args) => ending(2, ...args);

const ending = (code, ...args) => {
  try {
    run(...args);
  } catch (error) {
    if (error.status === code) return error.stdout;
    throw error;
  }
  throw new Error(`deskstate ${args.join(" ")} ended well`);
};

const edit = (file, ...replacements) => {
  const path = join(project, file);
  const text = readFileSync(path, "utf8");
  const edited = replacements.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
    return text.replace(from, to);
  }, text);
  writeFileSync(path, edited);
};

const page = (name, text) => {
  const path = join(folder, `${name}.html`);
  writeFileSync(path, text);
  return path;
};

export const write = () => {
  rmSync(project, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, "examples", "contoso"), project, { recursive: true });
  // Two environments that nobody has applied to yet, and one that cannot be reached. A fleet watches no emulator unasked.
  edit(
    "deskstate.yaml",
    ["emulator: {state: .deskstate/local.json}", "emulator: {state: .deskstate/local.json}\n      watched: true"],
    ["url: https://contoso-dev.crm4.dynamics.com", "emulator: {state: .deskstate/dev.json}\n      watched: true"],
    ["url: https://contoso-test.crm4.dynamics.com", "emulator: {state: .deskstate/test.json}\n      watched: true"],
    ["url: https://contoso.crm4.dynamics.com", "url: https://127.0.0.1:9"],
  );
  const pages = { first: page("plan-first", run("plan", "--env", "local", "--format", "html")) };
  run("apply", "--env", "local", "--yes");
  pages.synced = page("plan-in-sync", run("plan", "--env", "local", "--format", "html"));
  edit(
    "manifests/sessions.yaml",
    ["communicationPanelMode: Minimized", "communicationPanelMode: Docked"],
    ["additionalTabs: [contoso_caseDashboard, contoso_newCaseTab]", "additionalTabs: [contoso_caseDashboard, contoso_knowledgeTab]"],
  );
  edit("manifests/productivity.yaml", ["defaultMode: Expanded", "defaultMode: Collapsed"]);
  edit(
    "manifests/notifications.yaml",
    ["title: Call from {customer}", "title: \"{customer} is calling\""],
    ["timeoutSeconds: ${{ vars.ringTimeout }}   # a number stays a number", "timeoutSeconds: 4"],
  );
  pages.plan = page("plan", run("plan", "--env", "local", "--format", "html"));
  pages.comment = run("plan", "--env", "local", "--format", "markdown");
  pages.drift = page("drift", differing("drift", "--env", "local", "--format", "html"));
  pages.fleet = page("fleet", ending(1, "drift", "--all", "--format", "html"));
  run("preview", "--no-open", "--out", join(folder, "preview.html"));
  pages.preview = join(folder, "preview.html");
  writeFileSync(join(folder, "graph.svg"), run("graph", "--format", "svg"));
  pages.graph = join(folder, "graph.svg");
  return pages;
};

/** The drift of an environment in which Dana changed rows by hand, in a copy of the project as it was applied. */
export const writeByHand = async () => {
  const copy = join(folder, "by-hand");
  rmSync(copy, { recursive: true, force: true });
  cpSync(join(root, "examples", "contoso"), copy, { recursive: true });
  runIn(copy, "apply", "--env", "local", "--yes");
  const server = spawn(program, ["emulator", "--listen", "127.0.0.1:0", "--state", join(copy, ".deskstate", "local.json")]);
  const [line] = await once(server.stdout, "data");
  const api = `${line.toString().trim().replace(/\/$/, "")}/api/data/v9.2/`;
  const first = async (path) => (await (await fetch(api + encodeURI(path))).json()).value[0];
  const { systemuserid: dana } = await first("systemusers?$filter=domainname eq 'dana@contoso.com'");
  const change = async (set, name, body) => {
    const row = await first(`${set}?$filter=msdyn_uniquename eq '${name}'`);
    const id = Object.entries(row).find(([key]) => key === `${set.slice(0, -1)}id`)[1];
    const headers = { "Content-Type": "application/json", "If-Match": "*", "Emulator-User": dana };
    const reply = await fetch(`${api}${set}(${id})`, { method: "PATCH", headers, body: JSON.stringify(body) });
    if (!reply.ok) throw new Error(await reply.text());
  };
  try {
    await change("msdyn_channelproviders", "voxline_provider", { msdyn_channelurl: "https://panel.example/dynamics" });
    await change("msdyn_notificationtemplates", "voxline_incomingCall", { msdyn_timeout: 4, msdyn_title: "Call" });
    await change("msdyn_sessiontemplates", "ringway_callSession", { msdyn_title: "Ringway" });
  } finally {
    server.kill();
    await once(server, "exit");
  }
  try {
    runIn(copy, "drift", "--env", "local", "--format", "html");
  } catch (error) {
    if (error.status === 2) return page("drift-by-hand", error.stdout);
    throw error;
  }
  throw new Error("there is no drift");
};

/** The desktop that the first resource of these kinds in `examples/every-kind` makes, as a page for each kind. */
export const writeKinds = (words) => {
  const kinds = join(folder, "kinds");
  rmSync(kinds, { recursive: true, force: true });
  cpSync(join(root, "examples", "every-kind"), kinds, { recursive: true });
  const names = { SessionTemplate: "contoso_callSession", ApplicationTab: "contoso_orderTab" };
  for (const kind of words) {
    const name = names[kind] ?? readFileSync(join(kinds, "manifests", `${kind}.yaml`), "utf8").match(/ name: (\S+)/)[1];
    runIn(kinds, "preview", `${kind}/${name}`, "--no-open", "--out", join(folder, `kind-${kind}.html`));
  }
};
