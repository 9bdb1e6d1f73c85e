// A unix socket in front of the engine's, which the story can cut and mend: the engine is lost and regained without
// being touched.
import fs from "node:fs";
import net from "node:net";

export class Wire {
  constructor(path, engine) {
    this.path = path;
    this.engine = engine;
    this.sockets = new Set();
  }

  mend() {
    this.server = net.createServer({ allowHalfOpen: true }, (client) => {
      const engine = net.createConnection({ path: this.engine, allowHalfOpen: true });
      for (const [from, to] of [[client, engine], [engine, client]]) {
        this.sockets.add(from);
        from.on("error", () => to.destroy());
        from.on("close", () => {
          this.sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
    return new Promise((resolve, reject) => this.server.once("error", reject).listen(this.path, resolve));
  }

  async cut() {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
    fs.rmSync(this.path, { force: true });
  }
}
