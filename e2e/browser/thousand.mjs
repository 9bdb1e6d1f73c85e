// A thousand containers that never rest, on a fake engine: the table scrolls and updates without a frame over 50 ms.
//
// Environment: LONGSHORE_BIN, ENGINE_SOCKET (`longshore-fake-engine --containers 1000 --churn 20`), COUNT, ARTIFACTS.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { launch, open, shot } from "./lib/page.mjs";
import { Server } from "./lib/server.mjs";
import { Story } from "./lib/story.mjs";

const { LONGSHORE_BIN, ENGINE_SOCKET } = process.env;
const COUNT = Number(process.env.COUNT ?? 1_000);
const story = new Story();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "longshore-thousand-"));
let server, browser;

/**
 * Frames while `work` goes on. Pauses between frames are by the clock, so they tell of everything that this machine
 * does; tasks of the page's main thread are by its own processor time, which is the page's alone.
 */
async function frames(page, name, work) {
  await page.evaluate(() => {
    globalThis.seen = { frames: 0, over: [], on: true };
    let before = performance.now();
    const tick = (now) => {
      globalThis.seen.frames += 1;
      if (now - before > 50) globalThis.seen.over.push(Math.round(now - before));
      before = now;
      if (globalThis.seen.on) requestAnimationFrame(tick);
    };
    requestAnimationFrame((now) => {
      before = now;
      requestAnimationFrame(tick);
    });
  });
  await browser.startTracing(page, { categories: ["disabled-by-default-devtools.timeline", "toplevel"] });
  await work();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const seen = await page.evaluate(() => {
    globalThis.seen.on = false;
    return globalThis.seen;
  });
  const mains = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid}/${tid}`));
  const tasks = traceEvents.filter(({ name, pid, tid, tdur }) => name.endsWith("RunTask") && tdur && mains.has(`${pid}/${tid}`));
  if (tasks.length === 0) throw new Error("the trace holds no task");
  const longest = Math.max(...tasks.map(({ tdur }) => tdur)) / 1_000;
  const busy = tasks.reduce((sum, { tdur }) => sum + tdur, 0) / 1_000;
  console.log(`     ${name}: ${seen.frames} frames, ${tasks.length} tasks, ${Math.round(busy)} ms of them; frames over 50 ms by the clock: ${JSON.stringify(seen.over)}`);
  story.figure(`${name}: frames over 50 ms by the clock`, seen.over.length);
  story.figure(`${name}: longest task of the page (ms of processor time)`, longest, { below: 50 });
}

async function main() {
  server = await story.step("the server starts", () => Server.start(LONGSHORE_BIN, `unix://${ENGINE_SOCKET}`, path.join(folder, "data")));
  browser = await launch();
  const page = await open(browser);
  await story.step("all of them are listed", async () => {
    await page.goto(server.link);
    await page.getByLabel("Name").fill("harbour");
    await page.getByRole("textbox", { name: "Password" }).fill("a sentence is fine");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: "Containers", exact: true }).click();
    await page.waitForFunction((count) => Number(document.querySelector("[role=grid]")?.getAttribute("aria-rowcount")) > count * 0.95, COUNT);
  });
  // What is compiled and laid out for the first time is not what is measured.
  await page.waitForTimeout(3_000);
  await story.step("it updates", () => frames(page, "updating", () => page.waitForTimeout(5_000)));
  await page.getByRole("grid").hover();
  await story.step("it scrolls", () => frames(page, "scrolling", async () => {
    for (let i = 0; i < 150; i += 1) {
      await page.mouse.wheel(0, i < 100 ? 300 : -450);
      await page.waitForTimeout(16);
    }
  }), 60_000);
  await shot(page, "thousand-light-desktop");
  const kib = Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${server.child.pid}/status`, "utf8"))?.[1]);
  story.figure("server resident with a thousand containers (MB)", (kib * 1024) / 1e6);
}

let failed = null;
try {
  await main();
} catch (error) {
  failed = error;
  const [page] = browser?.contexts().flatMap((context) => context.pages()) ?? [];
  if (page) await shot(page, "thousand-failed").catch(() => {});
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
