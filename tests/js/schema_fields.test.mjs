import assert from "node:assert/strict";
import test from "node:test";

import { fieldsOf, located, typedAs, valueOf } from "../../static/js/schema_fields.js";

const SCHEMA = {
  type: "object",
  required: ["mode"],
  $defs: { Mode: { enum: ["fast", "exact"], type: "string", description: "How to search" } },
  properties: {
    bom_file: { anyOf: [{ type: "string" }, { type: "null" }], default: null, title: "Bom File", description: "A path" },
    max_iterations: { type: "integer", minimum: 1, maximum: 100, default: 20, title: "Generations, at most" },
    threshold: { type: "number", exclusiveMinimum: 0 },
    deep: { type: "boolean", default: true },
    maybe: { anyOf: [{ type: "boolean" }, { type: "null" }] },
    mode: { $ref: "#/$defs/Mode" },
    bom: { anyOf: [{ type: "object" }, { items: {}, type: "array" }, { type: "null" }] },
  },
};

const fields = fieldsOf(SCHEMA, { bom_file: "config/bom_example.json" });
const named = (name) => fields.find((field) => field.name === name);

test("each property gets the control that fits it", () => {
  const kinds = Object.fromEntries(fields.map(({ name, kind }) => [name, kind]));
  assert.deepEqual(kinds, { bom_file: "text", max_iterations: "integer", threshold: "number", deep: "boolean", maybe: "choice", mode: "choice", bom: "json" });
});

test("labels, help, limits and defaults come from the schema, the example goes before a default", () => {
  assert.equal(named("bom_file").label, "BOM file");
  assert.equal(named("max_iterations").label, "Generations, at most");
  assert.equal(named("mode").help, "How to search");
  assert.equal(named("max_iterations").min, 1);
  assert.equal(named("max_iterations").max, 100);
  assert.equal(named("max_iterations").initial, 20);
  assert.equal(named("bom_file").initial, "config/bom_example.json");
});

test("what is required and what the example names first comes first", () => {
  const primary = (example) => fieldsOf(SCHEMA, example).filter((field) => field.primary).map(({ name }) => name);
  assert.deepEqual(primary({}), ["mode"]);
  assert.deepEqual(primary({ bom_file: "x.json", max_iterations: 20, threshold: 0.5 }), ["bom_file", "max_iterations", "mode"]);
});

test("a required choice has no empty option, an optional one has", () => {
  assert.deepEqual(named("mode").options.map(({ label }) => label), ["fast", "exact"]);
  assert.equal(named("maybe").options[0].value, "");
});

test("what was typed becomes a value of the right type, and nothing stays nothing", () => {
  assert.deepEqual(valueOf(named("max_iterations"), "40"), { value: 40 });
  assert.deepEqual(valueOf(named("threshold"), "0.5"), { value: 0.5 });
  assert.deepEqual(valueOf(named("bom_file"), "x.json"), { value: "x.json" });
  assert.deepEqual(valueOf(named("deep"), false), { value: false });
  assert.deepEqual(valueOf(named("maybe"), "true"), { value: true });
  assert.deepEqual(valueOf(named("bom"), '{"components": []}'), { value: { components: [] } });
  assert.deepEqual(valueOf(named("bom_file"), "  "), {});
});

test("what cannot be sent at all is said at once", () => {
  assert.match(valueOf(named("bom"), "{oops").error, /not JSON/);
  assert.match(valueOf(named("threshold"), "many").error, /not a number/);
});

test("a value goes back into its control as it came", () => {
  for (const [name, value] of [["max_iterations", 7], ["mode", "exact"], ["bom", { components: [] }], ["bom_file", "x.json"]]) {
    assert.deepEqual(valueOf(named(name), typedAs(named(name), value)), { value });
  }
  assert.equal(typedAs(named("bom_file"), null), "");
});

test("an error finds its field and keeps the path inside it", () => {
  assert.equal(located(fields, ["params", "max_iterations"]).field, named("max_iterations"));
  assert.deepEqual(located(fields, ["params", "bom", "components", 0, "mass"]).inside, ["components", 0, "mass"]);
  assert.equal(located(fields, ["params"]).field, undefined);
  assert.equal(located(fields, ["tags", 0]).field, undefined);
});
