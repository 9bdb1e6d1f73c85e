// `longshore serve` as a process of this story.
import { spawn } from "node:child_process";
import readline from "node:readline";

export class Server {
  /** Starts it on a free port and waits for the address and the one-time setup link; at an address of its own, one that has an account, for the address alone. */
  static async start(binary, host, data, listen = null) {
    const server = new Server();
    const args = ["-H", host, "serve", "--listen", listen ?? "127.0.0.1:0", "--log", "warn", "--data", data];
    server.child = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
    server.ended = new Promise((resolve) => server.child.once("exit", (code, signal) => resolve(code ?? signal)));
    const lines = readline.createInterface({ input: server.child.stdout });
    await new Promise((resolve, reject) => {
      server.child.once("error", reject);
      server.ended.then((how) => reject(new Error(`the server ended at once: ${how}`)));
      lines.on("line", (line) => {
        server.url ??= /http:\/\/[\d.:]+/.exec(line)?.[0];
        server.link ??= /http:\S+#setup=\S+/.exec(line)?.[0];
        if (server.url && (listen || server.link)) resolve();
      });
    });
    return server;
  }

  async stop() {
    this.child.kill("SIGTERM");
    return this.ended;
  }
}
