import { words } from "./format.js";

/**
 * JSON Schema of a workload's params → the fields of a form, and what a person typed → a value.
 *
 * A field is `{name, label, help, kind, required, primary, initial, options, min, max, step, upload, suggestions}`,
 * kind one of text, integer, number, boolean, choice, json. A person meets the primary fields first: those
 * that are required and the two that the workload's example names first.
 */
export function fieldsOf(schema, example = {}) {
  const required = new Set(schema.required ?? []);
  const shown = new Set([...required, ...Object.keys(example).slice(0, 2)]);
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const { nullable, ...type } = resolved(property, schema);
    const kind = kindOf(type, nullable);
    return {
      name,
      kind,
      label: labelOf(name, property.title ?? type.title),
      help: property.description ?? type.description ?? "",
      required: required.has(name),
      primary: shown.has(name),
      initial: name in example ? example[name] : property.default,
      options: optionsOf(type, kind, nullable || !required.has(name)),
      min: type.minimum ?? type.exclusiveMinimum,
      max: type.maximum ?? type.exclusiveMaximum,
      step: kind === "integer" ? (type.multipleOf ?? 1) : "any",
      upload: UPLOADS[type.format] ?? null,
      suggestions: (property.examples ?? type.examples ?? []).map(String),
    };
  });
}

/** What a field names that can be sent: one file, or a folder of several. */
const UPLOADS = { "input-file": "file", "input-folder": "folder" };

/** `{value}` for what was typed, `{}` for nothing, or `{error}` where it cannot be sent at all. */
export function valueOf(field, typed) {
  if (field.kind === "boolean") return { value: typed };
  if (typed.trim() === "") return {};
  if (field.kind === "text") return { value: typed };
  if (field.kind === "choice") return { value: JSON.parse(typed) };
  if (field.kind === "json") return parsed(typed);
  const value = Number(typed);
  return Number.isFinite(value) ? { value } : { error: "This is not a number." };
}

/** A value as it stands in its control. */
export function typedAs(field, value) {
  if (value === undefined || value === null) return "";
  if (field.kind === "choice") return JSON.stringify(value);
  if (field.kind === "json") return JSON.stringify(value, null, 2);
  return String(value);
}

/** Where an error's `loc` (outermost name first) points: the field of the task's params, and the path inside it. */
export function located(fields, loc) {
  const [name, ...inside] = loc[0] === "params" ? loc.slice(1) : loc;
  return { field: fields.find((field) => field.name === name), inside };
}

/** A title that a schema generator derived from the name ("Bom File") says less than the name itself. */
function labelOf(name, title) {
  return !title || title.toLowerCase() === words(name).toLowerCase() ? words(name) : title;
}

function parsed(typed) {
  try {
    return { value: JSON.parse(typed) };
  } catch (error) {
    return { error: `This is not JSON: ${error.message}` };
  }
}

function resolved(property, schema) {
  const { $ref, allOf, anyOf, ...own } = property;
  if ($ref) return { ...resolved(definition($ref, schema), schema), ...own };
  if (allOf?.length === 1) return { ...resolved(allOf[0], schema), ...own };
  if (!anyOf) return { ...own, nullable: false };
  const real = anyOf.filter((option) => option.type !== "null");
  const only = real.length === 1 ? resolved(real[0], schema) : {};
  return { ...only, ...own, nullable: real.length < anyOf.length };
}

function definition(ref, schema) {
  return ref.replace(/^#\//, "").split("/").reduce((node, key) => node?.[key], schema) ?? {};
}

function kindOf({ enum: values, const: constant, type }, nullable) {
  if (values || constant !== undefined) return "choice";
  if (type === "boolean") return nullable ? "choice" : "boolean";
  if (type === "integer" || type === "number") return type;
  return type === "string" ? "text" : "json";
}

function optionsOf({ enum: values, const: constant }, kind, optional) {
  if (kind !== "choice") return [];
  const options = values ?? (constant === undefined ? [true, false] : [constant]);
  const listed = options.filter((value) => value !== null).map((value) => ({ value: JSON.stringify(value), label: String(value) }));
  return optional ? [{ value: "", label: "– not set –" }, ...listed] : listed;
}
