// The page on a real engine, as a newcomer meets it: the setup link, the first account, a container that appears, is
// stopped, talks; the engine lost and regained. Screenshots on the way, light and dark, desktop and phone.
//
// Environment: LONGSHORE_BIN, ENGINE_SOCKET, IMAGE, RUN (the label by which what is made is swept), ARTIFACTS;
// PORTRAIT: seconds to look at the table for the picture in the documentation, which no other run makes.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { Engine } from "./lib/engine.mjs";
import { launch, open, shot, violations } from "./lib/page.mjs";
import { Server } from "./lib/server.mjs";
import { Story, same } from "./lib/story.mjs";
import { Wire } from "./lib/wire.mjs";

const { LONGSHORE_BIN, ENGINE_SOCKET, IMAGE, RUN } = process.env;
const PASSWORD = "a sentence is fine";
/** Behind every name when somebody else's containers have these already. */
let tag = "";
const named = (what) => `${what}${tag}`;

const story = new Story();
const engine = new Engine(ENGINE_SOCKET, RUN);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "longshore-page-"));
const wire = new Wire(path.join(folder, "wire.sock"), ENGINE_SOCKET);
let server, browser;

const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
const go = (page, room) => page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: room, exact: true }).click();

/** Every room, in this theme and size: kept as pictures, and held against axe. */
async function look(page, theme, size, containerId, goneId) {
  const rooms = {
    overview: "#/", containers: "#/containers", container: `#/containers/local/${containerId.slice(0, 12)}`,
    logs: `#/containers/local/${containerId.slice(0, 12)}/logs`, events: "#/events",
    gone: `#/containers/local/${goneId.slice(0, 12)}/deaths`,
  };
  await page.emulateMedia({ colorScheme: theme });
  // Off everything that would look pointed at.
  await page.mouse.move(0, 0);
  for (const [name, hash] of Object.entries(rooms)) {
    await page.goto(`${server.url}/${hash}`);
    await page.getByRole("heading", { level: 1 }).first().waitFor();
    if (name === "logs") await page.getByRole("log").getByText("order ").first().waitFor();
    else if (name === "gone") await page.getByText("the source is not there").first().waitFor();
    else if (name === "containers") await row(page, named("shop-web")).getByText("Running").waitFor();
    // A chart and a strip want a few samples.
    if (["overview", "containers", "container"].includes(name)) await page.waitForTimeout(2_500);
    await shot(page, `${name}-${theme}-${size}`);
    same(await violations(page), [], `axe, ${name}, ${theme}, ${size}`);
  }
}

/** A livelier table, looked at for a while: `docs/screenshot.png` is this one, copied by hand. */
async function portrait(page) {
  const work = (busy, idle, hold) => `trap 'exit 0' TERM; h=$(yes 0123456789abcdef | head -c ${hold}); while :; do n=0; while [ $n -lt $((${busy} * (1 + i % 5))) ]; do n=$((n+1)); done; i=$((i+1)); echo pass $i; sleep ${idle} & wait $!; done`;
  const check = { Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 20e9, Timeout: 2e9, Retries: 1 } };
  for (const [i, [name, project]] of [
    ["mail-in", "mail"], ["mail-out", "mail"], ["mail-spam", "mail"], ["metrics-store", "metrics"], ["metrics-agent", "metrics"],
    ["photos", "home"], ["photos-index", "home"], ["wiki", "home"],
  ].entries()) {
    const line = work(4_000 * (1 + ((i * 5) % 7)), 1, 400_000 * (1 + ((i * 3) % 8)));
    const host = { NetworkMode: "bridge", PortBindings: i % 3 === 0 ? { [`${8000 + i}/tcp`]: [{}] } : {} };
    const more = { ...(i % 2 ? {} : check), ExposedPorts: { [`${8000 + i}/tcp`]: {} }, host, labels: { "com.docker.compose.project": project } };
    await engine.start(await engine.create(named(name), IMAGE, line, more));
  }
  await page.setViewportSize({ width: 1280, height: 720 });
  await go(page, "Containers");
  await page.mouse.move(0, 0);
  await page.waitForTimeout(Number(process.env.PORTRAIT) * 1_000);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await shot(page, `portrait-${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1440, height: 900 });
}

async function main() {
  await wire.mend();
  server = await story.step("the server starts and gives a setup link", () => Server.start(LONGSHORE_BIN, `unix://${wire.path}`, path.join(folder, "data")));
  browser = await launch();
  const page = await open(browser);

  const shop = ["web", "search", "db", "cache", "queue", "mail"].map((what) => `shop-${what}`);
  const taken = await engine.names();
  if ([...shop, "nightly-import", "meanwhile"].some((name) => taken.includes(name))) tag = `-${Math.random().toString(16).slice(2, 6)}`;
  const talk = "trap 'exit 0' TERM; i=0; while :; do i=$((i+1)); echo \"order $i: $((i*7)) boxes, from shelf $((i%9))\"; [ $((i%5)) = 0 ] && echo \"warn: shelf $((i%9)) is nearly empty\" >&2; sleep 1 & wait $!; done";
  const quiet = "trap 'exit 0' TERM; while :; do sleep 5 & wait $!; done";
  const busy = "trap 'exit 0' TERM; while :; do i=$((i+1)); done";
  const check = (line) => ({ Healthcheck: { Test: ["CMD-SHELL", line], Interval: 2e9, Timeout: 2e9, Retries: 1 } });
  const made = {};
  for (const [name, line, more] of [
    ["web", talk, { ...check("true"), ExposedPorts: { "80/tcp": {} }, host: { NetworkMode: "bridge", PortBindings: { "80/tcp": [{}] } } }],
    ["search", busy, { host: { NetworkMode: "none", NanoCpus: 40_000_000 } }],
    ["db", quiet, check("true")],
    ["cache", quiet, {}],
    ["queue", quiet, check("false")],
    ["mail", quiet, {}],
  ]) {
    made[name] = await engine.create(named(`shop-${name}`), IMAGE, line, { labels: { "com.docker.compose.project": "shop" }, ...more });
    await engine.start(made[name]);
  }
  const web = made.web;
  const nightly = await engine.create(named("nightly-import"), IMAGE, "echo the source is not there >&2; exit 3");
  await engine.start(nightly);

  await story.step("a page without an account says what to do", async () => {
    await page.goto(server.url);
    await page.getByRole("heading", { level: 1 }).waitFor();
    same(await violations(page), [], "axe");
    await shot(page, "setup-required-light-desktop");
  });

  await story.step("the setup link makes the first account", async () => {
    await page.goto(server.link);
    await page.getByLabel("Name").fill("harbour");
    await page.getByRole("textbox", { name: "Password" }).fill(PASSWORD);
    same(await violations(page), [], "axe");
    await shot(page, "setup-light-desktop");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("navigation", { name: "Rooms" }).waitFor();
    same(page.url().includes("setup="), false, "the token is gone from the address");
  });

  await story.step("one signs out and in again", async () => {
    await page.getByRole("button", { name: /^Account/ }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Name").fill("harbour");
    await page.getByLabel("Password").fill("not this one");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await shot(page, "login-light-desktop");
    same(await violations(page), [], "axe");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("navigation", { name: "Rooms" }).waitFor();
  });

  await story.step("the table shows what runs", async () => {
    await go(page, "Containers");
    await row(page, named("shop-web")).getByText("Running").waitFor();
    await row(page, named("nightly-import")).getByText("Exited (3)").waitFor();
    await row(page, named("shop-queue")).getByText("unhealthy").waitFor();
    await row(page, named("shop-web")).getByText(/\d+:80|\d+→80|:\d+/).first().waitFor();
  });

  await story.step("a container started outside appears within a second", async () => {
    const took = [];
    for (let i = 0; i < 5; i += 1) {
      const name = named(`passing-${i}`);
      const id = await engine.create(name, IMAGE, quiet);
      await row(page, name).waitFor();
      const shown = page.evaluate((name) => new Promise((resolve) => {
        const look = () => {
          const link = [...document.querySelectorAll("[role=row] a")].find((a) => a.textContent.trim() === name);
          if (link?.closest("[role=row]").textContent.includes("Running")) resolve(performance.timeOrigin + performance.now());
          else requestAnimationFrame(look);
        };
        look();
      }), name);
      await engine.start(id);
      const started = performance.timeOrigin + performance.now();
      took.push(Math.max(0, (await shown) - started));
      await engine.remove(id);
      await row(page, name).waitFor({ state: "detached" });
    }
    took.sort((a, b) => a - b);
    story.figure("started outside, shown after (ms, worst of 5)", took[4], { below: 1_000 });
    story.figure("started outside, shown after (ms, median)", took[2], { below: 250 });
  }, 60_000);

  await story.step("it is stopped from the page", async () => {
    const name = named("shop-mail");
    await row(page, name).hover();
    await page.getByRole("button", { name: `Stop ${name}`, exact: true }).click();
    await row(page, name).getByText(/Exited/).waitFor();
    const { State } = await engine.inspect(name);
    same(State.Running, false, "by the engine's own word");
  });

  await story.step("removing asks first, naming what goes", async () => {
    const name = named("shop-mail");
    await page.getByRole("button", { name: `Actions for ${name}` }).click();
    await page.getByRole("menuitem", { name: "Remove…" }).click();
    const dialog = page.getByRole("dialog", { name: `Remove ${name}?` });
    await dialog.getByText("cannot be brought back").waitFor();
    same(await violations(page), [], "axe, dialog");
    await shot(page, "remove-light-desktop");
    await dialog.getByRole("button", { name: "Remove", exact: true }).click();
    await row(page, name).waitFor({ state: "detached" });
  });

  await story.step("the filter and the keys find a container", async () => {
    await page.keyboard.press("/");
    await page.keyboard.type(named("shop-web"));
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("tablist").waitFor();
    same(await page.getByRole("heading", { level: 1 }).first().textContent(), named("shop-web"), "the room's title");
  });

  await story.step("its log is followed", async () => {
    await page.getByRole("tab", { name: "Logs" }).click();
    const log = page.getByRole("log");
    const last = async () => Number(/order (\d+)/.exec((await log.getByText(/order \d+/).last().textContent()) ?? "")?.[1]);
    await log.getByText(/order \d+/).first().waitFor();
    const before = await last();
    await page.waitForFunction((next) => document.querySelector("[role=log]")?.textContent.includes(`order ${next}:`), before + 2);
  });

  await story.step("events are told", async () => {
    await go(page, "Events");
    await page.getByText(named("shop-mail")).first().waitFor();
  });

  await story.step("how a container ended is told, with its last words", async () => {
    await go(page, "Containers");
    await row(page, named("nightly-import")).getByRole("link", { name: named("nightly-import"), exact: true }).click();
    await page.getByRole("tab", { name: "Deaths" }).click();
    const ends = page.getByRole("list", { name: /Ends of this container/ });
    await ends.getByText("Exit code 3").waitFor();
    await ends.getByText("the source is not there").waitFor();
    for (const theme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: theme });
      same(await violations(page), [], `axe, deaths, ${theme}`);
      await shot(page, `deaths-${theme}-desktop`);
    }
    await page.emulateMedia({ colorScheme: "light" });
  });

  await story.step("its next end is told while one looks", async () => {
    const ends = page.getByRole("list", { name: /Ends of this container/ });
    same(await ends.getByRole("listitem").count(), 1, "ends");
    await engine.start(nightly);
    await ends.getByRole("listitem").nth(1).waitFor();
    same(await ends.getByRole("heading", { name: "Exit code 3" }).count(), 2, "ends");
  });

  await story.step("what failed is on the overview at once, also what is gone by then", async () => {
    await go(page, "Overview");
    const section = page.getByRole("region", { name: "Recently ended" });
    await section.getByRole("link", { name: named("nightly-import") }).waitFor();
    const [fine, fails] = [named("one-off-fine"), named("one-off")];
    for (const [name, line] of [[fine, "exit 0"], [fails, "exit 4"]]) {
      const id = await engine.create(name, IMAGE, line, { host: { NetworkMode: "none", AutoRemove: true } });
      await engine.start(id);
    }
    const started = performance.now();
    await section.getByRole("link", { name: `${fails} exit code 4` }).waitFor();
    story.figure("ended, shown after (ms)", performance.now() - started, { below: 3_000 });
    await section.getByRole("link", { name: `${fails} exit code 4 removed` }).waitFor();
    same(await section.getByRole("link", { name: fine }).count(), 0, "ends without failure");
    const asked = named("asked-for");
    const killed = await engine.create(asked, IMAGE, "while :; do sleep 1; done");
    await engine.start(killed);
    await engine.call("POST", `/containers/${killed}/kill`);
    await section.getByRole("button", { name: "All" }).click();
    await section.getByRole("link", { name: `${fine} exit code 0` }).waitFor();
    // What somebody asked for is no failure.
    await section.getByRole("link", { name: `${asked} exit code 137` }).waitFor();
    same(await page.getByRole("region", { name: "Needs attention" }).getByRole("link", { name: asked }).count(), 0, "complaints of what was asked for");
    await section.getByRole("button", { name: "Failed" }).click();
    await section.getByRole("link", { name: fine }).waitFor({ state: "detached" });
    same(await section.getByRole("link", { name: asked }).count(), 0, "failures of what was asked for");
    for (const theme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: theme });
      same(await violations(page), [], `axe, ended, ${theme}`);
    }
    await page.emulateMedia({ colorScheme: "light" });
    await section.getByRole("link", { name: `${fails} exit code 4` }).click();
    await page.getByRole("heading", { name: fails }).waitFor();
    const ends = page.getByRole("list", { name: /Ends of this container/ });
    await ends.getByRole("heading", { name: "Exit code 4" }).waitFor();
    same(await ends.locator("[aria-current=true]").count(), 1, "the end that was asked for");
  });

  await story.step("the hour is drawn in steps, with their peaks", async () => {
    await page.goto(`${server.url}/#/containers/local/${web.slice(0, 12)}`);
    await page.getByRole("button", { name: "1 h" }).click();
    const chart = page.getByRole("figure", { name: "CPU over time" });
    await chart.getByText("average and peak").waitFor();
    await chart.getByText("No figures yet").waitFor({ state: "detached", timeout: 25_000 });
    const box = await chart.getByRole("img").boundingBox();
    await page.mouse.move(box.x + box.width - 10, box.y + box.height / 2);
    await chart.getByText(/^peak \d/).waitFor();
    same(await violations(page), [], "axe, the hour");
    await shot(page, "hour-light-desktop");
  }, 40_000);

  await story.step("and still when it is gone", async () => {
    await page.goto(`${server.url}/#/containers/local/${nightly.slice(0, 12)}/deaths`);
    await page.getByRole("tablist").waitFor();
    await engine.remove(nightly);
    const ends = page.getByRole("list", { name: /Ends of this container/ });
    await page.getByText("This container was removed").waitFor();
    await ends.getByText(/removed/).first().waitFor();
    // For who comes to it later, by its address alone.
    await page.reload();
    await page.getByRole("heading", { name: named("nightly-import") }).waitFor();
    await page.getByText(/^Removed /).waitFor();
    await ends.getByText("the source is not there").first().waitFor();
    same(await violations(page), [], "axe, deaths of what is gone");
  });

  await story.step("every room is sound in both themes and sizes", async () => {
    for (const size of ["desktop", "phone"]) {
      await page.setViewportSize(size === "desktop" ? { width: 1440, height: 900 } : { width: 390, height: 844 });
      for (const theme of ["light", "dark"]) await look(page, theme, size, web, nightly);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.emulateMedia({ colorScheme: "light" });
  }, 120_000);

  if (process.env.PORTRAIT) await story.step("the picture for the documentation", () => portrait(page), 180_000);

  await story.step("the engine is lost: the rows stay, marked", async () => {
    await go(page, "Containers");
    await row(page, named("shop-web")).waitFor();
    await wire.cut();
    await page.getByText("Engine lost").waitFor();
    await page.getByRole("alert").getByText("cannot be reached").waitFor();
    await row(page, named("shop-web")).getByText("stale").waitFor();
    same(await violations(page), [], "axe, lost");
    await shot(page, "lost-light-desktop");
  });

  await story.step("and regained: the page shows what happened meanwhile", async () => {
    const name = named("meanwhile");
    await engine.start(await engine.create(name, IMAGE, quiet));
    await wire.mend();
    await row(page, name).getByText("Running").waitFor({ timeout: 30_000 });
    await page.getByRole("status").getByText("Live", { exact: true }).waitFor();
    same(await row(page, named("shop-web")).getByText("stale").count(), 0, "rows that are stale");
  }, 45_000);

  await story.step("the server goes and comes: the page says so", async () => {
    server.child.kill("SIGSTOP");
    server.child.kill("SIGCONT");
    const kib = Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${server.child.pid}/status`, "utf8"))?.[1]);
    story.figure("server resident after the story (MB)", (kib * 1024) / 1e6);
    same(await server.stop(), 0, "the server's exit");
    await page.getByText("Not connected to the server").waitFor();
    await shot(page, "disconnected-light-desktop");
    const name = named("since-then");
    await engine.start(await engine.create(name, IMAGE, quiet));
    server = await Server.start(LONGSHORE_BIN, `unix://${wire.path}`, path.join(folder, "data"), new URL(server.url).host);
    // Signed in as before, and everything that was looked at is followed again.
    await row(page, name).getByText("Running").waitFor({ timeout: 20_000 });
    same(await server.stop(), 0, "the server's exit");
  }, 45_000);

  // An answer of 401 is how the page learns that nobody is signed in; a lost server is in this story too.
  const expected = /status of 401|status of 429|ERR_CONNECTION|WebSocket|Failed to fetch|status of 50[234]/;
  same(page.complaints.filter((complaint) => !expected.test(complaint)), [], "complaints of the browser");
}

let failed = null;
try {
  await main();
} catch (error) {
  failed = error;
  const [page] = browser?.contexts().flatMap((context) => context.pages()) ?? [];
  if (page) {
    await shot(page, "failed").catch(() => {});
    console.log((await page.locator("body").ariaSnapshot().catch(() => "")).slice(0, 6_000));
    console.log(page.complaints.join("\n"));
  }
} finally {
  await browser?.close();
  server?.child.kill("SIGKILL");
  await wire.cut().catch(() => {});
  await engine.sweep();
  fs.rmSync(folder, { recursive: true, force: true });
}
console.log(`figures ${JSON.stringify(story.figures)}`);
if (failed) {
  console.error(failed.stack);
  process.exitCode = 1;
}
