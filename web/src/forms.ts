// SPDX-License-Identifier: Apache-2.0
// Forms: the reader's zone at sign-in, focus on what is wrong, the session kept alive while someone types.
const KEEP_MS = 60_000;

export function forms(): void {
  for (const z of document.querySelectorAll<HTMLInputElement>("input.zone")) z.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const wrong = document.querySelector<HTMLElement>("[aria-invalid]") ?? document.querySelector<HTMLElement>("#wrong");
  wrong?.focus();
  let kept = Date.now();
  document.addEventListener("input", () => {
    if (!document.body.dataset.stream || Date.now() - kept < KEEP_MS) return;
    kept = Date.now();
    void fetch("/v1/session", { headers: { Accept: "application/json" } });
  });
}
