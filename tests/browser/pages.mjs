// SPDX-License-Identifier: Apache-2.0
// Each page: in each language, light and dark, without barriers, narrow and magnified, without scripts, within its budget.
import { axe, check, open, originOf, same, shot, signIn, test } from "./lib.mjs";

const BUDGET = 40 * 1024;
export const PAGES = {
  desk: "/v1/desk", requests: "/v1/requests?all=1", "request-new": "/v1/requests/new", search: "/v1/search?q=bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
  ledger: "/v1/ledger", cases: "/v1/cases", handover: "/v1/handover", watch: "/v1/watch", "watch-alerts": "/v1/watch/alerts", duty: "/v1/duty", roster: "/v1/duty/roster", coverage: "/v1/duty/coverage", traces: "/v1/ledger/traces",
  members: "/v1/members", member: "/v1/members/fr", status: "/v1/status", officers: "/v1/officers", credentials: "/v1/officers/duty-officer/credentials",
};
const AUDITOR = { audit: "/v1/audit" };

async function requestPath(page, origin) {
  await page.goto(`${origin}/v1/desk`);
  return page.getAttribute(".card a", "href");
}

export async function pageTests({ browser, who }) {
  const it = who("it");
  const origin = originOf(it);

  for (const language of ["en", "fr", "it", "de", "ja"])
    await test(`no barriers on any page: ${language}`, async () => {
      for (const colorScheme of language === "it" ? ["light", "dark"] : ["light"]) {
        const context = await signIn(browser, it, { colorScheme });
        const page = await context.newPage();
        const { desk, requests, search, members, ...rest } = PAGES;
        const main = { desk, requests, search, members, "request-new": PAGES["request-new"] };
        const paths = { ...main, ...(language === "it" ? rest : {}), request: await requestPath(page, origin), "sign-in": "/v1/sign-in" };
        for (const [name, path] of Object.entries(paths)) {
          const at = path + (path.includes("?") ? "&" : "?") + `language=${language}`;
          await page.goto(origin + at);
          same(await page.getAttribute("html", "lang"), language, at);
          same(await axe(page), [], `${name} ${language} ${colorScheme}`);
          if (["it", "ja"].includes(language)) await shot(page, `${name}-${language}-${colorScheme}`);
        }
        await context.close();
      }
    });

  await test("no barriers on the auditor's page", async () => {
    const context = await signIn(browser, who("it", "head-of-unit"));
    const page = await context.newPage();
    await page.goto(origin + AUDITOR.audit);
    check((await page.locator("tbody tr").count()) > 20, "the log is there");
    same(await axe(page), []);
    await shot(page, "audit-it");
    await context.close();
  });

  await test("a phone and 200 % zoom show everything without scrolling sideways", async () => {
    for (const [name, viewport] of [["phone", { width: 360, height: 740 }], ["zoom", { width: 683, height: 384 }]]) {
      const context = await signIn(browser, it, { viewport });
      const page = await context.newPage();
      for (const [what, path] of Object.entries({ ...PAGES, request: await requestPath(page, origin) })) {
        await page.goto(origin + path);
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        check(wider <= 0, `${what} at ${name} is ${wider} px too wide`);
        await shot(page, `${what}-${name}`);
      }
      await context.close();
    }
  });

  await test("without scripts the desk is whole, and a request can be opened", async () => {
    const context = await signIn(browser, it, { javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${origin}/v1/desk`);
    check((await page.locator(".card").count()) >= 5, "the night is on the desk");
    await page.click(".card a");
    check(await page.locator(".acts").isVisible(), "what can be done is there");
    await context.close();
  });

  await test("each page stays within 40 kB over the wire", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    const cdp = await context.newCDPSession(page);
    await cdp.send("Network.enable");
    for (const [name, path] of Object.entries({ ...PAGES, request: await requestPath(page, origin) })) {
      await cdp.send("Network.clearBrowserCache");
      let bytes = 0;
      const count = (e) => { bytes += e.encodedDataLength; };
      cdp.on("Network.loadingFinished", count);
      await page.goto(origin + path, { waitUntil: "load" });
      await page.waitForTimeout(200);
      cdp.off("Network.loadingFinished", count);
      console.log(`# ${name}: ${bytes} bytes`);
      check(bytes > 1000 && bytes <= BUDGET, `${name} takes ${bytes} bytes`);
    }
    await context.close();
  });

  await test("no page breaks its content security policy", async () => {
    const context = await signIn(browser, it);
    const page = await context.newPage();
    const broken = [];
    page.on("console", (m) => { if (m.type() === "error") broken.push(m.text()); });
    page.on("pageerror", (e) => broken.push(e.message));
    for (const path of Object.values({ ...PAGES, request: await requestPath(page, origin) })) {
      await page.goto(origin + path);
      await page.waitForTimeout(300);
    }
    same(broken, []);
    await context.close();
  });

  await test("a browser whose language is not ours reads English", async () => {
    const context = await open(browser, { locale: "pl-PL" });
    const page = await context.newPage();
    await page.goto(`${origin}/v1/sign-in`);
    same(await page.getAttribute("html", "lang"), "en");
    await context.close();
  });
}
