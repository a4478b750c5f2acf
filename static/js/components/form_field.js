import { el } from "../dom.js";
import { typedAs, valueOf } from "../schema_fields.js";

/** One labelled control made from a field's description: its help, its error, its value. */
export class FormField {
  #error;
  #helpId;

  constructor(field) {
    this.field = field;
    this.id = `field-${field.name}`;
    this.#helpId = field.help || field.kind === "json" ? `${this.id}-help` : null;
    this.#error = el("p", { class: "problem", id: `${this.id}-error`, hidden: true });
    this.control = CONTROLS[field.kind]?.(field, this.id) ?? input(field, this.id);
    this.element = this.#assembled();
    this.problem = null;
    this.control.addEventListener("input", () => (this.problem = null));
  }

  read() {
    if (this.control.validity.badInput) return { error: "This is not a number." };
    return valueOf(this.field, this.field.kind === "boolean" ? this.control.checked : this.control.value);
  }

  fill(value) {
    if (this.field.kind === "boolean") this.control.checked = Boolean(value);
    else this.control.value = typedAs(this.field, value);
    this.problem = null;
  }

  set problem(sentence) {
    this.#error.hidden = !sentence;
    this.#error.textContent = sentence ?? "";
    this.control.setAttribute("aria-invalid", String(Boolean(sentence)));
    const described = [this.#helpId, sentence && this.#error.id].filter(Boolean).join(" ");
    if (described) this.control.setAttribute("aria-describedby", described);
    else this.control.removeAttribute("aria-describedby");
  }

  #assembled() {
    const { label, help, kind, required, suggestions } = this.field;
    const name = el("label", { for: this.id }, label, required ? el("span", { class: "required" }, " required") : "");
    const hint = this.#helpId ? el("p", { class: "hint", id: this.#helpId }, help, kind === "json" ? el("span", { class: "format" }, " JSON") : "") : null;
    const control = kind === "boolean" ? [el("div", { class: "check" }, this.control, name)] : [name, this.control];
    const sent = this.field.upload ? this.#upload() : null;
    const list = suggestions.length ? el("datalist", { id: `${this.id}-list` }, ...suggestions.map((value) => el("option", { value }))) : null;
    return el("div", { class: "field", "data-field": this.field.name, "data-kind": kind }, ...control, list, sent, this.#error, hint);
  }

  /** A button that sends files of this machine and fills in what the server calls them: fires `upload`. */
  #upload() {
    const several = this.field.upload === "folder";
    const chosen = el("input", { type: "file", hidden: true, multiple: several, tabindex: "-1", "aria-hidden": "true" });
    const button = el("button", { type: "button", class: "small quiet" }, several ? "Upload files…" : "Upload a file…");
    const told = el("span", { class: "hint", role: "status" });
    button.addEventListener("click", () => chosen.click());
    chosen.addEventListener("change", () => {
      const files = [...chosen.files];
      chosen.value = "";
      if (!files.length) return;
      button.disabled = true;
      told.textContent = files.length > 1 ? `Sending ${files.length} files …` : `Sending ${files[0].name} …`;
      const done = (problem, answer) => {
        button.disabled = false;
        told.textContent = problem ? "" : `Sent: ${files.length > 1 ? `${files.length} files` : files[0].name}`;
        if (problem) this.problem = problem;
        else this.fill(several ? answer.folder : answer.file);
      };
      this.element.dispatchEvent(new CustomEvent("upload", { bubbles: true, detail: { files, done } }));
    });
    return el("div", { class: "upload" }, chosen, button, told);
  }
}

const CONTROLS = {
  boolean: (field, id) => el("input", { type: "checkbox", id, name: field.name }),
  json: (field, id) => el("textarea", { id, name: field.name, rows: 5, spellcheck: "false" }),
  choice: (field, id) =>
    el("select", { id, name: field.name }, ...field.options.map(({ value, label }) => el("option", { value }, label))),
};

function input(field, id) {
  const numeric = field.kind !== "text";
  return el("input", {
    id,
    name: field.name,
    type: numeric ? "number" : "text",
    inputmode: field.kind === "integer" ? "numeric" : numeric ? "decimal" : "text",
    min: numeric && field.min !== undefined ? String(field.min) : null,
    max: numeric && field.max !== undefined ? String(field.max) : null,
    step: numeric ? String(field.step) : null,
    list: field.suggestions.length ? `${id}-list` : null,
    autocomplete: "off",
    spellcheck: "false",
    "aria-required": field.required ? "true" : null,
  });
}
