import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

/** Tells the service worker what belongs to this build, so that it can keep the whole of it. */
function shell(): Plugin {
  let folder = "";
  return {
    name: "shell",
    apply: "build",
    configResolved: ({ root, build }) => { folder = `${root}/${build.outDir}`; },
    closeBundle() {
      const files = ["/", "/icon.svg", "/icon-192.png", "/app.webmanifest", "/config.json", ...readdirSync(`${folder}/assets`).map((name) => `/assets/${name}`)].sort();
      const version = createHash("sha256").update(readFileSync(`${folder}/index.html`)).update(files.join()).digest("hex").slice(0, 12);
      const worker = readFileSync(`${folder}/sw.js`, "utf8");
      writeFileSync(`${folder}/sw.js`, worker.replace('"BUILD"', JSON.stringify(version)).replace('["FILES"]', JSON.stringify(files)));
    },
  };
}

export default defineConfig({
  resolve: {
    alias: [
      { find: "@tidings/client/secure/worker", replacement: fileURLToPath(new URL("../js/src/secure/worker.ts", import.meta.url)) },
      { find: "@tidings/client/secure", replacement: fileURLToPath(new URL("../js/src/secure/index.ts", import.meta.url)) },
      { find: "@tidings/client", replacement: fileURLToPath(new URL("../js/src/index.ts", import.meta.url)) },
    ],
  },
  worker: { format: "es" },
  plugins: [shell()],
  build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
});
