// Screenshots of every room against a running mock server, dark and light, desktop and phone, and what the browser
// complained about. node dev/shots.mjs [--out dir] [--base url] [--only substring]
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { open, signIn } from "./browser.mjs";

const { values: flag } = parseArgs({ options: { out: { type: "string", default: "shots" }, base: { type: "string", default: "http://127.0.0.1:3626" }, only: { type: "string", default: "" } } });
mkdirSync(flag.out, { recursive: true });

const ROOMS = [
  ["overview", "#/"],
  ["containers", "#/containers"],
  ["filtered", "#/containers?q=state:running+cpu>5&sort=-cpu"],
  ["container", null],
  ["logs", "/logs"],
  ["environment", "/environment"],
  ["inspect", "/inspect"],
  ["events", "#/events"],
];
const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    const { page, close, complaints } = await open({ viewport, colorScheme, isMobile: size === "phone", hasTouch: size === "phone" });
    await signIn(page, flag.base);
    for (const [name, hash] of ROOMS) {
      const label = `${name}-${size}-${colorScheme}`;
      if (!label.includes(flag.only)) continue;
      if (hash?.startsWith("#")) await page.goto(`${flag.base}/${hash}`);
      else {
        await page.goto(`${flag.base}/#/containers?q=api`);
        await page.getByRole("row").nth(1).getByRole("link").first().waitFor();
        const href = await page.getByRole("row").nth(1).getByRole("link").first().getAttribute("href");
        await page.goto(`${flag.base}/${href}${hash ?? ""}`);
      }
      await page.waitForTimeout(1600);
      await page.screenshot({ path: `${flag.out}/${label}.png` });
    }
    for (const line of complaints) console.log(`${size} ${colorScheme}: ${line}`);
    await close();
  }
}
