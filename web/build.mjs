// SPDX-License-Identifier: Apache-2.0
// Bundles the console's styles and scripts, names each by its hash, compresses it, and writes all as one C file:
// node build.mjs SOURCE_FOLDER OUT.c, run from the folder that holds node_modules.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [source, out] = process.argv.slice(2).map((p) => resolve(p));
const { build } = createRequire(join(process.cwd(), "x.js"))("esbuild");

const made = await build({
  entryPoints: { "app.js": join(source, "src/app.ts"), "app.css": join(source, "src/app.css") },
  bundle: true, minify: true, write: false, format: "iife", target: "es2022", outdir: "/", legalComments: "none",
  entryNames: "[name]", nodePaths: [join(process.cwd(), "node_modules")], jsx: "automatic", jsxImportSource: "preact",
});
const files = made.outputFiles.map((f) => ({ name: f.path.replace(/^.*\//, "").replace(/\.(js|css)\.\1$/, ".$1"), bytes: Buffer.from(f.contents) }));
files.push({ name: "icon.svg", bytes: readFileSync(join(source, "src/icon.svg")) });

const types = { js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };
const css = files.find((f) => f.name === "app.css");
if (css.bytes.length > 15 * 1024) throw new Error(`app.css has ${css.bytes.length} bytes, more than 15 kB`);

const array = (name, bytes) => `static const uint8_t ${name}[] = {${bytes.length ? [...bytes].join(",") : 0}};\n`;
let text = '#include "console/asset-int.h"\n\n';
const rows = files.map(({ name, bytes }, i) => {
  const [stem, extension] = [name.slice(0, name.lastIndexOf(".")), name.slice(name.lastIndexOf(".") + 1)];
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  const gzip = gzipSync(bytes, { level: 9 });
  text += array(`plain_${i}`, bytes) + array(`gzip_${i}`, gzip) + array(`brotli_${i}`, brotli);
  return `\t{"${name}", "${stem}.${hash}.${extension}", "${types[extension]}", {plain_${i}, ${bytes.length}}, {gzip_${i}, ${gzip.length}}, {brotli_${i}, ${brotli.length}}},\n`;
});
text += `\nconst struct asset assets[] = {\n${rows.join("")}};\nconst size_t assets_n = ${rows.length};\n`;
writeFileSync(out, text);
