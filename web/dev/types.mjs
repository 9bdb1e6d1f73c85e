// Writes src/api/openapi.ts from the server's committed description; with --check it only compares, and fails when the
// page's types are not what the server says. Descriptions are left out: a reworded comment changes no type.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const source = fileURLToPath(new URL("../../crates/server/openapi.json", import.meta.url));
const target = fileURLToPath(new URL("../src/api/openapi.ts", import.meta.url));

const without = (value) => {
  if (Array.isArray(value)) return value.map(without);
  if (value === null || typeof value !== "object") return value;
  // The server writes every field of a body, `null` where it knows nothing.
  if (value.type === "object" && value.properties) value = { ...value, required: Object.keys(value.properties) };
  return Object.fromEntries(Object.entries(value).filter(([key, v]) => !(key === "description" && typeof v === "string")).map(([key, v]) => [key, without(v)]));
};

const { openapi, info, components } = without(JSON.parse(readFileSync(source, "utf8")));
const described = { openapi, info, paths: {}, components: { schemas: components.schemas } };
const tree = await openapiTS(described, { rootTypes: true, rootTypesNoSchemaPrefix: true });
const text = `// Generated from crates/server/openapi.json by \`npm run types\`.\n${astToString(tree)}`;

if (!process.argv.includes("--check")) writeFileSync(target, text);
else if (readFileSync(target, "utf8") !== text) {
  console.error("src/api/openapi.ts is not what crates/server/openapi.json says: run `npm run types` and commit");
  process.exitCode = 1;
}
