// The settings of the picture, built from what livecam says of them: a new setting appears by itself.
import { Sender, tryPost } from "./api.js";
import { button, element, field, toast, toggle } from "./dom.js";
import { keepButton } from "./keep.js";
import { text } from "./texts.js";

function title(setting) {
  return text(`picture.names.${setting.name}`) || setting.name.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());
}

function sentence(words) {
  return words ? `${words[0].toUpperCase()}${words.slice(1)}.` : "";
}

export class Picture {
  constructor(root) {
    this.list = element("div", { class: "settings" });
    const reset = button(text("picture.reset"), { id: "reset-all", onclick: () => this.reset() }, "reset");
    root.append(element("h2", {}, text("picture.title")), this.list, element("div", { class: "row" }, reset, keepButton()));
    this.controls = new Map();
    this.senders = new Map();
  }

  showState({ picture, settings }) {
    for (const setting of picture) {
      if (!this.controls.has(setting.name)) this.add(setting);
      if (!this.isBusy(setting.name)) this.controls.get(setting.name)(settings[setting.name]);
    }
    this.names = picture.map(({ name }) => name);
  }

  send(name, value) {
    if (!this.senders.has(name)) this.senders.set(name, new Sender((sent) => tryPost("/api/settings", { [name]: sent })));
    this.senders.get(name).push(value);
  }

  isBusy(name) {
    return Boolean(this.senders.get(name)?.busy);
  }

  add(setting) {
    const label = title(setting);
    const control = this[setting.kind](setting, label);
    control.node.classList.add("setting");
    control.node.dataset.setting = setting.name;
    this.list.append(control.node);
    this.controls.set(setting.name, control.show);
  }

  switch(setting, label) {
    const node = toggle(label, false, (on) => this.send(setting.name, on), sentence(setting.help));
    return { node, show: (value) => (node.querySelector("input").checked = value) };
  }

  choice(setting, label) {
    const options = setting.choices.map((value) => element("option", { value }, text(`picture.choices.${value}`) || value));
    const input = element("select", { onchange: () => this.send(setting.name, input.value) }, ...options);
    return { node: field(label, input, sentence(setting.help)), show: (value) => (input.value = value) };
  }

  text(setting, label) {
    const input = element("input", { type: "text", onchange: () => this.send(setting.name, input.value) });
    return { node: field(label, input, sentence(setting.help)), show: (value) => (input.value = value ?? "") };
  }

  number(setting, label) {
    const input = element("input", {
      type: "number", min: setting.low, max: setting.high, step: "any",
      onchange: () => this.send(setting.name, Number(input.value)),
    });
    return { node: field(label, input, sentence(setting.help)), show: (value) => (input.value = value) };
  }

  slider(setting, label) {
    const output = element("output", {});
    const input = element("input", {
      type: "range", min: setting.low, max: setting.high, step: setting.step,
      oninput: () => { this.paint(input, output, setting); this.send(setting.name, Number(input.value)); },
      onchange: () => this.send(setting.name, Number(input.value)),
    });
    const node = field(label, input, sentence(setting.help));
    const back = button(
      text("picture.resetOne", { title: label, value: setting.default }),
      { class: "quiet", onclick: () => this.reset([setting.name]) }, "reset", false,
    );
    input.before(element("span", { class: "value" }, output, back));
    return {
      node,
      show: (value) => {
        back.disabled = value === setting.default;
        if (input.matches(":active")) return;
        input.value = value;
        this.paint(input, output, setting);
      },
    };
  }

  paint(input, output, setting) {
    const part = (Number(input.value) - setting.low) / (setting.high - setting.low);
    input.style.setProperty("--part", `${100 * part}%`);
    output.textContent = setting.unit === "pixels" ? `${input.value} px` : input.value;
  }

  async reset(names = this.names) {
    if (await tryPost("/api/settings/reset", { names })) toast(text("picture.saved"));
  }
}
