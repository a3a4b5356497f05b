// Runs the deskstate program. No shell is involved.
import { spawn } from "node:child_process";
import * as vscode from "vscode";

export interface Ran {
  /** The exit code; null if the command was stopped. */
  readonly code: number | null;
  readonly stdout: string;
}

/** Runs a command of a project. What it says goes to the log as it comes, and its last line to the notification. */
export function run(program: string, root: string, args: readonly string[], log: vscode.OutputChannel): Thenable<Ran> {
  const line = ["deskstate", ...args].join(" ");
  const options = { location: vscode.ProgressLocation.Notification, title: line, cancellable: true };
  return vscode.window.withProgress(options, (progress, cancel) => {
    log.appendLine(`> ${line}`);
    return new Promise<Ran>((resolve, reject) => {
      const child = spawn(program, args, { cwd: root, env: { ...process.env, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] });
      const stopping = cancel.onCancellationRequested(() => child.kill());
      let stdout = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        log.append(text);
        const last = text.trim().split("\n").at(-1);
        if (last) progress.report({ message: last });
      });
      child.on("error", reject);
      child.on("close", (code) => {
        stopping.dispose();
        resolve({ code, stdout });
      });
    });
  });
}
