// SPDX-License-Identifier: Apache-2.0
// The ledger's pages: what the watch found stands on the desk; lists with wrong lines; entities and exposure.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { axe, check, originOf, same, shot, signIn, test } from "./lib.mjs";

export async function ledgerTests({ browser, who, folder }) {
  const it = who("it");
  const origin = originOf(it);
  const scenario = () => JSON.parse(readFileSync(join(folder, "demo/chain/scenario.json"), "utf8"));

  await test("what the watch found is on the desk until someone has seen it", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    await page.goto(`${origin}/v1/desk`);
    const found = page.locator('.card[id^="w"]');
    const before = await found.count();
    check(before >= 1, "an alert is there");
    same(await axe(page), []);
    await shot(page, "desk-found-it");
    await found.first().locator("button").click();
    await page.waitForURL("**/v1/watch/alerts?state=open");
    await page.goto(`${origin}/v1/watch/alerts`);
    check((await page.textContent("tbody")).includes("duty-officer"), "who has seen it");
    same(await axe(page), []);
    await page.goto(`${origin}/v1/desk`);
    check((await found.count()) < before || before === 5, "it has gone from the desk");
    await context.close();
  });

  await test("a list with wrong lines: each is named, nothing typed is lost, nothing was added", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    const victim = scenario().victims[0].address;
    await page.goto(`${origin}/v1/watch`);
    const before = await page.locator("tr[data-row]").count();
    await page.fill("#text", `${victim}\nnonsense\u202e <b>`);
    await page.fill("#note", "RM 2026/000131");
    await page.click("main form:has(#text) button.main");
    await page.waitForSelector("#wrong");
    same(await page.locator("tbody tr").count(), 1);
    check((await page.inputValue("#text")).startsWith(victim), "the list is still there");
    same(await page.inputValue("#note"), "RM 2026/000131");
    same(await axe(page), []);
    await shot(page, "watch-wrong-it");
    await page.fill("#text", victim);
    await page.click("main form:has(#text) button.main");
    await page.waitForSelector(".alert.good");
    same(await axe(page), []);
    await page.goto(`${origin}/v1/watch`);
    same(await page.locator("tr[data-row]").count(), before + 1);
    await shot(page, "watch-it");
    await page.locator("tr[data-row] button").last().click();
    await page.waitForURL("**/v1/watch");
    same(await page.locator("tr[data-row]").count(), before);
    await context.close();
  });

  await test("an address leads to its entity, and to where its money came from", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    const paid = scenario().victims[0].txid;
    await page.goto(`${origin}/v1/ledger/transactions/${paid}`);
    await page.click("main section a");
    await page.waitForURL("**/v1/ledger/addresses/*");
    await page.click("a[href*='/v1/ledger/entities/']");
    await page.waitForURL("**/v1/ledger/entities/*");
    check((await page.locator("main li code").count()) >= 1, "its addresses");
    same(await axe(page), []);
    await shot(page, "entity-it");
    await page.click("a[href*='side=sent']");
    await page.waitForURL("**/v1/ledger/exposure/*");
    check((await page.locator("tbody tr").count()) >= 1, "categories");
    same(await axe(page), []);
    await shot(page, "exposure-it");
    await context.close();
  });

  await test("a case file: a trace, a note, a colour in the picture, undone; a label disputed where it is seen", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    await page.goto(`${origin}/v1/cases`);
    await page.fill("#title", "RM 2026/000114 riscatto");
    await page.click("main form:has(#title) button");
    await page.waitForURL(/cases\/[0-9a-f]{32}$/);
    const at = page.url();
    const victim = scenario().victims[0];
    await page.goto(`${origin}/v1/ledger/traces`);
    await page.fill("#seeds", victim.outpoint);
    await page.click("main form button.main");
    await page.waitForSelector("svg.graph rect", { timeout: 15_000 });
    await page.click(`a[href*="case=${at.slice(-32)}"]`);
    await page.fill("#colour-on", victim.address);
    await page.selectOption("#colour", "amber");
    same(await axe(page), []);
    const traced = page.url();
    await page.click("form:has(#colour) button");
    await page.waitForURL(at);
    await page.goto(traced);
    check(await page.locator("svg.graph .c-amber").count() >= 1, "the colour is in the picture");
    await shot(page, "trace-case-it");
    await page.click("form:has(input[name=trace]) button");
    await page.waitForURL(at);
    await page.fill("#case-text", "Pagato di notte <b>\u202e");
    await page.click("form:has(#case-text) button");
    await page.waitForURL(at);
    same(await page.locator("tr[data-row]").count(), 3);
    await page.locator("tr[data-row] button").first().click();
    await page.waitForURL(at);
    same(await page.locator("tr[data-row] .flag").count(), 1);
    same(await axe(page), []);
    await shot(page, "case-it");
    await page.goto(`${origin}/v1/ledger/addresses/${scenario().deposits[1].address}`);
    await page.click("summary:has-text('Contestare')");
    await page.fill("textarea[name=text]", "Venduto nel 2025");
    await page.click("details[open] button");
    await page.waitForSelector(".flag");
    check((await page.textContent("main")).includes("Venduto nel 2025"), "the dispute stands at the label");
    same(await axe(page), []);
    await shot(page, "dispute-it");
    await context.close();
  });

  await test("the roster is changed on its page: what is wrong is said, what is right is there", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    await page.goto(`${origin}/v1/duty/roster`);
    const rows = await page.locator("tbody tr").count();
    await page.fill("#person", "nobody-known");
    await page.fill("#from", "2026-12-24T08:00");
    await page.fill("#until", "2026-12-24T20:00");
    await page.click("form:has(#person) button");
    await page.waitForSelector("#wrong");
    same(await page.inputValue("#person"), "nobody-known", "nothing typed is lost");
    await page.fill("#absent", "duty-officer");
    await page.fill("#away", "2026-12-25T08:00");
    await page.fill("#back", "2026-12-25T20:00");
    await page.click("form:has(#absent) button");
    await page.waitForURL("**/v1/duty/roster");
    check((await page.textContent("main")).includes("2026-12-25") || (await page.locator("tbody tr").count()) !== rows, "the absence is there");
    same(await axe(page), []);
    await context.close();
  });
}
