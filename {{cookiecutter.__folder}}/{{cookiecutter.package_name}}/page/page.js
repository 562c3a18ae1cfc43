// Makes the page of openapi.json: a form for each request, and what is answered to it.

const LONGEST = 100_000; // characters that are shown of an answer

const where = new URL("openapi.json", document.baseURI);
const find = (selector, within = document) => within.querySelector(selector);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Text in which `this` is code.
function prose(text) {
  return text.split("`").map((part, i) => (i % 2 ? make("code", { textContent: part }) : part));
}

function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function follow(openapi, schema) {
  const path = schema.$ref?.split("/").slice(1) ?? [];
  return path.length ? path.reduce((found, name) => found[name], openapi) : schema;
}

// What a person must know to fill in a field.
function hint(schema, description, required) {
  const { minimum, maximum, maxLength } = schema;
  const sentences = [description ?? schema.description ?? ""];
  if (maximum !== undefined) sentences.push(`${minimum} to ${maximum}.`);
  if (maxLength !== undefined) sentences.push(`Up to ${maxLength} characters.`);
  if (!required) sentences.push("Optional.");
  return sentences.filter(Boolean).join(" ");
}

// The fields of an operation: those in the path, those behind it, and those of the body.
function fieldsOf(openapi, operation) {
  const fields = (operation.parameters ?? []).map((parameter) => ({
    ...parameter,
    schema: follow(openapi, parameter.schema),
  }));
  const body = operation.requestBody?.content["application/json"].schema;
  if (body) {
    const { properties, required = [] } = follow(openapi, body);
    for (const [name, schema] of Object.entries(properties)) {
      fields.push({
        name,
        in: "body",
        required: required.includes(name),
        schema: follow(openapi, schema),
      });
    }
  }
  return fields;
}

function inputFor(field, operation) {
  const id = `${operation.operationId}-${field.name}`;
  field.input = make("input", {
    id,
    name: field.name,
    required: field.required ?? false,
    value: field.example ?? "",
    placeholder: field.schema.examples?.[0] ?? "",
    autocomplete: "off",
    spellcheck: false,
  });
  field.input.setAttribute("aria-describedby", `${id}-hint`);
  return make(
    "div",
    { className: "field" },
    make("label", { htmlFor: id, textContent: field.name }),
    field.input,
    make(
      "p",
      { id: `${id}-hint`, className: "quiet" },
      ...prose(hint(field.schema, field.description, field.required)),
    ),
  );
}

// A value as JSON: what is not meant to be text is read, if it can be.
function valueOf(field) {
  if (field.schema.type === "string") return field.input.value;
  try {
    return JSON.parse(field.input.value);
  } catch {
    return field.input.value;
  }
}

// The request that the fields make.
function requestOf(openapi, path, method, fields) {
  const root = new URL(openapi.servers[0].url, where).href.replace(/\/$/, "");
  const filled = path.replace(/\{(\w+)\}/g, (_, name) =>
    encodeURIComponent(fields.find((field) => field.name === name).input.value),
  );
  const url = new URL(root + filled);
  for (const field of fields) {
    if (field.in === "query" && field.input.value) {
      url.searchParams.set(field.name, field.input.value);
    }
  }
  const inside = fields.filter((field) => field.in === "body");
  const body = inside.length
    ? JSON.stringify(
        Object.fromEntries(
          inside
            .filter((field) => field.required || field.input.value)
            .map((field) => [field.name, valueOf(field)]),
        ),
      )
    : undefined;
  return { method, url, body };
}

function asHttp({ method, url, body }, guarded) {
  const lines = [`${method} ${url.pathname}${url.search}`];
  if (guarded) lines.push("Authorization: Bearer ***");
  if (body) lines.push("Content-Type: application/json", "", body);
  return lines.join("\n");
}

function asCurl({ method, url, body }, guarded) {
  const parts = ["curl -i"];
  if (method !== (body ? "POST" : "GET")) parts.push(`-X ${method}`);
  if (guarded) parts.push('-H "Authorization: Bearer $API_KEY"');
  if (body) parts.push("-H 'Content-Type: application/json'", `-d ${shellQuoted(body)}`);
  return [...parts, shellQuoted(url.href)].join(" \\\n  ");
}

// Sends a request and reads the whole answer; a problem on the way is told like one.
async function send({ method, url, body }, guarded) {
  const headers = {};
  const key = find("#key").value.trim();
  if (guarded && key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  const began = performance.now();
  try {
    const response = await fetch(url, { method, body, headers, credentials: "omit" });
    const text = await response.text();
    const took = `${Math.round(performance.now() - began)} ms`;
    return { response, ok: response.ok, status: `${response.status} ${response.statusText}`, took, text };
  } catch (error) {
    return { ok: false, status: "No answer", took: "", text: String(error.message) };
  }
}

function readable(text, response) {
  if (!response?.headers.get("Content-Type")?.startsWith("application/json")) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function show(answer, { response, ok, status, took, text }) {
  const body = readable(text, response);
  find(".status", answer).textContent = status;
  find(".took", answer).textContent = took;
  find(".body", answer).textContent = body.slice(0, LONGEST);
  find(".cut", answer).hidden = body.length <= LONGEST;
  find(".headers", answer).textContent = [...(response?.headers ?? [])]
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
  answer.classList.toggle("refused", !ok);
  answer.hidden = false;
}

// The arguments of the next page, of a header such as `Link: </?cursor=…>; rel="next"`.
function nextPage(response) {
  const link = response?.headers.get("Link")?.match(/<([^>]*)>; *rel="next"/);
  return link && new URL(link[1], response.url).searchParams;
}

function card(openapi, path, method, operation) {
  const fragment = find("#operation").content.cloneNode(true);
  const details = find(".operation", fragment);
  const [form, answer, curl] = [".request", ".answer", ".curl"].map((name) => find(name, details));
  const guarded = (operation.security ?? openapi.security ?? []).length > 0;
  const fields = fieldsOf(openapi, operation);

  details.id = operation.operationId;
  details.classList.add(method);
  find(".method", details).textContent = method;
  find(".path", details).textContent = path;
  find(".name", details).textContent = operation.summary;
  find(".description", details).append(...prose(operation.description));
  find(".description", details).hidden = !operation.description;
  find(".fields", form).append(...fields.map((field) => inputFor(field, operation)));
  for (const [status, { description, content = {} }] of Object.entries(operation.responses)) {
    const kinds = Object.keys(content).join(", ");
    find(".answers", details).append(
      make(
        "tr",
        {},
        make("th", { scope: "row", textContent: status }),
        make("td", {}, ...prose(description), make("div", { className: "quiet", textContent: kinds })),
      ),
    );
  }

  function describe() {
    const request = requestOf(openapi, path, method, fields);
    find(".http", details).textContent = asHttp(request, guarded);
    curl.textContent = asCurl(request, guarded);
  }

  let after = null; // the arguments of the next page
  async function ask() {
    if (form.ariaBusy === "true") return;
    const empty = fields.find((field) => field.in === "path" && !field.input.value);
    if (empty) {
      empty.input.setCustomValidity("Needed for the path");
      empty.input.reportValidity();
      empty.input.setCustomValidity("");
      return;
    }
    form.ariaBusy = "true";
    const result = await send(requestOf(openapi, path, method, fields), guarded);
    form.ariaBusy = "false";
    show(answer, result);
    after = nextPage(result.response);
    find(".next", answer).hidden = !after;
  }

  form.addEventListener("input", describe);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  find(".next", answer).addEventListener("click", () => {
    for (const field of fields) field.input.value = after.get(field.name) ?? field.input.value;
    describe();
    ask();
  });
  const copy = find(".copy", details);
  copy.hidden = !navigator.clipboard; // only there over HTTPS, and on one's own machine
  copy.addEventListener("click", () => navigator.clipboard.writeText(curl.textContent));
  describe();
  return details;
}

function build(openapi) {
  document.title = openapi.info.title;
  find("#title").textContent = openapi.info.title;
  find("#about").textContent = openapi.info.description;
  find("#version").textContent = `OpenAPI ${openapi.openapi}`;
  find("#access").hidden = !openapi.security?.length;
  find("#access").addEventListener("submit", (event) => event.preventDefault());
  for (const tag of openapi.tags) {
    const group = make("section", { className: "group" }, make("h2", { textContent: tag.name }));
    group.append(make("p", { className: "quiet", textContent: tag.description }));
    for (const [path, methods] of Object.entries(openapi.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation.tags.includes(tag.name)) {
          group.append(card(openapi, path, method.toUpperCase(), operation));
        }
      }
    }
    find("main").append(group);
  }
  const chosen = document.getElementById(location.hash.slice(1)) ?? find(".operation");
  if (chosen?.matches(".operation")) chosen.open = true;
}

try {
  build(await (await fetch(where, { credentials: "omit" })).json());
} catch (error) {
  find("main").append(make("p", { className: "problem", textContent: `openapi.json: ${error.message}` }));
}
