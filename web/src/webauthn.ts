// SPDX-License-Identifier: Apache-2.0
// Security keys: forms marked data-webauthn ask the browser for a key's answer, put it into their hidden fields and go on as any form,
// so that what is wrong stands on the page, in the reader's language.
type Asked = { challenge: string; site: string; timeout_s: number; officer?: string; keys?: { key: string }[] };
const ALGORITHMS = [-7, -8, -257]; // ES256, EdDSA, RS256

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

function text(buffer: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

async function ask(path: string, body: object): Promise<Asked> {
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRF-Token": document.body.dataset.csrf ?? "" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(((await answer.json()) as { error: { message: string } }).error.message);
  return (await answer.json()) as Asked;
}

const listed = (a: Asked) => (a.keys ?? []).map((k) => ({ type: "public-key" as const, id: bytes(k.key) }));

async function register(): Promise<Record<string, string>> {
  const a = await ask("/v1/session/challenge", { purpose: "key" });
  const name = a.officer ?? "";
  const made = (await navigator.credentials.create({ publicKey: {
    challenge: bytes(a.challenge), timeout: a.timeout_s * 1000, attestation: "none", excludeCredentials: listed(a),
    rp: { id: a.site, name: document.title }, user: { id: new TextEncoder().encode(name), name, displayName: name },
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key" as const, alg })),
    authenticatorSelection: { residentKey: "required", userVerification: "required" },
  } })) as PublicKeyCredential;
  const r = made.response as AuthenticatorAttestationResponse;
  return { client: text(r.clientDataJSON), attestation: text(r.attestationObject) };
}

async function use(a: Asked): Promise<Record<string, string>> {
  const got = (await navigator.credentials.get({ publicKey: {
    challenge: bytes(a.challenge), timeout: a.timeout_s * 1000, rpId: a.site, userVerification: "required", allowCredentials: listed(a),
  } })) as PublicKeyCredential;
  const r = got.response as AuthenticatorAssertionResponse;
  return { id: text(got.rawId), client: text(r.clientDataJSON), authenticator: text(r.authenticatorData), signature: text(r.signature) };
}

function say(form: HTMLFormElement, words: string): void {
  let note = form.querySelector<HTMLElement>("[data-said]");
  if (!note) {
    note = document.createElement("p");
    note.className = "alert bad";
    note.setAttribute("role", "alert");
    note.dataset.said = "";
    form.prepend(note);
  }
  note.textContent = words;
}

function fill(form: HTMLFormElement, values: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement) field.value = value;
  }
}

async function answer(form: HTMLFormElement, how: () => Promise<Record<string, string>>): Promise<boolean> {
  try {
    fill(form, await how());
    return true;
  } catch (e) { // the person turned it off, it is no key of this console, or the console said why
    say(form, e instanceof DOMException ? document.body.dataset.nokey ?? "" : String((e as Error).message));
    return false;
  }
}

const ways: Record<string, () => Promise<Record<string, string>>> = {
  key: register,
  "sign-in": async () => use(await ask("/v1/sign-in/challenge", {})),
};

// A key beside an act: its answer goes into the field _key, and the act is sent.
function beside(button: HTMLButtonElement): void {
  const form = button.form;
  if (!form) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    if (!form.reportValidity()) return;
    const how = async () => ({ _key: JSON.stringify(await use(await ask("/v1/session/challenge", { purpose: "proof" }))) });
    void answer(form, how).then((done) => { if (done) form.requestSubmit(form.querySelector<HTMLButtonElement>("button:not([type=button])")); });
  });
}

export function webauthn(): void {
  if (typeof PublicKeyCredential === "undefined") return;
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-webauthn]")) {
    form.hidden = false;
    let done = false;
    form.addEventListener("submit", (e) => {
      const how = ways[form.dataset.webauthn ?? ""];
      if (done || !how) return;
      e.preventDefault();
      void answer(form, how).then((ok) => { if (ok) { done = true; form.submit(); } });
    });
  }
  document.querySelectorAll<HTMLButtonElement>("button[data-key-proof]").forEach(beside);
}
