// The picture of the agent's desktop, which the language server draws from the files as they are in the editor.
import * as vscode from "vscode";
import { isPage, notice } from "./pages";

export interface Picture {
  readonly html: string | null;
  readonly problem: string | null;
}

/** Asks for the picture and names what it shows; none where there is no project. */
export type Draw = () => Promise<{ picture: Picture; of: string } | undefined>;

export class Preview implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private shown = "";
  private work: Promise<void> | undefined;
  private isStale = false;

  constructor(private readonly draw: Draw) {}

  async open(): Promise<void> {
    if (this.panel) {
      this.panel.reveal(undefined, true);
      return this.refresh();
    }
    const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    this.panel = vscode.window.createWebviewPanel("deskstate.preview", "Desktop", place, { enableScripts: true, localResourceRoots: [] });
    this.panel.onDidDispose(() => {
      this.panel = undefined;
      this.shown = "";
    });
    this.panel.onDidChangeViewState(() => {
      if (this.panel?.visible && this.isStale) void this.refresh();
    });
    return this.refresh();
  }

  /** Draws what is current. While one picture is drawn, further calls lead to one more. */
  async refresh(): Promise<void> {
    this.isStale = true;
    this.work ??= this.drawAll().finally(() => (this.work = undefined));
    return this.work;
  }

  private async drawAll(): Promise<void> {
    while (this.isStale && this.panel?.visible) {
      this.isStale = false;
      try {
        const drawn = await this.draw();
        if (drawn) this.show(drawn.picture, drawn.of);
        else this.show({ html: null, problem: "Open a file of a deskstate project." }, "");
      } catch (error) {
        this.show({ html: null, problem: error instanceof Error ? error.message : String(error) }, "");
      }
    }
  }

  private show({ html, problem }: Picture, of: string): void {
    if (!this.panel) return;
    const title = of === "" ? "Desktop" : `Desktop: ${of}`;
    const page = html !== null && isPage(html) ? html : undefined;
    // The last picture stays while the files have errors, which the editor lists.
    this.panel.title = page === undefined && this.shown !== "" ? `${title} (paused)` : title;
    if (page !== undefined && page !== this.shown) {
      this.shown = page;
      this.panel.webview.html = page;
    } else if (page === undefined && this.shown === "") {
      this.panel.webview.html = notice(problem ?? "The language server sent no page.");
    }
  }

  dispose(): void {
    this.panel?.dispose();
  }
}
