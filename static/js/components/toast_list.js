import { el, icon } from "../dom.js";

const STAYS_MS = 7_000;
const MOST = 5;

/** Short messages that go by themselves, unless the pointer or the focus is on them. They never take the focus. */
class ToastList extends HTMLElement {
  connectedCallback() {
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Messages");
    this.setAttribute("aria-live", "polite");
  }

  /** `kind`: a name of an icon and of a tone. */
  show(kind, text) {
    const close = el("button", { type: "button", class: "quiet small", "aria-label": `Dismiss: ${text}` }, "×");
    const toast = el("div", { class: "toast", "data-kind": kind }, icon(kind), el("p", {}, text), close);
    let timer = null;
    const go = () => {
      clearTimeout(timer);
      toast.remove();
    };
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(go, STAYS_MS);
    };
    close.addEventListener("click", go);
    for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, () => clearTimeout(timer));
    for (const name of ["pointerleave", "focusout"]) toast.addEventListener(name, wait);
    this.append(toast);
    while (this.children.length > MOST) this.firstElementChild.remove();
    wait();
  }
}

customElements.define("toast-list", ToastList);
