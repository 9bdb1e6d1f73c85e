// Runs axe on every room and every overlay, dark and light, desktop and phone. Exits 1 at a violation.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { open, signIn } from "./browser.mjs";

const base = process.argv[2] ?? "http://127.0.0.1:3626";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let violations = 0;

for (const [size, viewport] of [["desktop", { width: 1440, height: 900 }], ["phone", { width: 390, height: 844 }]]) {
  for (const colorScheme of ["light", "dark"]) {
    const { page, close } = await open({ viewport, colorScheme, bypassCSP: true });
    const check = async (name) => {
      await page.evaluate(axe);
      const { violations: found } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
      for (const v of found) {
        violations += 1;
        console.log(`${name} ${size} ${colorScheme}: ${v.id} (${v.impact}): ${v.help}`);
        for (const node of v.nodes.slice(0, 3)) console.log(`   ${node.html.slice(0, 160)}\n   ${node.any.concat(node.all, node.none).map((c) => c.message).join("; ").slice(0, 220)}`);
      }
    };
    await page.goto(base);
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    await check("login");
    await signIn(page, base);
    await page.waitForTimeout(800);
    await check("overview");
    await page.goto(`${base}/#/containers`);
    const row = page.getByRole("row").nth(1);
    await row.waitFor();
    await page.waitForTimeout(800);
    await check("containers");
    await row.getByRole("button", { name: /^Actions for/ }).click();
    await check("menu");
    await page.getByRole("menuitem", { name: "Remove…" }).click();
    await check("remove");
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("stop");
    await check("palette");
    await page.keyboard.press("Escape");
    await page.goto(`${base}/#/containers?q=nothing-like-this`);
    await page.getByRole("button", { name: "Clear the filter" }).last().waitFor();
    await check("filtered to nothing");
    await page.goto(`${base}/#/containers?q=api`);
    const href = await row.getByRole("link").first().getAttribute("href");
    for (const tab of ["", "/logs", "/environment", "/inspect"]) {
      await page.goto(`${base}/${href}${tab}`);
      await page.waitForTimeout(900);
      await check(`container${tab}`);
    }
    await page.goto(`${base}/#/events`);
    await page.waitForTimeout(500);
    await check("events");
    await page.goto(`${base}/#/nowhere`);
    await page.waitForTimeout(200);
    await check("not found");
    await close();
  }
}
console.log(`${violations} violations`);
if (violations > 0) process.exitCode = 1;
