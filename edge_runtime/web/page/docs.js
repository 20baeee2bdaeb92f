// The API page: what /openapi.json says, as a person reads it.
"use strict";

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
const BODIES = { "/read": "--data-binary @photo.jpg ", "/model": `-d '{"model": "float"}' ` };

function make(tag, text, kind) {
  const element = document.createElement(tag);
  element.className = kind || "";
  element.textContent = text || "";
  return element;
}

function nameOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(nameOf).join(" | ");
  if (schema.type === "array") return `[${nameOf(schema.items)}]`;
  return schema.type || "";
}

function answers(responses) {
  const list = make("dl");
  for (const [status, answer] of Object.entries(responses)) {
    const content = Object.entries(answer.content || {}).map(([type, { schema }]) => nameOf(schema) || type);
    list.append(make("dt", status), make("dd", [answer.description, ...content].join(" · ")));
  }
  return list;
}

function operation(path, method, told) {
  const section = make("section", "", "card");
  const head = make("h2");
  head.append(make("span", method.toUpperCase(), "method"), " ", make("code", path));
  section.append(head);
  for (const text of (told.description || told.summary).split("\n\n")) section.append(make("p", text.replaceAll("`", "")));
  for (const { name, schema } of told.parameters || []) {
    section.append(make("p", `?${name}=  ${nameOf(schema)}, ${JSON.stringify(schema.default)} by default`));
  }
  const token = LOOPBACK ? "" : '-H "Authorization: Bearer $EDGE_DIGITS_TOKEN" ';
  section.append(make("pre", `curl ${token}${BODIES[path] || ""}${location.origin}${path}`), answers(told.responses));
  return section;
}

function shape(name, schema) {
  const section = make("section", "", "card");
  const list = make("dl");
  for (const [field, type] of Object.entries(schema.properties || {})) {
    list.append(make("dt", field), make("dd", nameOf(type)));
  }
  section.append(make("h2", name), make("p", (schema.description || "").replaceAll("`", "")), list);
  return section;
}

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then((api) => {
    const page = document.getElementById("api");
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const [method, told] of Object.entries(methods)) page.append(operation(path, method, told));
    }
    page.append(make("h1", "Shapes"));
    for (const [name, schema] of Object.entries(api.components.schemas)) {
      if (!name.includes("Validation")) page.append(shape(name, schema));
    }
  });
