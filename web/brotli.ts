// Writes a brotli form beside each text file of the build, for the server to send to browsers that take it. By a
// compressor of a fixed version in WebAssembly: Node's own differs between versions, and the build must not.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const { compress } = createRequire(import.meta.url)("brotli-wasm") as {
  compress(data: Uint8Array, options: { quality: number }): Uint8Array;
};

/** Smaller files gain nothing. */
const WORTH = 1024;

export function brotli(): Plugin {
  return {
    name: "longshore-brotli",
    apply: "build",
    enforce: "post",
    writeBundle(options, bundle) {
      for (const name of Object.keys(bundle)) {
        if (!/\.(js|css|html|svg)$/.test(name)) continue;
        const file = join(options.dir ?? "", name);
        const data = readFileSync(file);
        if (data.length >= WORTH) writeFileSync(`${file}.br`, compress(data, { quality: 11 }));
      }
    },
  };
}
