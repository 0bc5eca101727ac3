"use strict";
// The OpenAPI document as a page; all of its text comes in as text nodes.
(async () => {
  const make = (name, text, className) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const document_ = await (await fetch("/openapi.json")).json();
  const named = (schema) => {
    if (!schema) return "";
    if (schema.$ref) return schema.$ref.split("/").pop();
    if (schema.anyOf) return schema.anyOf.map(named).join(" or ");
    if (schema.type === "array") return `list of ${named(schema.items)}`;
    if (schema.enum) return schema.enum.join(", ");
    return schema.type || "anything";
  };
  const limits = (schema) => {
    const parts = [];
    for (const [key, word] of [["minimum", "from"], ["maximum", "to"], ["maxLength", "at most characters:"], ["maxItems", "at most:"]]) {
      if (schema && schema[key] !== undefined) parts.push(`${word} ${schema[key]}`);
    }
    if (schema && schema.default !== undefined && schema.default !== null) parts.push(`default ${JSON.stringify(schema.default)}`);
    return parts.join(", ");
  };
  const table = (rows) => {
    const made = make("table");
    for (const row of rows) {
      const line = make("tr");
      row.forEach((text, index) => {
        const cell = make(index ? "td" : "th", index ? text : undefined);
        if (!index) { cell.scope = "row"; cell.append(make("code", text)); }
        line.append(cell);
      });
      made.append(line);
    }
    return made;
  };
  const fields = (schema) => {
    const own = schema && schema.$ref ? document_.components.schemas[named(schema)] : schema && schema.items && schema.items.$ref ? document_.components.schemas[named(schema.items)] : null;
    if (!own || !own.properties) return null;
    return table(Object.entries(own.properties).map(([name, one]) => [name, named(one), limits(one), one.description || ""]));
  };
  const routes = document.getElementById("routes");
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, route] of Object.entries(methods)) {
      const box = make("details");
      const head = make("summary");
      head.append(make("span", method.toUpperCase(), "method"), make("code", path), make("span", ` ${route.description || route.summary || ""}`, "quiet"));
      box.append(head);
      if (route.parameters && route.parameters.length) {
        box.append(make("h2", "Parameters"), table(route.parameters.map((one) => [one.name, `${named(one.schema)}${one.required ? ", needed" : ""}`, limits(one.schema), one.description || ""])));
      }
      const body = route.requestBody && route.requestBody.content["application/json"];
      if (body) {
        box.append(make("h2", `Body: ${named(body.schema)}`));
        const own = fields(body.schema);
        if (own) box.append(own);
      }
      for (const [status, answer] of Object.entries(route.responses)) {
        const json = answer.content && answer.content["application/json"];
        if (!status.startsWith("2")) continue;
        box.append(make("h2", `Answer ${status}${json ? `: ${named(json.schema)}` : ""}`));
        const own = json && fields(json.schema);
        if (own) box.append(own);
      }
      routes.append(box);
    }
  }
  document.documentElement.dataset.ready = "1";
})();
