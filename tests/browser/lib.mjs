// SPDX-License-Identifier: Apache-2.0
// What the browser tests share: the demo's nodes, a browser, signing in, TAP lines.
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createRequire } from "node:module";

const require = createRequire(join(process.env.LUG_NODE_MODULES ?? process.cwd(), "x.js"));
export const { chromium } = require("playwright-core");
export const axePath = require.resolve("axe-core/axe.min.js");

const bin = join(process.env.LUG_BUILD ?? "build", "bin");
export const shots = process.env.LUG_SHOTS ?? join(process.env.LUG_BUILD ?? "build", "screenshots");

// ---- TAP ----
let number = 0;
let failed = 0;
const wanted = process.argv[2];
export async function test(name, body) {
  if (wanted && !name.includes(wanted)) return;
  const start = Date.now();
  try {
    await body();
    console.log(`ok ${++number} - ${name} # ${Date.now() - start} ms`);
  } catch (e) {
    failed++;
    console.log(`not ok ${++number} - ${name}`);
    for (const line of String(e?.stack ?? e).split("\n").slice(0, 14)) console.log(`# ${line}`);
  }
}
export function done() {
  console.log(`1..${number}`);
  process.exitCode = failed || !number ? 1 : 0;
}
export function check(condition, words) {
  if (!condition) throw new Error(words);
}
export function same(have, want, words = "") {
  check(JSON.stringify(have) === JSON.stringify(want), `${words}: have ${JSON.stringify(have)}, want ${JSON.stringify(want)}`);
}

// ---- nodes ----
export function startDemo(folder) {
  rmSync(folder, { recursive: true, force: true });
  execFileSync(join(bin, "lug"), ["demo", "--check", "--keep", "--json", "--dir", folder], { timeout: 120_000, stdio: ["ignore", "pipe", "inherit"] });
  return JSON.parse(readFileSync(join(folder, "consoles.json"), "utf8"));
}
export function stopDemo(consoles) {
  for (const pid of new Set(consoles.map((c) => c.pid))) try { process.kill(pid, "SIGTERM"); } catch { /* gone */ }
}
export function lug(folder, officer, ...args) {
  const out = execFileSync(join(bin, "lug"), [...args, "--json", "--node", folder, "--officer", officer], { encoding: "utf8", timeout: 30_000 });
  return JSON.parse(out);
}
export function originOf(console_) {
  return new URL(console_.url).origin;
}

// ---- one-time codes (RFC 6238): one that was not used before, waiting for the next step where needed ----
const usedSteps = new Map();
function base32(text) {
  let bits = 0n;
  for (const c of text) bits = (bits << 5n) | BigInt("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c));
  return Buffer.from(bits.toString(16).padStart(40, "0"), "hex");
}
export function codeAt(secret, step) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const tag = createHmac("sha1", base32(secret)).update(counter).digest();
  const at = tag[19] & 15;
  return String((tag.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
export async function freshCode(secret) {
  for (;;) {
    const now = Math.floor(Date.now() / 30_000);
    // One step of skew either way is allowed: three codes are good at a time, each once and in order.
    const step = Math.max(now - 1, (usedSteps.get(secret) ?? 0) + 1);
    if (step <= now + 1) {
      usedSteps.set(secret, step);
      return codeAt(secret, step);
    }
    await new Promise((r) => setTimeout(r, 500));
  }
}

// ---- browser ----
export async function openBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
}
export async function open(browser, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1366, height: 768 }, timezoneId: "Europe/Rome", ...options });
  context.setDefaultTimeout(8_000);
  return context;
}
const kept = new Map();
// A session of an officer, made once and shared: codes are single-use and scarce.
export async function signIn(browser, who, options = {}) {
  const context = await open(browser, options);
  const key = who.url + who.officer;
  if (!kept.has(key)) {
    const page = await context.newPage();
    await page.goto(who.url);
    await page.fill("#officer", who.officer);
    await page.fill("#password", who.password);
    await page.fill("#code", await freshCode(who.secret));
    await page.click('form:has(#password) button');
    await page.waitForURL("**/v1/desk");
    await page.close();
    kept.set(key, await context.cookies());
  } else {
    await context.addCookies(kept.get(key));
  }
  return context;
}
export async function shot(page, name, fullPage = true) {
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage, animations: "disabled" });
}
export async function axe(page) {
  // Run in an isolated world, which the page's policy does not govern.
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId } = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: "axe" });
  await session.send("Runtime.evaluate", { expression: readFileSync(axePath, "utf8"), contextId: executionContextId });
  const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
    expression: `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).slice(0, 3).join(" | "))))`,
    contextId: executionContextId, awaitPromise: true, returnByValue: true,
  });
  check(!exceptionDetails, `axe failed: ${exceptionDetails?.exception?.description}`);
  await session.detach();
  return JSON.parse(result.value);
}
