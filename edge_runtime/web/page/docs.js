// The API page: /openapi.json in readable form.

import { $, make } from "./dom.js";

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
const OPTIONS = {
  "/read": "--data-binary @photo.jpg ",
  "/strokes": `-d '{"strokes": [[[20, 10], [18, 40]], [[30, 12], [50, 10], [38, 42]]]}' `,
  "/model": `-d '{"model": "float"}' `,
  "/events": "-N ",
  "/live.mjpg": "-o live.mjpg ",
  "/snapshot.jpg": "-OJ ",
};

function typeName(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeName).join(" | ");
  if (schema.type === "array") return `[${typeName(schema.items)}]`;
  return schema.type || "";
}

function responseList(responses) {
  const list = make("dl");
  for (const [status, response] of Object.entries(responses)) {
    const content = Object.entries(response.content || {}).map(([type, { schema }]) => typeName(schema) || type);
    list.append(make("dt", status), make("dd", [response.description, ...content].join(" · ")));
  }
  return list;
}

function routeSection(path, method, route) {
  const section = make("section", "", "card");
  const head = make("h2");
  head.append(make("span", method.toUpperCase(), "method"), " ", make("code", path));
  section.append(head);
  for (const text of route.description.split("\n\n")) section.append(make("p", text.replaceAll("`", "")));
  for (const { name, schema } of route.parameters || []) {
    const type = typeName(schema).replace(" | null", ""); // null stands for a parameter that is not given
    const fallback = "default" in schema ? `, default ${JSON.stringify(schema.default)}` : "";
    section.append(make("p", `?${name}=  ${type}${fallback}`));
  }
  const token = LOOPBACK ? "" : '-H "Authorization: Bearer $EDGE_DIGITS_TOKEN" ';
  const command = make("pre", `curl ${token}${OPTIONS[path] || ""}${location.origin}${path}`);
  section.append(command, responseList(route.responses));
  return section;
}

function schemaSection(name, schema) {
  const section = make("section", "", "card");
  const list = make("dl");
  for (const [field, type] of Object.entries(schema.properties || {})) {
    list.append(make("dt", field), make("dd", typeName(type)));
  }
  section.append(make("h2", name), make("p", (schema.description || "").replaceAll("`", "")), list);
  return section;
}

const api = await (await fetch("/openapi.json")).json();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, route] of Object.entries(methods)) $("api").append(routeSection(path, method, route));
}
$("api").append(make("h1", "Schemas"));
for (const [name, schema] of Object.entries(api.components.schemas)) {
  if (!name.includes("Validation")) $("api").append(schemaSection(name, schema));
}
