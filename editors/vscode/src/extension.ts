// Starts `deskstate lsp` and offers commands of the program. All that is known about projects comes from the two.
import * as os from "node:os";
import * as vscode from "vscode";
import { LanguageClient } from "vscode-languageclient/node";
import { isPage } from "./pages";
import { Preview, type Picture } from "./preview";
import { findProgram, installCommands, isProgram } from "./program";
import { run, type Ran } from "./run";

const INSTALLATION = "https://github.com/deskstate/deskstate/blob/main/docs/installation.md";

interface Project {
  readonly root: string;
  readonly name: string;
  readonly environments: readonly string[];
}

interface Projects {
  readonly projects: readonly Project[];
  readonly current: string | null;
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const desk = new Desk(context.workspaceState);
  context.subscriptions.push(desk);
  await desk.startWhereNeeded();
}

class Desk implements vscode.Disposable {
  private readonly log = vscode.window.createOutputChannel("deskstate");
  private readonly status = vscode.window.createStatusBarItem("deskstate.environment", vscode.StatusBarAlignment.Left, 50);
  private readonly preview = new Preview(() => this.draw());
  private readonly parts: { dispose(): unknown }[];
  private client: LanguageClient | undefined;
  private starting: Promise<void> | undefined;
  private program: string | undefined;
  private project: Project | undefined;

  constructor(private readonly memory: vscode.Memento) {
    this.status.name = "deskstate: environment";
    this.status.command = "deskstate.chooseEnvironment";
    const command = (name: string, work: () => Promise<unknown>) => vscode.commands.registerCommand(`deskstate.${name}`, () => this.carefully(work));
    this.parts = [
      this.log,
      this.status,
      this.preview,
      command("openPreview", () => this.openPreview()),
      command("chooseEnvironment", () => this.chooseEnvironment()),
      command("validate", () => this.validate()),
      command("plan", () => this.report("plan", "Plan")),
      command("drift", () => this.report("drift", "Drift")),
      command("adopt", () => this.adopt()),
      command("restartServer", () => this.start()),
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        if (editor) void this.carefully(() => this.look(editor.document));
      }),
      vscode.workspace.onDidOpenTextDocument((document) => void this.carefully(() => this.startFor(document))),
      vscode.workspace.onDidSaveTextDocument((document) => {
        if (document.uri.path.endsWith("/deskstate.yaml")) void this.carefully(() => this.look(document));
      }),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration("deskstate.path")) void this.carefully(() => this.start());
        else if (change.affectsConfiguration("deskstate.environment")) void this.carefully(() => this.showEnvironment());
      }),
    ];
  }

  /** Starts the server if a folder or an open file belongs to a project. */
  async startWhereNeeded(): Promise<void> {
    const found = await vscode.workspace.findFiles("**/deskstate.yaml", "**/{node_modules,target}/**", 1);
    if (found.length > 0) await this.carefully(() => this.start());
    for (const document of vscode.workspace.textDocuments) await this.carefully(() => this.startFor(document));
  }

  /** Starts the server for a file below a `deskstate.yaml`. */
  private async startFor(document: vscode.TextDocument): Promise<void> {
    if (this.isStarted() || document.languageId !== "yaml" || document.uri.scheme !== "file") return;
    for (let folder = vscode.Uri.joinPath(document.uri, ".."), below = ""; folder.path !== below; ) {
      try {
        await vscode.workspace.fs.stat(vscode.Uri.joinPath(folder, "deskstate.yaml"));
        if (!this.isStarted()) await this.start();
        return;
      } catch (error) {
        if (!(error instanceof vscode.FileSystemError)) throw error;
      }
      below = folder.path;
      folder = vscode.Uri.joinPath(folder, "..");
    }
  }

  private isStarted(): boolean {
    return this.starting !== undefined;
  }

  /** Starts the server, or starts it again. One start ends before the next begins. */
  private start(): Promise<void> {
    this.starting = (this.starting ?? Promise.resolve()).catch(() => undefined).then(() => this.restart());
    return this.starting;
  }

  private async restart(): Promise<void> {
    const old = this.client;
    this.client = undefined;
    await old?.dispose();
    const setting = vscode.workspace.getConfiguration("deskstate").get("path", "");
    const found = findProgram(setting, { platform: process.platform, env: process.env, home: os.homedir(), isProgram });
    if ("problem" in found) {
      this.program = undefined;
      void this.offerInstallation(found.problem);
      return;
    }
    this.program = found.file;
    const client = new LanguageClient(
      "deskstate",
      "deskstate language server",
      { command: found.file, args: ["lsp"] },
      { documentSelector: [{ scheme: "file", language: "yaml" }] },
    );
    this.client = client;
    client.onNotification("deskstate/previewChanged", () => {
      void this.preview.refresh();
      void this.carefully(() => this.look());
    });
    await client.start();
    await this.look(vscode.window.activeTextEditor?.document);
  }

  private async offerInstallation(problem: string): Promise<void> {
    const [command, page, path] = ["Show Commands", "Open Installation Page", "Set Path"] as const;
    const chosen = await vscode.window.showWarningMessage(problem, command, page, path);
    if (chosen === page) await vscode.env.openExternal(vscode.Uri.parse(INSTALLATION));
    if (chosen === path) await vscode.commands.executeCommand("workbench.action.openSettings", "deskstate.path");
    if (chosen !== command) return;
    const title = "Installs deskstate. The command is typed into a terminal; you run it.";
    const line = await vscode.window.showQuickPick(installCommands(process.platform), { title });
    if (line === undefined) return;
    const terminal = vscode.window.createTerminal("deskstate");
    terminal.show();
    terminal.sendText(line, false);
  }

  /** Finds the project of a file. Where the file belongs to none, the last project stays, or the only one that is open. */
  private async look(document?: vscode.TextDocument): Promise<void> {
    if (!this.client) return;
    const { projects, current } = await this.projects(this.client, document);
    const of = (root: string | null | undefined) => projects.find((project) => project.root === root);
    const before = this.project?.root;
    this.project = of(current) ?? of(before) ?? projects[0];
    await vscode.commands.executeCommand("setContext", "deskstate.inProject", this.project !== undefined);
    await this.showEnvironment(this.project?.root !== before);
  }

  private projects(client: LanguageClient, document?: vscode.TextDocument): Promise<Projects> {
    const textDocument = document ? { uri: client.code2ProtocolConverter.asUri(document.uri) } : null;
    return client.sendRequest<Projects>("deskstate/projects", { textDocument });
  }

  /** The environment that was chosen for the project; none for the base. */
  private environment(project: Project): string | undefined {
    const root = vscode.Uri.parse(project.root);
    const setting = vscode.workspace.getConfiguration("deskstate", root).get("environment", "");
    const chosen = this.memory.get(`environment of ${project.root}`, setting);
    return project.environments.includes(chosen) ? chosen : undefined;
  }

  private async showEnvironment(isNew = true): Promise<void> {
    const project = this.project;
    if (!project) {
      this.status.hide();
      return;
    }
    const environment = this.environment(project);
    this.status.text = `$(server-environment) ${project.name}: ${environment ?? "base"}`;
    this.status.tooltip = environment ? `deskstate commands use the environment ${environment}.` : "Choose the environment that deskstate commands use.";
    this.status.show();
    if (isNew) await this.preview.refresh();
  }

  private async chooseEnvironment(): Promise<string | undefined> {
    const project = this.openProject();
    const base = { label: "base", description: "before overlays; for the preview", name: "" };
    const named = project.environments.map((name) => ({ label: name, description: "", name }));
    const chosen = await vscode.window.showQuickPick([...named, base], { title: `Environment of ${project.name}` });
    if (!chosen) return undefined;
    await this.memory.update(`environment of ${project.root}`, chosen.name);
    await this.showEnvironment();
    return chosen.name;
  }

  private openProject(): Project {
    if (!this.project) throw new Error("Open a file of a deskstate project first.");
    return this.project;
  }

  private async openPreview(): Promise<void> {
    await this.look(vscode.window.activeTextEditor?.document);
    await this.preview.open();
  }

  private async draw(): Promise<{ picture: Picture; of: string } | undefined> {
    if (!this.client || !this.project) return undefined;
    const environment = this.environment(this.project);
    const textDocument = { uri: `${this.project.root}/deskstate.yaml` };
    const picture = await this.client.sendRequest<Picture>("deskstate/preview", { textDocument, environment });
    return { picture, of: environment ?? "base" };
  }

  /** Runs a command for the project, with its files saved. */
  private async command(args: readonly string[]): Promise<Ran | undefined> {
    if (!this.program || !this.client) throw new Error("The deskstate program was not found.");
    const { root } = this.openProject();
    const unsaved: vscode.TextDocument[] = [];
    for (const document of vscode.workspace.textDocuments) {
      if (document.isDirty && document.uri.scheme === "file" && (await this.projects(this.client, document)).current === root) unsaved.push(document);
    }
    if (unsaved.length > 0) {
      const save = "Save and Continue";
      const names = unsaved.map((document) => vscode.workspace.asRelativePath(document.uri)).join(", ");
      if ((await vscode.window.showWarningMessage(`Not saved yet: ${names}`, { modal: true }, save)) !== save) return undefined;
      for (const document of unsaved) if (!(await document.save())) throw new Error(`Not saved: ${document.uri.fsPath}`);
    }
    return run(this.program, vscode.Uri.parse(root).fsPath, args, this.log);
  }

  private async validate(): Promise<void> {
    const ran = await this.command(["validate"]);
    if (!ran) return;
    this.log.append(ran.stdout);
    if (ran.code !== 0) this.log.show(true);
    else void vscode.window.showInformationMessage(ran.stdout.trim());
  }

  /** The environment to contact. */
  private async contacted(): Promise<string | undefined> {
    if (!vscode.workspace.isTrusted) throw new Error("Trust this workspace before you contact its environments.");
    return this.environment(this.openProject()) ?? (await this.chooseEnvironment());
  }

  /** Shows a report of an environment in a tab. */
  private async report(command: "plan" | "drift", title: string): Promise<void> {
    const environment = await this.contacted();
    if (!environment) return;
    const ran = await this.command([command, "--env", environment, "--format", "html"]);
    if (!ran || ran.code === null) return;
    if (!isPage(ran.stdout)) {
      this.log.append(ran.stdout);
      this.log.show(true);
      throw new Error(`deskstate ${command} failed. The output has the reason.`);
    }
    const options = { enableScripts: true, localResourceRoots: [] };
    const panel = vscode.window.createWebviewPanel("deskstate.report", `${title}: ${environment}`, vscode.ViewColumn.Active, options);
    panel.webview.html = ran.stdout;
  }

  /** Shows what would be written into the manifests, and writes it if the person agrees. */
  private async adopt(): Promise<void> {
    const environment = await this.contacted();
    if (!environment) return;
    const args = ["adopt", "--env", environment];
    const patch = await this.command([...args, "--check"]);
    if (!patch || patch.code === null) return;
    this.log.append(patch.stdout);
    if (patch.code === 0) {
      void vscode.window.showInformationMessage(`${environment} has no manual changes to adopt.`);
      return;
    }
    // The exit code 2 says that there is a patch.
    if (patch.code !== 2) {
      this.log.show(true);
      throw new Error("deskstate adopt failed. The output has the reason.");
    }
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ language: "diff", content: patch.stdout }));
    const write = "Write to Manifests";
    const question = `Write these changes of ${environment} to your manifests?`;
    if ((await vscode.window.showInformationMessage(question, write)) !== write) return;
    const ran = await this.command(args);
    if (!ran) return;
    this.log.append(ran.stdout);
    if (ran.code !== 0) throw new Error("deskstate adopt failed. The output has the reason.");
  }

  /** Shows what went wrong. */
  private async carefully<T>(work: () => Promise<T>): Promise<void> {
    try {
      await work();
    } catch (error) {
      void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
    }
  }

  dispose(): void {
    void this.client?.dispose();
    this.parts.forEach((part) => void part.dispose());
  }
}
