// SPDX-License-Identifier: Apache-2.0
// Clocks run on: each element with data-left shows what the server said, less the time since. The words are the server's own.
const SECOND_MS = 1_000;

interface Clock { end: number }
const running = new WeakMap<HTMLElement, Clock>();

// The server's words for the units, found in its own texts, so that no language lives in this file.
function unitsOf(): Record<string, string> {
  const found: Record<string, string> = {};
  const data = document.body.dataset;
  for (const unit of ["d", "h", "min", "s"]) found[unit] = data[`unit${unit}`] ?? unit;
  return found;
}

function text(seconds: number): string {
  const u = unitsOf();
  const sign = seconds < 0 ? "−" : "";
  const s = Math.abs(seconds);
  const two = (a: number, ua: string, b: number, ub: string) => `${sign}${a} ${ua}${b ? ` ${b} ${ub}` : ""}`;
  if (s >= 86400) return two(Math.floor(s / 86400), u.d ?? "d", Math.floor((s % 86400) / 3600), u.h ?? "h");
  if (s >= 3600) return two(Math.floor(s / 3600), u.h ?? "h", Math.floor((s % 3600) / 60), u.min ?? "min");
  if (s >= 60) return two(Math.floor(s / 60), u.min ?? "min", s % 60, u.s ?? "s");
  return `${sign}${s} ${u.s ?? "s"}`;
}

function begin(): void {
  for (const e of document.querySelectorAll<HTMLElement>("[data-left]")) {
    const left = Number(e.dataset.left);
    if (Number.isFinite(left) && e.dataset.left !== "") running.set(e, { end: Date.now() + left * SECOND_MS });
  }
}

function tick(): void {
  for (const e of document.querySelectorAll<HTMLElement>("[data-left]")) {
    const clock = running.get(e);
    if (!clock) continue;
    const left = Math.round((clock.end - Date.now()) / SECOND_MS);
    const now = text(left);
    if (e.textContent !== now) e.textContent = now;
    e.classList.toggle("over", left < 0);
  }
}

export function clocks(): void {
  begin();
  document.addEventListener("lug:refreshed", begin);
  window.setInterval(tick, SECOND_MS);
}
