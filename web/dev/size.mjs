// Tells the compressed size of the built script and fails above the limit.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

const LIMIT = 60 * 1024;
const root = fileURLToPath(new URL("../../crates/server/assets/", import.meta.url));
let total = 0;
for (const name of readdirSync(root, { recursive: true }).map(String).sort()) {
  if (!/\.(js|css)$/.test(name)) continue;
  const data = readFileSync(join(root, name));
  const brotli = brotliCompressSync(data).length;
  if (name.endsWith(".js")) total += brotli;
  console.log(`${name}: ${data.length} bytes, gzip ${gzipSync(data, { level: 9 }).length}, brotli ${brotli}`);
}
console.log(`script in all: ${(total / 1024).toFixed(1)} KiB brotli of ${LIMIT / 1024} KiB allowed`);
if (total > LIMIT) process.exitCode = 1;
