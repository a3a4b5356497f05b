// Finds the deskstate program. It is never looked for in the workspace: a project must not bring the program that reads it.
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";

/** What the search depends on. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly isProgram: (file: string) => boolean;
}

/** The program, or why there is none. */
export type Found = { readonly file: string } | { readonly problem: string };

export function findProgram(setting: string, { platform, env, home, isProgram }: Surroundings): Found {
  const paths = platform === "win32" ? path.win32 : path.posix;
  const isAbsolute = (file: string) => paths.isAbsolute(file);
  const join = (...parts: string[]) => paths.join(...parts);
  const given = setting.trim().replace(/^~(?=[\\/])/, home);
  if (given !== "") {
    if (!isAbsolute(given)) return { problem: `The setting deskstate.path is not an absolute path: ${given}` };
    return isProgram(given) ? { file: given } : { problem: `The setting deskstate.path does not lead to a program: ${given}` };
  }
  const separator = platform === "win32" ? ";" : ":";
  const searched = (env["PATH"] ?? env["Path"] ?? "").split(separator).filter((folder) => isAbsolute(folder));
  const usual =
    platform === "win32"
      ? [
          ...(env["LOCALAPPDATA"] ? [join(env["LOCALAPPDATA"], "Microsoft", "WinGet", "Links")] : []),
          join(home, "scoop", "shims"),
          join(home, ".local", "bin"),
          join(home, ".cargo", "bin"),
        ]
      : [
          join(home, ".local", "bin"),
          join(home, ".cargo", "bin"),
          "/usr/local/bin",
          "/opt/homebrew/bin",
          "/home/linuxbrew/.linuxbrew/bin",
          "/usr/bin",
        ];
  const name = platform === "win32" ? "deskstate.exe" : "deskstate";
  const file = [...searched, ...usual].map((folder) => join(folder, name)).find(isProgram);
  return file === undefined ? { problem: "The deskstate program is not installed, or not in PATH." } : { file };
}

export function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Commands of `docs/installation.md` that install the program. */
export function installCommands(platform: NodeJS.Platform): string[] {
  const own =
    platform === "win32"
      ? ["winget install Deskstate.Deskstate", "scoop install deskstate"]
      : platform === "darwin"
        ? ["brew install deskstate/tap/deskstate"]
        : [];
  return [...own, "pipx install deskstate", "npm install --global deskstate"];
}
