// SPDX-License-Identifier: Apache-2.0
// Signing in and out, what a wrong try says, headers, forged forms.
import { request } from "node:https";
import { check, codeAt, open, originOf, same, signIn, test } from "./lib.mjs";

// A plain call without a browser, to see what a browser would hide.
export function call(origin, method, path, headers = {}, body) {
  return new Promise((resolve, reject) => {
    const length = body ? { "Content-Length": Buffer.byteLength(body) } : {};
    const r = request(origin + path, { method, family: 4, headers: { ...headers, ...length }, rejectUnauthorized: false }, (answer) => {
      const parts = [];
      answer.on("data", (d) => parts.push(d));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts).toString() }));
    });
    r.on("error", reject);
    if (body) r.write(body);
    r.end();
  });
}

const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

export async function signInTests({ browser, who }) {
  const it = who("it");
  const origin = originOf(it);

  await test("a page without a session leads to the sign-in, and back", async () => {
    const r = await call(origin, "GET", "/v1/requests?state=SENT", { Accept: "text/html" });
    same(r.status, 303);
    check(r.headers.location.startsWith("/v1/sign-in?next=%2F"), r.headers.location);
    same((await call(origin, "GET", "/v1/desk", { Accept: "application/json" })).status, 401, "a program is told");
  });

  await test("every answer carries the headers that keep a page to itself", async () => {
    const r = await call(origin, "GET", "/v1/sign-in", { Accept: "text/html" });
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "font-src 'self'",
      "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"])
      check(r.headers["content-security-policy"].includes(rule), rule);
    same(r.headers["cache-control"], "no-store");
    same(r.headers["referrer-policy"], "no-referrer");
    const css = r.body.match(/href="(\/a\/app\.[0-9a-f]+\.css)"/)[1];
    const asset = await call(origin, "GET", css, { "Accept-Encoding": "br" });
    same([asset.status, asset.headers["content-encoding"]], [200, "br"]);
    check(asset.headers["cache-control"].includes("immutable"), "assets stay for ever");
  });

  await test("a wrong password is refused in the reader's language, and the name stays", async () => {
    const context = await open(browser);
    const page = await context.newPage();
    await page.goto(it.url);
    await page.fill("#officer", "duty-officer");
    await page.fill("#password", "certainly wrong");
    await page.fill("#code", "000000");
    await page.click("form:has(#password) button");
    check((await page.textContent("#wrong")).includes("Nome, password o codice errati."), await page.textContent("main"));
    same(await page.inputValue("#officer"), "duty-officer");
    same(await page.inputValue("#password"), "", "a password is never sent back");
    await context.close();
  });

  await test("a wrong try stands in the audit log, without what was typed for a name", async () => {
    const body = new URLSearchParams({ officer: "my-password-by-mistake", password: "certainly wrong", code: "000000" }).toString();
    same((await call(origin, "POST", "/v1/sign-in", { ...FORM, Origin: origin, Accept: "application/json" }, body)).status, 403);
    const context = await signIn(browser, who("it", "head-of-unit"));
    const page = await context.newPage();
    let log = "";
    for (let i = 0; i < 40 && !(log.includes("session.refuse") && log.includes("unknown")); i++) { // sealed once a second
      await page.waitForTimeout(250);
      await page.goto(`${origin}/v1/audit`);
      log = await page.textContent("tbody");
    }
    check(log.includes("session.refuse") && log.includes("duty-officer") && !log.includes("by-mistake"), log);
    await context.close();
  });

  await test("password and code open a session; its cookie is for this host alone", async () => {
    const context = await signIn(browser, it);
    const cookie = (await context.cookies()).find((c) => c.name === "__Host-lugdunum");
    check(cookie.secure && cookie.httpOnly && cookie.sameSite === "Strict" && cookie.value.length === 64, JSON.stringify(cookie));
    await context.close();
  });

  await test("a code works once", async () => {
    const body = (code) => new URLSearchParams({ officer: it.officer, password: it.password, code }).toString();
    const now = Math.floor(Date.now() / 30_000);
    const r = await call(origin, "POST", "/v1/sign-in", { ...FORM, Origin: origin, Accept: "application/json" }, body(codeAt(it.secret, now - 1)));
    same(r.status, 403);
  });

  await test("a form from elsewhere, without or with a wrong token, is refused", async () => {
    const context = await signIn(browser, it);
    const cookie = (await context.cookies()).map((c) => `${c.name}=${c.value}`).join("; ");
    const page = await context.newPage();
    await page.goto(`${origin}/v1/desk`);
    const csrf = await page.getAttribute("body", "data-csrf");
    const post = async (headers, token) => (await call(origin, "POST", "/v1/session", { ...FORM, Cookie: cookie, Accept: "application/json", ...headers },
      `language=it&_csrf=${token}`)).status;
    same(await post({ Origin: origin }, csrf), 204, "the right one");
    same(await post({ Origin: "https://elsewhere.example" }, csrf), 403, "another origin");
    same(await post({}, csrf), 403, "no origin");
    same(await post({ Origin: "null" }, csrf), 403, "no origin, not said to be the same site");
    same(await post({ Origin: origin, "Sec-Fetch-Site": "cross-site" }, csrf), 403, "another site");
    same(await post({ Origin: origin }, ""), 403, "no token");
    same(await post({ Origin: origin }, "0".repeat(32)), 403, "a wrong token");
    await context.close();
  });

  await test("signing out ends the session at once", async () => {
    const context = await signIn(browser, who("fr", "head-of-unit"));
    const page = await context.newPage();
    await page.goto(`${originOf(who("fr"))}/v1/desk`);
    const cookie = (await context.cookies()).map((c) => `${c.name}=${c.value}`).join("; ");
    await page.click("form[action='/v1/sign-out'] button");
    await page.waitForURL("**/v1/sign-in");
    same((await call(originOf(who("fr")), "GET", "/v1/desk", { Cookie: cookie, Accept: "application/json" })).status, 401);
    await context.close();
  });
}
