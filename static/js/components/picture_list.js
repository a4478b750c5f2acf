import { el } from "../dom.js";
import { words } from "../format.js";

/** Thumbnails that open the full picture; one that does not load says so and stays a link. */
export function pictureList(files, urlOf) {
  return el("ul", { class: "pictures" }, ...files.map((file) => el("li", {}, picture(file, urlOf(file)))));
}

function picture(file, url) {
  const title = words(file.replace(/\.[a-z]+$/i, ""));
  const image = el("img", { src: url, alt: title, loading: "lazy", decoding: "async" });
  const frame = el("span", { class: "thumb" }, image);
  image.addEventListener("error", () => frame.replaceChildren("This picture could not be loaded."));
  return el("a", { href: url, target: "_blank", rel: "noopener" }, frame, el("span", { class: "caption" }, title));
}
