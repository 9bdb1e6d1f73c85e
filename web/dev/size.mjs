// Tells the compressed size of the built script, and fails above the limits: of what is loaded first (what index.html
// names), and of all with the parts that are loaded when they are looked at.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

const FIRST = 60_000;
const ALL = 90_000;
const root = fileURLToPath(new URL("../../crates/server/assets/", import.meta.url));
const page = readFileSync(join(root, "index.html"), "utf8");
let [first, total] = [0, 0];
for (const name of readdirSync(root, { recursive: true }).map(String).sort()) {
  if (!/\.(js|css)$/.test(name)) continue;
  const data = readFileSync(join(root, name));
  const brotli = brotliCompressSync(data).length;
  if (name.endsWith(".js")) total += brotli;
  if (name.endsWith(".js") && page.includes(name)) first += brotli;
  console.log(`${name}: ${data.length} bytes, gzip ${gzipSync(data, { level: 9 }).length}, brotli ${brotli}`);
}
console.log(`script: ${first} bytes brotli at first of ${FIRST} allowed, ${total} in all of ${ALL}`);
if (first === 0 || first >= FIRST || total >= ALL) process.exitCode = 1;
