// Measures what a person would feel with many containers: the time between frames and the longest tasks while the table
// updates, is scrolled, sorted by CPU and filtered. node dev/mock.mjs --count 1000 first.
import { open, signIn } from "./browser.mjs";

const base = process.argv[2] ?? "http://127.0.0.1:3626";
const { page, close, complaints } = await open({ viewport: { width: 1440, height: 900 } });
await signIn(page, base);
await page.goto(`${base}/#/containers`);
await page.getByRole("row").nth(1).waitFor();
await page.waitForTimeout(3000);

async function measure(name, work) {
  await page.evaluate(() => {
    const m = (globalThis.measured = { deltas: [], tasks: [], on: true });
    let last = performance.now();
    const frame = (now) => {
      m.deltas.push(now - last);
      last = now;
      if (m.on) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    m.observer = new PerformanceObserver((list) => m.tasks.push(...list.getEntries().map((e) => e.duration)));
    m.observer.observe({ type: "longtask" });
  });
  await work();
  const { deltas, tasks } = await page.evaluate(() => {
    const m = globalThis.measured;
    m.on = false;
    m.observer.disconnect();
    return { deltas: m.deltas.slice(2), tasks: m.tasks };
  });
  deltas.sort((a, b) => a - b);
  const at = (q) => (deltas[Math.min(deltas.length - 1, Math.floor(deltas.length * q))] ?? 0).toFixed(1);
  console.log(`${name}: ${deltas.length} frames, median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms; tasks over 50 ms: ${tasks.length}${tasks.length ? ` (${tasks.map((t) => t.toFixed(0)).join(", ")})` : ""}`);
}

const scroll = (selector) => page.evaluate(async (s) => {
  const box = document.querySelector(s);
  let to = 0;
  for (let i = 0; i < 240; i += 1) {
    to += i < 120 ? 180 : -180;
    box.scrollTop = to;
    await new Promise((r) => requestAnimationFrame(r));
  }
}, selector);
const list = "[role=grid] > div:last-child";

console.log(`rows: ${await page.getByRole("grid").getAttribute("aria-rowcount")}`);
await measure("updates", () => page.waitForTimeout(10_000));
await measure("scroll", () => scroll(list));
await page.getByRole("button", { name: "CPU" }).click();
await page.mouse.move(5, 500);
await measure("sorted by CPU, updates", () => page.waitForTimeout(8_000));
await measure("sorted by CPU, scroll", () => scroll(list));
await measure("filter typed", async () => {
  await page.keyboard.press("/");
  await page.keyboard.type("cpu>20 -name:redis", { delay: 60 });
  await page.waitForTimeout(3000);
});
await page.goto(`${base}/#/events`);
await page.waitForTimeout(500);
await measure("events", () => page.waitForTimeout(4000));
await page.goto(`${base}/#/containers?q=api`);
const href = await page.getByRole("row").nth(1).getByRole("link").first().getAttribute("href");
await page.goto(`${base}/${href}`);
await page.waitForTimeout(800);
await measure("one container", () => page.waitForTimeout(5000));
await page.goto(`${base}/${href}/logs`);
await page.waitForTimeout(800);
await measure("logs followed", () => page.waitForTimeout(5000));
for (const line of complaints) if (!line.includes("401")) console.log(line);
await close();
