// SPDX-License-Identifier: Apache-2.0
// The console in a real browser, on the demo's three nodes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { done, openBrowser, startDemo, stopDemo } from "./lib.mjs";
import { signInTests } from "./sign-in.mjs";
import { pageTests } from "./pages.mjs";
import { workTests } from "./work.mjs";
import { ledgerTests } from "./ledger.mjs";
import { hostileTests } from "./hostile.mjs";
import { streamTests } from "./stream.mjs";
import { webauthnTests } from "./webauthn.mjs";

const folder = mkdtempSync(join(tmpdir(), "lug-browser-"));
const consoles = startDemo(join(folder, "demo"));
const browser = await openBrowser();
try {
  const who = (language, officer = "duty-officer") => consoles.find((c) => c.language === language && c.officer === officer);
  const world = { browser, consoles, who, folder };
  await signInTests(world);
  await pageTests(world);
  await workTests(world);
  await ledgerTests(world);
  await hostileTests(world);
  await streamTests(world);
  await webauthnTests(world);
} finally {
  await browser.close();
  stopDemo(consoles);
  rmSync(folder, { recursive: true, force: true });
}
done();
