// SPDX-License-Identifier: Apache-2.0
// The event stream: 200 consoles on one lugd, told at once, within 100 MB.
import { readFileSync } from "node:fs";
import { request, Agent } from "node:https";
import { check, lug, originOf, signIn, test } from "./lib.mjs";

const CONSOLES = 200;
const MEMORY_MAX_KB = 100 * 1024;

function resident(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
}

export async function streamTests({ browser, who }) {
  await test("200 open consoles are told of a change, and cost less than 100 MB", async () => {
    const it = who("it");
    const context = await signIn(browser, it);
    const cookie = (await context.cookies()).map((c) => `${c.name}=${c.value}`).join("; ");
    const agent = new Agent({ rejectUnauthorized: false, maxSockets: CONSOLES });
    let told = 0;
    const open = [];
    const one = () => new Promise((resolve, reject) => {
      const r = request(`${originOf(it)}/v1/stream`, { agent, headers: { Cookie: cookie, Accept: "text/event-stream" } }, (answer) => {
        check(answer.statusCode === 200, `status ${answer.statusCode}`);
        let heard = false;
        answer.on("data", (d) => {
          if (!heard && String(d).includes("event: change")) { heard = true; told++; }
          resolve();
        });
      });
      r.on("error", reject);
      r.end();
      open.push(r);
    });
    for (let i = 0; i < CONSOLES; i += 20) await Promise.all(Array.from({ length: 20 }, one));
    lug(it.folder, "duty-officer", "request", "new", "--type", "TEST", "--class", "ROUTINE", "--to", "jp", "--case", "DRILL 8",
      "--authority", "Polizia Postale", "--country", "IT");
    const end = Date.now() + 6000;
    while (told < CONSOLES && Date.now() < end) await new Promise((r) => setTimeout(r, 50));
    const kb = resident(it.pid);
    console.log(`# ${told} consoles told, lugd holds ${Math.round(kb / 1024)} MB`);
    for (const r of open) { r.on("error", () => {}); r.destroy(); }
    agent.destroy();
    check(told === CONSOLES, `${told} of ${CONSOLES} were told`);
    check(kb < MEMORY_MAX_KB, `lugd holds ${kb} kB`);
    await context.close();
  });
}
