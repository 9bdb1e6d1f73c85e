// What the server weighs with one page open: after a login, a while of live statistics, and a look around.
//
// Environment: LONGSHORE_BIN, ENGINE_SOCKET (with some fifty containers), SPAN (seconds), ARTIFACTS.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { launch, open, shot } from "./lib/page.mjs";
import { Server } from "./lib/server.mjs";
import { Story } from "./lib/story.mjs";

const { LONGSHORE_BIN, ENGINE_SOCKET } = process.env;
const SPAN = Number(process.env.SPAN ?? 60);
const story = new Story();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "longshore-weight-"));
let server, browser;

/** A line of the kernel's word on the server's memory, in MB. */
function memory(line) {
  const status = fs.readFileSync(`/proc/${server.child.pid}/status`, "utf8");
  return (Number(new RegExp(`${line}:\\s+(\\d+)`).exec(status)?.[1]) * 1024) / 1e6;
}

async function main() {
  server = await Server.start(LONGSHORE_BIN, `unix://${ENGINE_SOCKET}`, path.join(folder, "data"));
  browser = await launch();
  const page = await open(browser);
  await story.step("the first account is made", async () => {
    await page.goto(server.link);
    await page.getByLabel("Name").fill("harbour");
    await page.getByRole("textbox", { name: "Password" }).fill("a sentence is fine");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: "Containers", exact: true }).click();
    await page.getByRole("grid").waitFor();
  });
  await story.step("the table is looked at", () => page.waitForTimeout(SPAN * 1_000), SPAN * 1_000 + 10_000);
  await shot(page, "weight-light-desktop");
  const count = Number(await page.getByRole("grid").getAttribute("aria-rowcount")) - 1;
  console.log(`     ${count} containers, ${SPAN} s after the login`);
  story.figure("server resident (MB)", memory("VmRSS"), { below: 25 });
  story.figure("server resident at its peak (MB)", memory("VmHWM"), { below: 60 });
}

let failed = null;
try {
  await main();
} catch (error) {
  failed = error;
} finally {
  await browser?.close();
  server?.child.kill("SIGKILL");
  fs.rmSync(folder, { recursive: true, force: true });
}
console.log(`figures ${JSON.stringify(story.figures)}`);
if (failed) {
  console.error(failed.stack);
  process.exitCode = 1;
}
