// The button below the backgrounds, the picture and the camera: everything as it is now becomes the default.
import { tryPost } from "./api.js";
import { button, toast } from "./dom.js";
import { text } from "./texts.js";

export function keepButton() {
  const keep = async () => (await tryPost("/api/settings/keep")) && toast(text("kept"));
  return button(text("keep"), { class: "keep", onclick: keep }, "check");
}
