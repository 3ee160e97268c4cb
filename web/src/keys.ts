// SPDX-License-Identifier: Apache-2.0
// Single keys: j k move, o opens, a acknowledges, e answers, / searches, ? shows them. They can be turned off (WCAG 2.1.4).
const OFF = "nokeys";

function rows(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("[data-row]")];
}

function move(step: number): void {
  const all = rows();
  const at = all.findIndex((r) => r.classList.contains("sel"));
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  if (!next) return;
  for (const r of all) r.classList.remove("sel");
  next.classList.add("sel");
  next.querySelector<HTMLElement>("a, button")?.focus();
}

function selected(): HTMLElement | undefined {
  return rows().find((r) => r.classList.contains("sel")) ?? rows()[0];
}

function press(key: string): void {
  const here = selected() ?? document.body;
  const target = here.querySelector<HTMLElement>(`[data-key="${key}"]`) ?? document.querySelector<HTMLElement>(`#acts [data-key="${key}"]`);
  target?.click();
}

function answer(): void {
  const summary = document.querySelector<HTMLElement>('[data-act="answer"]') ?? document.querySelector<HTMLElement>("[data-act]");
  if (!summary) { selected()?.querySelector<HTMLElement>("a")?.click(); return; }
  if (summary.parentElement instanceof HTMLDetailsElement) summary.parentElement.open = true;
  summary.parentElement?.querySelector<HTMLElement>("textarea, input:not([type=hidden]), select")?.focus();
}

const acts: Record<string, () => void> = {
  j: () => move(1),
  k: () => move(-1),
  o: () => selected()?.querySelector<HTMLElement>("a")?.click(),
  a: () => press("a"),
  e: answer,
  "/": () => document.querySelector<HTMLElement>('[name="q"]')?.focus(),
  "?": () => document.querySelector<HTMLDialogElement>("#keys")?.showModal(),
};

export function keys(): void {
  const box = document.querySelector<HTMLInputElement>("#nokeys");
  if (box) {
    box.checked = localStorage.getItem(OFF) === "1";
    box.addEventListener("change", () => localStorage.setItem(OFF, box.checked ? "1" : "0"));
  }
  document.addEventListener("keydown", (e) => {
    const typing = e.target instanceof HTMLElement && e.target.closest("input, textarea, select, dialog");
    if (typing || e.ctrlKey || e.metaKey || e.altKey || localStorage.getItem(OFF) === "1") return;
    const act = acts[e.key];
    if (!act) return;
    e.preventDefault();
    act();
  });
}
