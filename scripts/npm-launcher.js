#!/usr/bin/env node
// Starts the deskstate program that npm installed for this system. Exit code and signals pass through.
"use strict";

const { spawn } = require("node:child_process");
const os = require("node:os");

const system = `${process.platform}-${process.arch}`;
const file = process.platform === "win32" ? "deskstate.exe" : "deskstate";

let program;
try {
  program = require.resolve(`@deskstate/${system}/${file}`);
} catch {
  const { optionalDependencies } = require("./package.json");
  const known = Object.keys(optionalDependencies).map((name) => name.replace("@deskstate/", ""));
  const why = known.includes(system)
    ? `The package @deskstate/${system} is not installed. Run npm install again without --omit=optional or --no-optional.`
    : `There is no deskstate package for ${system}. npm has it for ${known.join(", ")}. Other systems can build it: https://github.com/deskstate/deskstate`;
  console.error(`error: ${why}`);
  process.exit(1);
}

const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
// Node must live until the program has ended. A terminal sends Ctrl-C to the program as well, and a second one would end it at once.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on("error", (error) => {
  console.error(`error: cannot start ${program}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  process.exitCode = signal ? 128 + os.constants.signals[signal] : code;
});
