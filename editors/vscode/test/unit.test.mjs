import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { build } from "esbuild";

const at = (file) => new URL(file, import.meta.url);
const load = async (file) => {
  const { outputFiles } = await build({ entryPoints: [at(file).pathname], bundle: true, format: "esm", platform: "node", write: false });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
};
const { findProgram, installCommands } = await load("../src/program.ts");
const { isPage, notice } = await load("../src/pages.ts");

const find = (setting, files, { platform = "linux", home = "/home/ada", ...env } = {}) =>
  findProgram(setting, { platform, env, home, isProgram: (file) => files.includes(file) });

test("the setting comes first, then PATH, then the usual folders", () => {
  const files = ["/opt/d", "/home/ada/d", "/tools/deskstate", "/home/ada/.cargo/bin/deskstate"];
  assert.equal(find("/opt/d", files, { PATH: "/tools" }).file, "/opt/d");
  assert.equal(find("~/d", files).file, "/home/ada/d");
  assert.equal(find("", files, { PATH: "/bin:/tools" }).file, "/tools/deskstate");
  assert.equal(find("", files).file, "/home/ada/.cargo/bin/deskstate");
});

test("what the workspace could bring is never started", () => {
  const files = ["deskstate", "./deskstate", "bin/deskstate", "bin\\deskstate.exe", "deskstate.exe"];
  assert.match(find("bin/deskstate", files).problem, /not an absolute path/);
  assert.match(find("", files, { PATH: ".:bin::" }).problem, /not installed/);
  assert.match(find("", files, { platform: "win32", home: "C:\\Users\\ada", Path: ".;bin;;" }).problem, /not installed/);
  assert.match(find("/none/deskstate", files, { PATH: "/tools" }).problem, /does not lead to a program/);
});

test("Windows has its own folders", () => {
  const winget = "C:\\Users\\ada\\AppData\\Local\\Microsoft\\WinGet\\Links\\deskstate.exe";
  const windows = { platform: "win32", home: "C:\\Users\\ada", LOCALAPPDATA: "C:\\Users\\ada\\AppData\\Local" };
  assert.equal(find("", [winget], windows).file, winget);
  assert.equal(find("", ["D:\\x\\deskstate.exe"], { ...windows, Path: "D:\\x" }).file, "D:\\x\\deskstate.exe");
});

test("every command that installs is one of the installation page", () => {
  const page = readFileSync(at("../../../docs/installation.md"), "utf8");
  for (const platform of ["win32", "darwin", "linux"]) {
    for (const command of installCommands(platform)) assert.ok(page.includes(`\`${command}\``), command);
  }
});

test("only pages with the policy are shown, and text stays text", () => {
  assert.ok(!isPage("<!doctype html>\n<html><body>x</body></html>"));
  assert.ok(!isPage("error: no such environment"));
  const page = notice("<img src=x onerror=alert(1)> & \"'");
  assert.ok(isPage(page));
  assert.ok(!page.includes("<img"));
});
