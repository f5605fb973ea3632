// Makes src/wire.gen.ts of docs/asyncapi.yaml and docs/openapi.yaml; with --check, tells whether it is current.
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import { parse } from "yaml";

const docs = new URL("../../../docs/", import.meta.url);
const target = new URL("../src/wire.gen.ts", import.meta.url);
const read = (name) => parse(readFileSync(new URL(name, docs), "utf8"));

// TypeScript has no names by pattern: a map of them is a record.
function mapsOf(schema) {
  if (Array.isArray(schema)) return schema.map(mapsOf);
  if (schema === null || typeof schema !== "object") return schema;
  const { patternProperties, ...rest } = schema;
  const mapped = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, mapsOf(value)]));
  // Which of its fields an object needs besides: no type says it.
  if (mapped.properties) {
    delete mapped.oneOf;
    delete mapped.anyOf;
  }
  if (patternProperties) mapped.additionalProperties = mapsOf(Object.values(patternProperties)[0]);
  return mapped;
}

async function typesOf(document) {
  // openapi-typescript reads this as OpenAPI, which has JSON Schema in common with AsyncAPI.
  return astToString(await openapiTS(mapsOf(document), { alphabetize: true }));
}

const asyncapi = read("asyncapi.yaml");
const frames = Object.entries(asyncapi.components.messages)
  .map(([name, { payload }]) => [`Frame.${name}`, payload]);
const socket = {
  openapi: "3.1.0",
  info: { title: "Frames", version: "1" },
  paths: {},
  components: { schemas: { ...asyncapi.components.schemas, ...Object.fromEntries(frames) } },
};
const union = (side) => frames.filter(([name]) => name.startsWith(`Frame.${side}.`))
  .map(([name]) => `  | Frames["${name}"]`).join("\n");

const namespaced = (name, text) =>
  `export namespace ${name} {\n${text.split("\n").map((line) => (line ? `  ${line}` : line)).join("\n")}}\n`;
const made = [
  "// Made of docs/asyncapi.yaml and docs/openapi.yaml; do not edit. `npm run generate`\n",
  namespaced("socket", await typesOf(socket)),
  namespaced("http", await typesOf(read("openapi.yaml"))),
  'type Frames = socket.components["schemas"];\n',
  `/** What a client says. */\nexport type ClientFrame =\n${union("client")};\n`,
  `/** What the service says. */\nexport type ServerFrame =\n${union("server")};\n`,
].join("\n");

if (process.argv.includes("--check")) {
  if (readFileSync(target, "utf8") !== made) {
    console.error("src/wire.gen.ts is not what the documents say: npm run generate");
    process.exit(1);
  }
} else {
  writeFileSync(target, made);
}
