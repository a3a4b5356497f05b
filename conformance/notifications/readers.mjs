// What `drift --notify` sends, through readers that others wrote.
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { HTTP } from "cloudevents";

const { AdaptiveCard, SerializationContext, Versions } = createRequire(import.meta.url)("adaptivecards/dist/adaptivecards.js");
const { DESKSTATE, PROJECT } = process.env;

let failed = 0;
function check(name, holds, seen) {
  if (!holds) failed += 1;
  console.log(`${holds ? "ok" : "not ok"} - ${name}${holds ? "" : `: ${JSON.stringify(seen)}`}`);
}

const took = [];
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    took.push({ channel: request.url.slice(1), headers: request.headers, body });
    response.writeHead(202).end();
  });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const base = `http://127.0.0.1:${server.address().port}`;

async function drift() {
  const child = spawn(DESKSTATE, ["--project", PROJECT, "drift", "--env", "local", "--notify", "teams", "--notify", "webhook"], {
    stdio: "ignore",
    env: {
      PATH: process.env.PATH,
      NO_PROXY: "127.0.0.1",
      DESKSTATE_TEAMS_URL: `${base}/teams`,
      DESKSTATE_WEBHOOK_URL: `${base}/webhook`,
      GITHUB_RUN_ID: "77",
      GITHUB_SERVER_URL: "https://github.com",
      GITHUB_REPOSITORY: "contoso/desk",
    },
  });
  const [code] = await once(child, "exit");
  return [code, took.splice(0)];
}

function look(turn, messages) {
  const card = messages.find((message) => message.channel === "teams");
  const content = JSON.parse(card.body).attachments[0].content;
  const reading = new SerializationContext(Versions.v1_4);
  const read = new AdaptiveCard();
  read.parse(content, reading);
  const problems = read.validateProperties().validationEvents.map((event) => event.message);
  for (let at = 0; at < reading.eventCount; at += 1) problems.push(reading.getEventAt(at).message);
  check(`a card of version 1.4 is read without a remark: ${turn}`, problems.length === 0, problems);
  check(`nothing of the card is lost: ${turn}`, read.getItemCount() === content.body.length && read.getActionCount() === 1, read.toJSON());

  const sent = messages.filter((message) => message.channel === "webhook");
  check(`one event: ${turn}`, sent.length === 1, sent);
  let event;
  try {
    event = HTTP.toEvent({ headers: sent[0].headers, body: sent[0].body });
    check(`a CloudEvent of version 1.0: ${turn}`, event.validate() === true && event.specversion === "1.0", event);
  } catch (error) {
    check(`a CloudEvent of version 1.0: ${turn}`, false, String(error));
  }
  check(`its type names the turn: ${turn}`, event?.type === `com.github.deskstate.drift.${turn}`, event?.type);
}

const broken = `${PROJECT}/manifests/broken.yaml`;
// Nothing was applied, so everything that is declared is missing.
let [code, messages] = await drift();
check("drift ends with 2", code === 2, code);
look("appeared", messages);
writeFileSync(broken, "kind: Nothing\n");
[code, messages] = await drift();
check("broken manifests end with 3", code === 3, code);
look("unknown", messages);
rmSync(broken);
server.close();
process.exitCode = failed === 0 ? 0 : 1;
