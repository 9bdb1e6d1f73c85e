// How the page is built: into crates/server/assets, where the server embeds it. The output is committed, so it must
// be byte-identical on every machine: no dates, no absolute paths, hashes of content only.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import tailwindcss from "@tailwindcss/vite";
import { brotli } from "./brotli.ts";
import { slim } from "./slim.ts";
import { defineConfig } from "vitest/config";

const backend = process.env["LONGSHORE_BACKEND"] ?? "http://127.0.0.1:3626";
// The server refuses foreign hosts and origins; behind this proxy the page stands in for its own.
const proxy = { "/api": { target: backend, ws: true, changeOrigin: true, headers: { origin: backend } } };

export default defineConfig({
  plugins: [slim(), svelte(), tailwindcss(), brotli()],
  build: {
    outDir: "../crates/server/assets",
    emptyOutDir: true,
    target: ["chrome123", "firefox121", "safari17.5"],
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    // The polyfill is an inline script, which the content security policy refuses.
    modulePreload: { polyfill: false },
    // A picture as a data: URL cannot be cached and is not needed.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: { port: 5173, proxy },
  preview: { port: 4173, proxy },
  // Tests run the browser's half of Svelte: stores are tested with their reactivity.
  ...(process.env["VITEST"] ? { resolve: { conditions: ["browser"] } } : {}),
  test: {
    setupFiles: ["src/testing.ts"],
    include: ["src/**/*.spec.ts"],
    environment: "node",
  },
});
