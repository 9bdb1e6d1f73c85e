// A thousand containers that never rest, on the fake engine: the table scrolls and updates without a frame over 50 ms.
//
// Environment: LONGSHORE_BIN, FAKE_ENGINE_BIN, ARTIFACTS.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { launch, open, shot } from "./lib/page.mjs";
import { Server } from "./lib/server.mjs";
import { Story } from "./lib/story.mjs";

const { LONGSHORE_BIN, FAKE_ENGINE_BIN } = process.env;
const COUNT = 1_000;
const story = new Story();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "longshore-thousand-"));
let fake, server, browser;

/** Frames while `work` goes on: the longest pause between two, and the longest task of the main thread. */
async function frames(page, name, work) {
  await page.evaluate(() => {
    globalThis.seen = { frames: 0, over: [], tasks: [], on: true };
    globalThis.observer = new PerformanceObserver((list) => globalThis.seen.tasks.push(...list.getEntries().map((e) => e.duration)));
    globalThis.observer.observe({ type: "longtask" });
    let before = performance.now();
    const tick = (now) => {
      globalThis.seen.frames += 1;
      if (now - before > 50) globalThis.seen.over.push(now - before);
      before = now;
      if (globalThis.seen.on) requestAnimationFrame(tick);
    };
    requestAnimationFrame((now) => {
      before = now;
      requestAnimationFrame(tick);
    });
  });
  await work();
  const seen = await page.evaluate(() => {
    globalThis.seen.on = false;
    globalThis.observer.disconnect();
    return globalThis.seen;
  });
  const most = (list) => Math.max(0, ...list);
  console.log(`     ${name}: ${seen.frames} frames, over 50 ms: ${JSON.stringify(seen.over.map(Math.round))}, tasks over 50 ms: ${JSON.stringify(seen.tasks.map(Math.round))}`);
  story.figure(`${name}: longest task over 50 ms (0 is none)`, most(seen.tasks));
  story.figure(`${name}: longest frame over 50 ms (0 is none)`, most(seen.over));
  return seen;
}

async function main() {
  const socket = path.join(folder, "fake.sock");
  fake = spawn(FAKE_ENGINE_BIN, ["--listen", `unix://${socket}`, "--containers", String(COUNT), "--churn", "20"], { stdio: ["ignore", "pipe", "inherit"] });
  const first = readline.createInterface({ input: fake.stdout });
  await story.step("a fake engine with a thousand containers starts", () => new Promise((resolve, reject) => {
    fake.once("error", reject);
    first.once("line", resolve);
  }));
  server = await story.step("the server starts", () => Server.start(LONGSHORE_BIN, `unix://${socket}`, path.join(folder, "data")));
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
  const seen = [];
  seen.push(await story.step("it updates", () => frames(page, "updating", () => page.waitForTimeout(5_000))));
  await page.getByRole("grid").hover();
  seen.push(await story.step("it scrolls", () => frames(page, "scrolling", async () => {
    for (let i = 0; i < 150; i += 1) {
      await page.mouse.wheel(0, i < 100 ? 300 : -450);
      await page.waitForTimeout(16);
    }
  }), 30_000));
  await shot(page, "thousand-light-desktop");
  const kib = Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${server.child.pid}/status`, "utf8"))?.[1]);
  story.figure("server resident with a thousand containers (MB)", (kib * 1024) / 1e6);
  const bad = seen.flatMap(({ tasks }) => tasks);
  // The page's own work; a frame may also wait for the processors of this machine, which other tests share.
  if (bad.length > 0) throw new Error(`${bad.length} tasks of the page held a frame for more than 50 ms, the longest ${Math.round(Math.max(...bad))} ms`);
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
  fake?.kill("SIGTERM");
  fs.rmSync(folder, { recursive: true, force: true });
}
console.log(`figures ${JSON.stringify(story.figures)}`);
if (failed) {
  console.error(failed.stack);
  process.exitCode = 1;
}
