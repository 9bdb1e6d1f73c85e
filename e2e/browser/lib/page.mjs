// A browser, and what is asked of every page: nothing on the console, nothing foreign, no violation that axe finds.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

export function launch() {
  const executablePath = process.env.LONGSHORE_CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, headless: true, args: FLAGS });
}

/** A page of its own profile that keeps what it had to complain about. */
export async function open(browser, { size = "desktop", theme = "light" } = {}) {
  // A strict policy for what the page may load must not keep axe out: it is injected past it, the policy itself is
  // tested by the server's own tests and by `foreign` here.
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme: theme, bypassCSP: false });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") page.complaints.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (hostname !== "127.0.0.1" && !["data:", "blob:"].includes(protocol)) page.complaints.push(`foreign: ${request.url()}`);
  });
  return page;
}

/** What axe finds, in words; empty when all is well. */
export async function violations(page) {
  await page.evaluate(fs.readFileSync(AXE, "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, failureSummary }) => `${id} (${help}) at ${target}: ${failureSummary}`));
}

export async function shot(page, name) {
  const folder = process.env.ARTIFACTS ?? "artifacts";
  fs.mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`), animations: "disabled" });
}
