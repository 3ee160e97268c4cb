// SPDX-License-Identifier: Apache-2.0
// Security keys in a real browser, with chromium's virtual authenticator: registration, sign-in, a touch beside an act; and answers that
// are refused.
import { execFileSync } from "node:child_process";
import { check, freshCode, open, originOf, same, test } from "./lib.mjs";
import { call } from "./sign-in.mjs";

const FORM = { "Content-Type": "application/x-www-form-urlencoded", Accept: "application/json" };

async function authenticator(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: {
    protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
  } });
  return { cdp, authenticatorId };
}

// As it would be six minutes later: the proof of the sign-in is old. The node's clock cannot be set, its rows can.
function forgetProof(who) {
  execFileSync("sqlite3", ["-cmd", ".timeout 5000", `${who.folder}/store.db`, `UPDATE access_session SET proved_s = 0 WHERE officer = '${who.officer}'`]);
}

export async function webauthnTests({ browser, who }) {
  const it = who("it");
  const origin = originOf(it);
  const context = await open(browser);
  const page = await context.newPage();
  const key = await authenticator(page);
  const withKey = () => page.click("form[data-webauthn='sign-in'] button");
  const signOut = async () => {
    await page.click("form[action='/v1/sign-out'] button");
    await page.waitForURL("**/v1/sign-in");
    await page.goto(it.url);
  };
  let used;
  page.on("request", (r) => { if (r.url().includes("/v1/sign-in/key")) used = r.postData(); });

  await test("a security key is registered, with a name", async () => {
    await page.goto(it.url);
    await page.fill("#officer", it.officer);
    await page.fill("#password", it.password);
    await page.fill("#code", await freshCode(it.secret));
    await page.click("form:has(#password) button");
    await page.waitForURL("**/v1/desk");
    await page.goto(`${origin}/v1/session/keys`);
    await page.fill("#name", "chiave di notte");
    await page.click("form[data-webauthn='key'] button.main");
    await page.waitForSelector("input[value='chiave di notte']");
    const { credentials } = await key.cdp.send("WebAuthn.getCredentials", { authenticatorId: key.authenticatorId });
    same([credentials.length, credentials[0].rpId, credentials[0].isResidentCredential], [1, "localhost", true]);
  });

  await test("the key signs in, and its session says so", async () => {
    await signOut();
    await withKey();
    await page.waitForURL("**/v1/desk");
    const answer = await page.evaluate(async () => (await fetch("/v1/session", { headers: { Accept: "application/json" } })).json());
    same([answer.officer, answer.how], [it.officer, "webauthn"]);
  });

  await test("an answer is good once", async () => {
    check(used, "the sign-in's form was seen");
    const r = await call(origin, "POST", "/v1/sign-in/key", { ...FORM, Origin: origin }, used);
    same([r.status, JSON.parse(r.body).error.code, JSON.parse(r.body).error.field], [409, "stale", "challenge"]);
  });

  await test("a touch proves who acts, beside the act", async () => {
    await page.goto(`${origin}/v1/session/keys`);
    await page.fill("tbody input[name='name']", "in cassaforte");
    await page.click("tbody form button");
    await page.waitForSelector("input[value='in cassaforte']");
    forgetProof(it);
    await page.reload();
    const before = await page.evaluate(async () => (await fetch("/v1/session/keys", { headers: { Accept: "application/json" } })).json());
    await page.click("tbody details summary");
    await page.click("tbody details form button:not([type])");
    await page.waitForSelector("#code-remove-wrong, #wrong");
    same((await page.locator("input[value='in cassaforte']").count()), 1, "without a proof it stays");
    await page.click("tbody details summary");
    await page.click("tbody details [data-key-proof]");
    await page.waitForSelector("input[value='in cassaforte']", { state: "detached" });
    same([before.keys.length, before.keys[0].name], [1, "in cassaforte"]);
  });

  await test("a key that is not registered, and one that was copied, are refused in the reader's language", async () => {
    await signOut();
    await withKey();
    await page.waitForSelector("#wrong");
    check((await page.textContent("#wrong")).includes("Questa chiave non è registrata qui."), await page.textContent("#wrong"));
    // another one, registered; then its counter is set back, as a copy's would be
    await page.fill("#officer", it.officer);
    await page.fill("#password", it.password);
    await page.fill("#code", await freshCode(it.secret));
    await page.click("form:has(#password) button");
    await page.waitForURL("**/v1/desk");
    await page.goto(`${origin}/v1/session/keys`);
    await page.fill("#name", "seconda");
    await page.click("form[data-webauthn='key'] button.main");
    await page.waitForSelector("input[value='seconda']");
    await signOut();
    await withKey();
    await page.waitForURL("**/v1/desk");
    const { authenticatorId } = key;
    const { credentials } = await key.cdp.send("WebAuthn.getCredentials", { authenticatorId });
    await key.cdp.send("WebAuthn.clearCredentials", { authenticatorId });
    await key.cdp.send("WebAuthn.addCredential", { authenticatorId, credential: { ...credentials.at(-1), signCount: 0 } });
    await signOut();
    await withKey();
    await page.waitForSelector("#wrong");
    check((await page.textContent("#wrong")).includes("potrebbe essere stata copiata"), await page.textContent("#wrong"));
  });

  await test("a key works under the console's name alone", async () => {
    const other = origin.replace("localhost", "127.0.0.1");
    const r = await call(other, "POST", "/v1/sign-in/challenge", { "Content-Type": "application/json", Accept: "application/json", Origin: other }, "{}");
    same([r.status >= 400, JSON.parse(r.body).error.code], [true, "unsupported"]);
  });
  await context.close();
}
