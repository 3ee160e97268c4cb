// SPDX-License-Identifier: Apache-2.0
// The pictures of README.md and docs/console.md, from the demo: scripts/pictures.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lug, openBrowser, originOf, signIn, startDemo, stopDemo } from "./lib.mjs";

const out = process.argv[2] ?? "docs/pictures";
const VIEW = { width: 1280, height: 800 };
const folder = mkdtempSync(join(tmpdir(), "lug-pictures-"));
const consoles = startDemo(join(folder, "demo"));
const browser = await openBrowser();
mkdirSync(out, { recursive: true });

async function take(page, name, at) {
  if (at) await page.locator(at).first().scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(out, `${name}.png`), animations: "disabled" });
}

try {
  const who = consoles.find((c) => c.language === "fr" && c.officer === "duty-officer");
  const origin = originOf(who);
  const context = await signIn(browser, who, { viewport: VIEW, timezoneId: "Europe/Paris" });
  const page = await context.newPage();
  const english = (path) => `${origin}${path}${path.includes("?") ? "&" : "?"}language=en`;
  const it = consoles.find((c) => c.language === "it" && c.officer === "duty-officer");
  const rome = await signIn(browser, it, { viewport: VIEW });
  const desk = await rome.newPage();
  await desk.goto(`${originOf(it)}/v1/desk?language=en`);
  await take(desk, "desk");
  const flash = lug(it.folder, "duty-officer", "request", "list", "--direction", "in", "--class", "FLASH").requests[0];
  await desk.goto(`${originOf(it)}/v1/requests/${flash.id}?language=en`);
  await take(desk, "request");
  const victim = JSON.parse(readFileSync(join(folder, "demo/chain/scenario.json"), "utf8")).victims[0];
  await page.goto(english("/v1/ledger/traces"));
  await page.fill("#seeds", victim.outpoint);
  await page.fill("#hops", "6");
  await page.click("main form button.main");
  await page.waitForSelector("svg.graph rect", { timeout: 30_000 });
  await page.goto(english(`${new URL(page.url()).pathname}?level=relations`));
  await take(page, "trace", "#flow");
  await page.goto(english("/v1/duty/roster"));
  await take(page, "roster");
} finally {
  await browser.close();
  stopDemo(consoles);
  rmSync(folder, { recursive: true, force: true });
}
