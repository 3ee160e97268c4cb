// SPDX-License-Identifier: Apache-2.0
// Hostile words in every field that a person or another node can fill: shown as words, nothing runs, no policy is broken.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, lug, originOf, same, shot, signIn, test } from "./lib.mjs";
import { PAGES } from "./pages.mjs";
import { call } from "./sign-in.mjs";

const EVIL = `"><script>alert(1)</script><img src=x onerror=alert(1)>'{{t "x"}}</textarea></title>\u202Egpj.exe javascript:alert(1)`;

export async function hostileTests({ browser, who, folder }) {
  const it = who("it");
  const fr = who("fr");
  const origin = originOf(it);

  await test("hostile words in every field of a request, on every page, run nothing", async () => {
    const file = join(folder, "hostile.json");
    const custodian = { name: EVIL, country: "IT", customer: EVIL.slice(0, 150) };
    writeFileSync(file, JSON.stringify({
      type: "INFO", class: "URGENT", to: "it", case: EVIL.slice(0, 60), authority: { name: EVIL.slice(0, 150), unit: EVIL.slice(0, 150), country: "FR" },
      offence: { code: "other", text: EVIL }, facts: `${EVIL}\n${EVIL}`, link: EVIL, necessity: EVIL, language: "fr", reply_language: "fr", custodian,
      legal_basis: { requesting: EVIL, requested: EVIL }, followup: { kind: "none", authority: EVIL.slice(0, 150) },
      handling: { code: "H3", marking: "TLP:AMBER", grade: "X4", purpose: "prevention", basis: "treaty", text: EVIL },
      prior_contacts: [{ text: EVIL }],
      assets: [{ chain: "eip155:1", asset: "eip155:1/slip44:60", path: EVIL, custodian, amount: "1" }],
    }));
    const made = lug(fr.folder, "duty-officer", "request", "new", "--json-file", file);
    const context = await signIn(browser, it);
    const page = await context.newPage();
    const broken = [];
    page.on("dialog", (d) => { broken.push(`dialog ${d.message()}`); void d.dismiss(); });
    page.on("console", (m) => { if (m.type() === "error" && /content security|trusted/i.test(m.text())) broken.push(m.text()); });
    for (let i = 0; i < 50; i++) {
      await page.goto(`${origin}/v1/requests/${made.id}`);
      if (await page.locator("#live").count()) break;
      await page.waitForTimeout(200);
    }
    check((await page.textContent("main")).includes("<script>alert(1)</script>"), "the words are shown as words");
    same(await page.locator("main script, main img").count(), 0, "and are no elements");
    await shot(page, "hostile-it");
    const q = encodeURIComponent(EVIL);
    for (const path of [...Object.values(PAGES), `/v1/requests?case=${q}`, `/v1/search?q=${q}`, `/v1/requests?state=${q}`, `/v1/members/${q}`,
      `/v1/requests/new?from=${made.id}`, `/v1/desk?language=${q}`]) {
      await page.goto(origin + path);
      same(await page.locator("main script, main img").count(), 0, path);
    }
    // Every text field of the acts: refused or taken, shown again as words.
    await page.goto(`${origin}/v1/requests/${made.id}`);
    await page.click("#acts form button");
    await page.waitForFunction(() => document.querySelector("#live")?.dataset.state === "ACKNOWLEDGED");
    for (const act of ["transfer", "refuse"]) {
      await page.goto(`${origin}/v1/requests/${made.id}`);
      await page.click(`[data-act="${act}"]`);
      for (const field of await page.locator(`#act-${act} input:not([type=hidden]), #act-${act} textarea`).all()) await field.fill(EVIL);
      await page.click(`#act-${act} button`);
      await page.waitForSelector("#wrong");
      const again = page.locator(`#act-${act} input:not([type=hidden])`).first();
      same(await again.inputValue(), EVIL, `${act}: nothing typed is lost`);
      same(await page.locator("main script, main img").count(), 0, act);
    }
    same(broken, []);
    const log = lug(it.folder, "head-of-unit", "status");
    same(log.alarms.filter((a) => a.text.includes("content security")).length, 0, "no report came");
    await context.close();
  });

  await test("a report of a browser is an audit event", async () => {
    const report = JSON.stringify({ "csp-report": { "document-uri": `${origin}/v1/desk`, "violated-directive": "img-src", "blocked-uri": EVIL } });
    const r = await call(origin, "POST", "/v1/csp-report", { "Content-Type": "application/csp-report" }, report);
    check([200, 204].includes(r.status), `status ${r.status}`);
    const context = await signIn(browser, who("it", "head-of-unit"));
    const page = await context.newPage();
    let log = "";
    for (let i = 0; i < 40 && !log.includes("csp.violation"); i++) { // the log is sealed once a second
      await page.waitForTimeout(250);
      await page.goto(`${origin}/v1/audit`);
      log = await page.textContent("tbody");
    }
    check(log.includes("csp.violation"), "it stands in the log");
    await context.close();
  });

  await test("what is no form, too large or torn is refused with words", async () => {
    const context = await signIn(browser, it);
    const cookie = (await context.cookies()).map((c) => `${c.name}=${c.value}`).join("; ");
    const headers = { Cookie: cookie, Origin: origin, Accept: "application/json", "Content-Type": "application/x-www-form-urlencoded" };
    same((await call(origin, "POST", "/v1/search", headers, "q=%zz")).status, 400);
    same((await call(origin, "POST", "/v1/search", headers, "q=%00")).status, 400);
    same((await call(origin, "POST", "/v1/search", headers, `q=${"a".repeat(300_000)}`)).status, 413);
    same((await call(origin, "POST", "/v1/search", { ...headers, "Content-Type": "multipart/form-data; boundary=x" }, "--x--")).status, 400);
    same((await call(origin, "GET", "/v1/requests/%00", headers)).status, 400);
    await context.close();
  });
}
