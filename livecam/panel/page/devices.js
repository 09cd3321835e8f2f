// Camera, size, rate, model, threads; virtual camera; recordings. Changed while livecam runs.
import { switchVirtualCamera, tryPost } from "./api.js";
import { ask, bytes, button, element, field, icon, toggle } from "./dom.js";
import { keepButton } from "./keep.js";
import { text } from "./texts.js";

export class Devices {
  constructor(root) {
    this.inputs = {
      camera: element("select", {}),
      size: element("select", {}),
      fps: element("select", {}),
      model: element("select", {}),
      threads: element("input", { type: "number", min: 1, max: 64 }),
    };
    for (const [name, input] of Object.entries(this.inputs)) {
      input.id = `input-${name}`;
      input.addEventListener("change", () => this.change(name, input));
    }
    this.format = element("p", { class: "hint", role: "status" });
    const fields = Object.entries(this.inputs).map(([name, input]) => field(text(`devices.${name}`), input));
    this.virtual = toggle(text("devices.virtual"), false, (on, input) => this.switch(input, switchVirtualCamera(on)), " ");
    this.viewers = element("p", { class: "viewers" });
    this.demand = toggle(
      text("devices.onDemand"), false,
      (on, input) => this.switch(input, tryPost("/api/settings", { on_demand: on })), text("devices.onDemandHint"),
    );
    this.recordings = element("ul", { class: "files" });
    root.append(
      element("h2", {}, text("devices.input")), element("div", { class: "grid-2" }, ...fields), this.format,
      element("h2", {}, text("devices.output")), this.virtual, this.viewers, this.demand, keepButton(),
      element("h2", {}, text("devices.recordings")), this.recordings,
    );
  }

  async change(name, input) {
    const value = ["fps", "threads"].includes(name) ? Number(input.value) : input.value;
    this.busy = true;
    for (const each of Object.values(this.inputs)) each.disabled = true;
    this.format.textContent = text("devices.changing");
    await tryPost("/api/settings", { [name]: value });
    for (const each of Object.values(this.inputs)) each.disabled = false;
    this.busy = false;
    if (this.state) this.showState(this.state);
    input.focus();
  }

  async switch(input, answer) {
    input.disabled = true;
    if (!(await answer)) input.checked = !input.checked;
    input.disabled = false;
    input.focus();
  }

  showState(state) {
    this.state = state;
    if (this.busy) return;
    const { input, settings, output } = state;
    this.fill("camera", input.cameras.map(({ value, title }) => [value, value === "demo" ? text("devices.demo") : title]));
    this.fill("size", input.sizes.map((size) => [size, size.replace("x", " × ")]));
    this.fill("fps", input.rates.map((rate) => [String(rate), text("devices.fpsValue", { n: rate })]));
    this.fill("model", input.models.map((name) => [name, name]));
    this.inputs.threads.max = input.threads;
    for (const [name, control] of Object.entries(this.inputs)) {
      if (document.activeElement !== control || control.tagName === "SELECT") control.value = String(settings[name]);
    }
    this.format.textContent = text("devices.granted", { format: input.format });
    this.demand.querySelector("input").checked = settings.on_demand;
    this.showRecordings(output.recordings);
  }

  fill(name, options) {
    const wanted = JSON.stringify(options);
    const select = this.inputs[name];
    if (select.dataset.options === wanted) return;
    select.dataset.options = wanted;
    select.replaceChildren(...options.map(([value, title]) => element("option", { value }, title)));
  }

  showRecordings(list) {
    const wanted = JSON.stringify(list);
    if (this.recordings.dataset.files === wanted) return;
    this.recordings.dataset.files = wanted;
    const rows = list.map(({ name, bytes: size }) =>
      element(
        "li", {},
        element("a", { href: `/recordings/${name}`, target: "_blank", "aria-label": text("devices.play", { name }) }, icon("play"), element("span", {}, name)),
        element(
          "span", { class: "row tight" },
          element("span", { class: "hint" }, bytes(size)),
          element("a", { class: "button quiet round", href: `/recordings/${name}`, download: name, title: text("devices.download", { name }), "aria-label": text("devices.download", { name }) }, icon("save")),
          button(text("devices.deleteRecording", { name }), { class: "quiet", onclick: () => this.remove(name) }, "trash", false),
        ),
      ),
    );
    this.recordings.replaceChildren(...(rows.length ? rows : [element("li", { class: "hint" }, text("devices.noRecordings"))]));
  }

  async remove(name) {
    const sure = await ask({ title: text("devices.deleteTitle", { name }), message: text("devices.deleteText"), action: text("backgrounds.deleteButton"), danger: true });
    if (sure !== null) await tryPost("/api/recordings/delete", { name });
  }

  showStatus({ virtualCamera: { device, viewers } }) {
    const input = this.virtual.querySelector("input");
    if (!input.disabled) input.checked = Boolean(device);
    this.virtual.querySelector(".hint").textContent = device ? text("devices.virtualOn", { device }) : text("devices.virtualOff");
    this.viewers.hidden = !device;
    const line = viewers.length ? text("devices.viewers", { names: viewers.join(", ") }) : text("devices.noViewers");
    if (this.viewers.textContent !== line) this.viewers.replaceChildren(icon(viewers.length ? "show" : "hide"), line);
  }
}
