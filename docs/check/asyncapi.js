// Parses docs/asyncapi.yaml and fails on errors and warnings. Run in docs/check:
//   npm install --ignore-scripts --no-package-lock && npm run check
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const path = new URL("../asyncapi.yaml", import.meta.url);
const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf8"));

// Severity 0 is an error, 1 a warning; 2 and 3 are hints, such as that tags could be used.
const faults = diagnostics.filter(({ severity }) => severity <= 1);
for (const { severity, message, path, code } of diagnostics) {
  console.log(`${["error", "warning", "info", "hint"][severity]} ${code} at ${path.join("/")}: ${message}`);
}
if (!document || faults.length > 0) process.exit(1);
console.log(`${document.operations().length} operations, ${document.allMessages().length} messages`);
