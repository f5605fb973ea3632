// The client is at most so large on the wire: what a first visit loads, compressed.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 200 * 1024;
const dist = new URL("../dist/", import.meta.url);
const bytes = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(js|css|html)$/.test(entry.name))
  .reduce((sum, entry) => sum + gzipSync(readFileSync(`${entry.parentPath ?? entry.path}/${entry.name}`)).length, 0);
console.log(`${(bytes / 1024).toFixed(1)} kB compressed, of ${BUDGET_BYTES / 1024}`);
if (bytes > BUDGET_BYTES) process.exit(1);
