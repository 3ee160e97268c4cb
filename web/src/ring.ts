// SPDX-License-Identifier: Apache-2.0
// A FLASH request rings until someone answers: sound, the number in the title, a notification of the desktop (no case content).
const EVERY_MS = 4_000;
const QUIET = "quiet";
let told = new Set<string>();

function beep(): void {
  const audio = new AudioContext();
  const gain = audio.createGain();
  const tone = audio.createOscillator();
  tone.frequency.value = 880;
  gain.gain.setValueAtTime(0.2, audio.currentTime);
  gain.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.6);
  tone.connect(gain).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.6);
  tone.addEventListener("ended", () => void audio.close());
}

function notify(ringing: NodeListOf<HTMLElement>): void {
  if (typeof Notification === "undefined" || Notification.permission !== "granted") return;
  for (const e of ringing)
    if (!told.has(e.id)) {
      told.add(e.id);
      new Notification(e.querySelector("h2")?.textContent?.trim() ?? "", { tag: e.id, requireInteraction: true });
    }
}

export function ring(): void {
  const title = document.title;
  const box = document.querySelector<HTMLInputElement>("#quiet");
  if (box) {
    box.checked = localStorage.getItem(QUIET) === "1";
    box.addEventListener("change", () => {
      localStorage.setItem(QUIET, box.checked ? "1" : "0");
      if (typeof Notification !== "undefined" && Notification.permission === "default") void Notification.requestPermission();
    });
  }
  const count = () => {
    const n = document.querySelector<HTMLElement>("[data-urgent]")?.dataset.urgent;
    document.title = n && n !== "0" ? `(${n}) ${title}` : title;
  };
  const look = () => {
    count();
    const ringing = document.querySelectorAll<HTMLElement>("[data-ring]");
    if (!ringing.length) { told = new Set(); return; }
    if (localStorage.getItem(QUIET) !== "1" && navigator.userActivation?.hasBeenActive) beep();
    notify(ringing);
  };
  look();
  document.addEventListener("lug:refreshed", count);
  window.setInterval(look, EVERY_MS);
}
