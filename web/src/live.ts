// SPDX-License-Identifier: Apache-2.0
// One EventSource. "change" says only that something may have changed; the page then asks again for its own address and takes over
// the part marked data-live, so that nothing travels in the stream that a session could outlive.
import htmx from "htmx.org";

const LOST_MS = 30_000;
const CHECK_MS = 2_000;
const POLL_MS = 2_000; // a part that is being made says data-poll
const CALM_MS = 300; // several changes in a row are one

declare const trustedTypes: { createPolicy(name: string, rules: { createHTML(s: string): string }): unknown } | undefined;

function never(): never {
  throw new Error("scripts in attributes are not used here");
}

// htmx gets the one Trusted Types policy (its HTML comes from this origin alone) and nothing that evaluates text as code.
function secure(): void {
  const policy = typeof trustedTypes === "undefined" ? { createHTML: (s: string) => s } : trustedTypes.createPolicy("lugdunum", { createHTML: (s) => s });
  const extension = { init: (api: { initSecurity(p: unknown, f: unknown, g: unknown): void }) => api.initSecurity(policy, never, never) };
  (htmx as unknown as { registerExtension(name: string, e: unknown): void }).registerExtension("lugdunum", extension);
}

async function refresh(part: HTMLElement): Promise<void> {
  const before = part.dataset.state;
  const at = part.dataset.live || location.pathname + location.search;
  await (htmx as unknown as { ajax(verb: string, path: string, o: object): Promise<void> }).ajax("GET", at, {
    target: "#live", select: "#live", swap: "outerMorph", push: "false", headers: { "Lugdunum-Background": "1" },
  });
  const now = document.getElementById("live");
  if (now && before !== undefined && now.dataset.state !== before) tell(document.body.dataset.changed ?? "");
  document.dispatchEvent(new CustomEvent("lug:refreshed"));
}

function tell(text: string): void {
  const note = document.getElementById("lost");
  if (!note) return;
  note.textContent = text;
  note.hidden = text === "";
}

function typed(): boolean {
  const fields = document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("main textarea, main input:not([type=hidden], [type=checkbox], [type=radio])");
  return [...fields].some((f) => f.value !== f.defaultValue);
}

// The session has ended while nobody worked: what it showed goes too, for the sign-in, which leads back here. What was typed stays.
function leave(e: Event): void {
  const status = (e as CustomEvent<{ ctx?: { response?: { status: number } } }>).detail.ctx?.response?.status;
  if (status !== 401) return;
  e.preventDefault();
  if (typed()) tell(document.body.dataset.ended ?? "");
  else location.reload();
}

export function live(): void {
  secure();
  document.addEventListener("htmx:before:response", leave);
  const address = document.body.dataset.stream;
  if (!address) return;
  let heard = Date.now();
  let lost = false;
  let due: number | undefined;
  const source = new EventSource(address);
  const hear = () => {
    heard = Date.now();
    if (lost) { lost = false; tell(""); schedule(); }
  };
  const schedule = () => {
    const part = document.getElementById("live");
    if (!part || due !== undefined) return;
    due = window.setTimeout(() => { due = undefined; void refresh(part); }, CALM_MS);
  };
  window.setInterval(() => { if (document.querySelector("#live[data-poll]")) schedule(); }, POLL_MS);
  source.addEventListener("ping", hear);
  source.addEventListener("change", () => { hear(); schedule(); });
  window.setInterval(() => {
    if (!lost && Date.now() - heard > LOST_MS) { lost = true; tell(document.body.dataset.lost ?? ""); }
  }, CHECK_MS);
}
