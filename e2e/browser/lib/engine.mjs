// The engine from outside: what somebody else does with it while the page is looked at. Its own few calls over the
// unix socket, so that nothing of Longshore is between.
import http from "node:http";

/** What everything bears that the tests make, and by which it is swept. */
const LABEL = "io.longshore.test";

export class Engine {
  constructor(socketPath, run) {
    this.socketPath = socketPath;
    this.run = run;
  }

  call(method, path, body) {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
      const request = http.request({ socketPath: this.socketPath, method, path, headers, timeout: 60_000 }, (answer) => {
        const pieces = [];
        answer.on("data", (piece) => pieces.push(piece));
        answer.on("end", () => {
          const said = Buffer.concat(pieces).toString();
          if (answer.statusCode >= 400) reject(new Error(`${method} ${path}: ${answer.statusCode} ${said}`));
          else resolve(said && answer.headers["content-type"]?.includes("json") ? JSON.parse(said) : said);
        });
        answer.on("error", reject);
      });
      request.on("error", reject);
      request.on("timeout", () => request.destroy(new Error(`${method} ${path}: no answer`)));
      request.end(text);
    });
  }

  /** A container that runs a line of shell; not started. */
  async create(name, image, line, { labels = {}, host = {}, ...more } = {}) {
    const { Id } = await this.call("POST", `/containers/create?name=${encodeURIComponent(name)}`, {
      Image: image,
      Cmd: ["sh", "-c", line],
      Labels: { ...labels, [LABEL]: this.run, "io.longshore.managed": "true" },
      HostConfig: { NetworkMode: "none", ...host },
      StopTimeout: 1,
      ...more,
    });
    return Id;
  }

  /** The names of all that is there. */
  async names() {
    const list = await this.call("GET", "/containers/json?all=true");
    return list.flatMap(({ Names }) => Names.map((name) => name.slice(1)));
  }

  start(id) {
    return this.call("POST", `/containers/${id}/start`);
  }

  remove(id) {
    return this.call("DELETE", `/containers/${id}?force=true&v=true`);
  }

  inspect(id) {
    return this.call("GET", `/containers/${id}/json`);
  }

  /** Removes what this run made, whatever became of it. */
  async sweep() {
    const filters = encodeURIComponent(JSON.stringify({ label: [`${LABEL}=${this.run}`] }));
    for (const { Id } of await this.call("GET", `/containers/json?all=true&filters=${filters}`)) {
      await this.remove(Id).catch((error) => console.error(`sweep: ${error.message}`));
    }
  }
}
