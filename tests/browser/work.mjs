// SPDX-License-Identifier: Apache-2.0
// A night's work: what rings is acknowledged, accepted, answered; with the keyboard alone; what is wrong stands at its field.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { axe, check, freshCode, lug, originOf, same, shot, signIn, test } from "./lib.mjs";

export async function workTests({ browser, who, folder }) {
  const it = who("it");
  const origin = originOf(it);

  await test("a FLASH request is on top, in red, with its clock running", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    await page.goto(`${origin}/v1/desk`);
    const first = page.locator(".card").first();
    check((await first.getAttribute("class")).includes("red"), "red");
    same(await first.locator(".class").textContent(), "FLASH");
    const before = await first.locator(".left").textContent();
    await page.waitForTimeout(1600);
    check(before !== (await first.locator(".left").textContent()), `the clock stands at ${before}`);
    check((await page.title()).startsWith("("), "the title counts");
    await context.close();
  });

  await test("keyboard alone: acknowledge, accept, and a wrong answer keeps what was typed", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    await page.goto(`${origin}/v1/desk`);
    await page.keyboard.press("j");
    await page.keyboard.press("a");
    await page.waitForURL("**/v1/requests/*");
    same(await page.locator("#live").getAttribute("data-state"), "ACKNOWLEDGED");
    await page.locator('[data-act="accept"]').focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector("#live")?.dataset.state === "ACCEPTED");
    await page.keyboard.press("e");
    await page.keyboard.type("Trattenuto in parte presso il cambio.");
    await page.locator("#act-answer button").focus();
    await page.keyboard.press("Enter");
    await page.waitForSelector("[aria-invalid], #wrong");
    same(await page.inputValue("#answer-text"), "Trattenuto in parte presso il cambio.", "nothing typed is lost");
    check(await page.locator("#act-answer").getAttribute("open") !== null, "the form stands open");
    await shot(page, "answer-refused-it");
    await context.close();
  });

  await test("an answer with its outcome travels to the other node", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    const found = lug(it.folder, "duty-officer", "request", "list", "--direction", "in", "--class", "FLASH");
    const id = found.requests[0].id;
    await page.goto(`${origin}/v1/requests/${id}`);
    await page.click('[data-act="answer"]');
    await page.fill("#answer-text", "Trattenuto in parte presso il cambio.");
    await page.selectOption("#measure", "voluntary-hold");
    await page.fill("#since", "2026-11-22T02:10");
    await page.fill("#until", "2027-01-22T02:10");
    await page.fill("#held-0", "1000");
    await page.click("#act-answer button");
    await page.waitForFunction(() => document.querySelector("#live")?.dataset.state === "ANSWERED");
    check((await page.textContent(".line")).includes("Trattenuto in parte"), "the answer is in the time line");
    await shot(page, "answered-it");
    await context.close();
  });

  await test("the second person approves exactly this content, with a fresh code", async () => {
    const approver = who("it", "head-of-unit");
    const waiting = lug(it.folder, "duty-officer", "request", "list", "--state", "APPROVAL").requests[0];
    const context = await signIn(browser, approver);
    const page = await context.newPage();
    await page.goto(`${origin}/v1/requests/${waiting.id}`);
    await page.click('[data-act="approve"]');
    check((await page.textContent("#act-approve")).includes(waiting.content_sha256), "the hash is shown");
    if (await page.locator("#code-approve").count()) await page.fill("#code-approve", await freshCode(approver.secret));
    await shot(page, "approve-it");
    await page.click("#act-approve button");
    await page.waitForFunction(() => ["SENT", "DELIVERED"].includes(document.querySelector("#live")?.dataset.state ?? ""));
    await context.close();
  });

  await test("the proposer is refused, in the reader's language", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    await page.goto(`${origin}/v1/requests?state=DRAFT`);
    await page.click("tbody a");
    check(await page.locator("#act-approve").count() === 0, "nothing to approve for who wrote it");
    await context.close();
  });

  await test("a new request: what is missing stands at its field, nothing typed is lost, the preview has its hash", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    await page.goto(`${origin}/v1/requests/new`);
    await page.selectOption("#to", "fr");
    await page.selectOption("#type", "INFO");
    await page.selectOption("#class", "ROUTINE");
    await page.fill("#case", "RM 2026/000131");
    await page.fill("#authority", "Polizia Postale");
    await page.fill("#facts", "Riga uno\nRiga due \u202e rovesciata");
    await page.click("#new button.main");
    await page.waitForSelector("#wrong");
    same(await page.inputValue("#case"), "RM 2026/000131");
    check((await page.inputValue("#facts")).startsWith("Riga uno\nRiga due"), "the text is kept with its lines");
    same(await page.locator("#type").inputValue(), "INFO");
    check((await page.locator(".wrong").count()) >= 1, "the field is marked");
    await page.selectOption("#offence", "theft");
    await page.fill("#law", "art. 624 c.p.");
    await page.fill("#facts", "Riga uno\nRiga due");
    await page.fill("#link", "Il conto riceve i proventi.");
    await page.fill("#necessity", "Udienza vicina.");
    await page.selectOption("#language", "it");
    await page.click("#new button.main");
    await page.waitForURL(/requests\/[0-9a-f-]{36}$/);
    same(await page.locator("#live").getAttribute("data-state"), "DRAFT");
    check(/^[0-9a-f]{64}$/.test(await page.locator(".hash").first().textContent()), "the hash of what would be sent");
    await shot(page, "preview-it");
    await page.click('[data-act="send"]');
    if (await page.locator("#code-send").count()) await page.fill("#code-send", await freshCode(it.secret));
    await page.click("#act-send button");
    await page.waitForFunction(() => ["SENT", "DELIVERED"].includes(document.querySelector("#live")?.dataset.state ?? ""));
    await context.close();
  });

  await test("an address with a typing error is recognised, and said back", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    await page.goto(`${origin}/v1/search`);
    await page.fill("#q", "Ha pagato a bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq\nprima a bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp, pratica 警組");
    await page.click("form button.main");
    const rows = page.locator("section tbody").first().locator("tr");
    same(await rows.count(), 2);
    check((await rows.nth(1).textContent()).includes("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"), "what was meant");
    check((await page.inputValue("#q")).startsWith("Ha pagato"), "what was pasted stays");
    await context.close();
  });

  await test("a trace: asked for, drawn, the same in tables; its holders lead to their addresses", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    const scenario = JSON.parse(readFileSync(join(folder, "demo/chain/scenario.json"), "utf8"));
    await page.goto(`${origin}/v1/ledger/traces`);
    await page.fill("#seeds", "no such thing");
    await page.click("form button.main");
    await page.waitForURL("**/v1/ledger/traces/*");
    await page.goto(`${origin}/v1/ledger/traces`);
    await page.fill("#seeds", scenario.victims[0].outpoint);
    await page.click("form button.main");
    await page.waitForURL("**/v1/ledger/traces/*");
    await page.waitForSelector("svg.graph rect", { timeout: 15_000 });
    check((await page.locator("svg.graph rect").count()) > 3, "the flow is drawn");
    check((await page.textContent("main")).includes("le entrate eguagliano le uscite"), "the sums were proved");
    same(await axe(page), []);
    await shot(page, "trace-it");
    await page.click("a[href*='level=relations&case=']");
    await page.waitForSelector("svg.graph .seed rect");
    same(await axe(page), []);
    await shot(page, "trace-relations-it");
    await page.click("#flow summary");
    await page.click("#flow table a >> nth=0");
    await page.waitForURL("**/why?*");
    check((await page.textContent("main")).includes("lug trace"), "the command that gives the same");
    same(await axe(page), []);
    await shot(page, "why-it");
    await page.goBack();
    await page.click("table a[href*='/v1/ledger/addresses/']");
    await page.waitForURL("**/v1/ledger/addresses/*");
    check((await page.locator("tbody tr").count()) >= 1, "its transactions");
    same(await axe(page), []);
    await shot(page, "address-it");
    await page.click("tbody a");
    await page.waitForURL("**/v1/ledger/transactions/*");
    same(await axe(page), []);
    await shot(page, "transaction-it");
    await context.close();
  });

  await test("another desk sees a change at once, without a reload", async () => {
    const fr = who("fr");
    const context = await signIn(browser, fr);
    const page = await context.newPage();
    await page.goto(`${originOf(fr)}/v1/desk`);
    await page.waitForTimeout(700);
    const before = await page.locator(".card").count();
    lug(it.folder, "duty-officer", "request", "new", "--type", "TEST", "--class", "ROUTINE", "--to", "fr", "--case", "DRILL 7",
      "--authority", "Polizia Postale", "--country", "IT");
    await page.waitForFunction((n) => document.querySelectorAll(".card").length > n, before, { timeout: 8000 });
    await context.close();
  });
}
