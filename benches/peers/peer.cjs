// dockerode, asked from stdin: one JSON line an operation, one JSON line of times back.
const readline = require("node:readline");
const Docker = require("dockerode");
const version = require("dockerode/package.json").version;

const [host, mode] = process.argv.slice(-2);
const agent = new (require("node:http").Agent)({ keepAlive: true, maxSockets: 8 });
const docker = host.startsWith("unix://")
  ? new Docker({ socketPath: host.slice(7), agent })
  : new Docker({ host: new URL(host).hostname, port: new URL(host).port, agent });
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

async function begun(subject, command) {
  const made = await docker.createContainer({
    Image: subject.image, Cmd: command, Labels: { [subject.label[0]]: subject.label[1] },
    HostConfig: { NetworkMode: "none" },
  });
  await made.start();
  return made;
}

async function once(op, subject) {
  if (op === "ping") return docker.ping();
  if (op === "inspect") return docker.getContainer(subject.id).inspect();
  if (op === "list") return docker.listContainers({ all: true });
  if (op === "exec") {
    const exec = await docker.getContainer(subject.id).exec({ Cmd: ["true"], AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({ hijack: true, stdin: false });
    stream.resume();
    await new Promise((done) => stream.on("end", done).on("close", done));
    return exec.inspect();
  }
  if (op === "many") {
    let left = 200;
    const worker = async () => {
      while (left-- > 0) await (await begun(subject, ["sleep", "600"])).remove({ force: true });
    };
    return Promise.all([worker(), worker(), worker(), worker()]);
  }
  const made = await begun(subject, ["true"]);
  await made.wait();
  return made.remove();
}

async function calls() {
  say({ name: "dockerode " + version });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const ask = JSON.parse(line);
    const us = [], cpu = process.cpuUsage();
    for (let i = 0; i < ask.count; i++) {
      const begin = process.hrtime.bigint();
      await once(ask.op, ask.subject);
      us.push(Number(process.hrtime.bigint() - begin) / 1e3);
    }
    const used = process.cpuUsage(cpu);
    say({ us, cpu_us: used.user + used.system });
  }
}

async function events() {
  const stream = await docker.getEvents({});
  say({ name: "dockerode " + version });
  for await (const line of readline.createInterface({ input: stream })) {
    if (!line.trim()) continue;
    const event = JSON.parse(line);
    if (event.Action === "rename") say({ name: event.Actor.Attributes.name, ns: Number(process.hrtime.bigint()) });
  }
}

(mode === "events" ? events() : calls()).catch((error) => { console.error(error); process.exit(1); });
