// Elements without a framework: properties, attributes, listeners, children. Text is always text, never HTML.
import { text } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  image: ["M4 5h16v14H4z", "M4 16l4.500-4.500 4 4 3-3L20 17", "M9 9.500a.5.500 0 1 1 0-.01"],
  sliders: ["M4 7h9M17 7h3M4 12h3M11 12h9M4 17h11M19 17h1", "M15 5v4M9 10v4M17 15v4"],
  camera: ["M3 8h11v9H3z", "M14 11.500l6-3v8l-6-3"],
  pulse: ["M3 12h4l2.500-6 4 12 2.500-6h5"],
  person: ["M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M4.500 20c.7-4 3.700-6 7.500-6s6.800 2 7.500 6"],
  shield: ["M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z", "M9 12l2.200 2.200L15.500 10"],
  hide: ["M3 3l18 18", "M10 6.200A9.700 9.700 0 0 1 12 6c4.500 0 7.500 3 9 6a13 13 0 0 1-2.400 3.300M6.500 7.800A12.500 12.500 0 0 0 3 12c1.500 3 4.500 6 9 6a9 9 0 0 0 4-.9", "M10 10.100a2.800 2.800 0 0 0 3.900 3.900"],
  show: ["M3 12c1.500-3 4.500-6 9-6s7.500 3 9 6c-1.500 3-4.500 6-9 6s-7.500-3-9-6z", "M12 14.800a2.800 2.800 0 1 0 0-5.600 2.800 2.800 0 0 0 0 5.600z"],
  record: ["M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z", "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z"],
  stop: ["M7 7h10v10H7z"],
  broadcast: ["M4 5h16v11H4z", "M9 20h6M12 16v4", "M10 8.500v4l3.500-2z"],
  mirror: ["M12 4v16", "M8.500 8L4 16h4.500zM15.500 8l4.500 8h-4.500z"],
  plus: ["M12 5v14M5 12h14"],
  left: ["M14.500 6l-6 6 6 6"],
  right: ["M9.500 6l6 6-6 6"],
  pencil: ["M5 19l1-4L16.500 4.500l3 3L9 18z", "M14.500 6.500l3 3"],
  trash: ["M5 7h14M10 7V4.500h4V7M7 7l1 12.500h8L17 7", "M10.500 10.500v5.500M13.500 10.500v5.500"],
  check: ["M5 12.500l4.500 4.500L19 7.500"],
  alert: ["M12 4l9 16H3z", "M12 10v4.500M12 17v.5"],
  cross: ["M6 6l12 12M18 6L6 18"],
  save: ["M12 4v11M7.500 10.500L12 15l4.500-4.500", "M5 19h14"],
  copy: ["M9 9h10v11H9z", "M15 9V4H5v11h4"],
  play: ["M8 5.500v13l10-6.500z"],
  reset: ["M5 12a7 7 0 1 0 2.500-5.400", "M5 4.500v4h4"],
  blur: ["M12 4v.01M7 7v.01M17 7v.01M4 12v.01M20 12v.01M7 17v.01M17 17v.01M12 20v.01M12 8.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7z"],
  layers: ["M12 4l8 4.500-8 4.500-8-4.500z", "M4 13l8 4.500 8-4.500"],
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  for (const shape of ICONS[name] ?? []) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shape);
    svg.append(path);
  }
  return svg;
}

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name in made && !name.includes("-") && name !== "list") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function button(label, properties = {}, iconName = "", showLabel = true) {
  const classes = `button ${properties.class ?? ""} ${showLabel ? "" : "round"}`.trim();
  return element(
    "button",
    { type: "button", ...properties, class: classes, title: showLabel ? undefined : label, "aria-label": properties["aria-label"] ?? (showLabel ? undefined : label) },
    iconName ? icon(iconName) : null,
    showLabel ? element("span", {}, label) : null,
  );
}

let fieldCount = 0;
export function field(label, control, hint = "") {
  control.id ||= `field-${++fieldCount}`;
  const parts = [element("label", { htmlFor: control.id }, label), control];
  if (hint) {
    const note = element("p", { class: "hint", id: `${control.id}-hint` }, hint);
    control.setAttribute("aria-describedby", note.id);
    parts.push(note);
  }
  return element("div", { class: "field" }, ...parts);
}

export function toggle(label, checked, onchange, hint = "") {
  const input = element("input", { type: "checkbox", role: "switch", checked, onchange: () => onchange(input.checked, input) });
  input.id = `field-${++fieldCount}`;
  const note = hint ? element("p", { class: "hint", id: `${input.id}-hint` }, hint) : null;
  if (note) input.setAttribute("aria-describedby", note.id);
  return element("div", { class: "field toggle" }, element("label", { htmlFor: input.id }, label), input, note);
}

export function fillTexts(root = document) {
  for (const each of root.querySelectorAll("[data-text]")) each.textContent = text(each.dataset.text);
  for (const each of root.querySelectorAll("[data-label]")) each.setAttribute("aria-label", text(each.dataset.label));
}

export function bytes(count) {
  if (count < 1e6) return text("unit.kb", { n: Math.max(1, Math.round(count / 1e3)) });
  return count < 1e9 ? text("unit.mb", { n: (count / 1e6).toFixed(1) }) : text("unit.gb", { n: (count / 1e9).toFixed(2) });
}

export function toast(message, kind = "", ...more) {
  const shown = element("div", { class: `toast ${kind}` }, icon(kind === "bad" ? "alert" : "check"), element("p", {}, message), ...more);
  shown.append(button(text("close"), { class: "quiet", onclick: () => shown.remove() }, "cross", false));
  document.getElementById("toasts").append(shown);
  while (shown.parentElement.childElementCount > 4) shown.parentElement.firstElementChild.remove();
  setTimeout(() => shown.remove(), kind === "bad" ? 12000 : 6000);
  return shown;
}

// A question in a native dialog: it holds the focus, and Escape closes it. Resolves to the text, or null.
export function ask({ title, message = "", label = title, value = null, action, danger = false }) {
  return new Promise((resolve) => {
    const input = value === null ? null : element("input", { type: "text", value, maxLength: 80, required: true });
    const form = element(
      "form",
      { method: "dialog" },
      element("h2", {}, title),
      message ? element("p", {}, message) : null,
      input ? field(label, input) : null,
      element(
        "div",
        { class: "row end" },
        button(text("cancel"), { onclick: () => dialog.close() }),
        button(action, { type: "submit", class: danger ? "danger" : "primary" }),
      ),
    );
    let result = null;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      result = input ? input.value : "";
      dialog.close();
    });
    const dialog = element("dialog", { "aria-label": title, onclose: () => { dialog.remove(); resolve(result); } }, form);
    document.body.append(dialog);
    dialog.showModal();
    input?.select();
  });
}
