// Learn me: record, click what to keep, wait, compare, install or discard; and the models that are there.
import { get, tryPost } from "./api.js";
import { ask, button, element, field, icon, toast, toggle } from "./dom.js";
import { message as translate, text } from "./texts.js";

const STAGES = ["record", "label", "tune", "compare"];

function duration(seconds) {
  const whole = Math.ceil(seconds);
  return whole < 90 ? text("learn.seconds", { n: whole }) : text("learn.minutes", { n: Math.ceil(whole / 60) });
}

export class Learn {
  constructor(root) {
    this.name = element("input", { type: "text", id: "learn-name", value: "me", maxLength: 40, pattern: "[A-Za-z0-9_][A-Za-z0-9_\\-]*" });
    this.seconds = element("input", { type: "number", id: "learn-seconds", min: 4, max: 600, value: 20 });
    this.click = toggle(text("learn.click"), false, () => {}, text("learn.clickHint"));
    this.form = element(
      "form", { class: "settings", onsubmit: (event) => { event.preventDefault(); this.start(); } },
      element("p", {}, text("learn.intro")),
      element("ol", { class: "poses" }, ...text("learn.poses").split("|").map((pose) => element("li", {}, pose))),
      element("div", { class: "grid-halves" }, field(text("learn.name"), this.name), field(text("learn.length"), this.seconds)),
      this.click,
      element("p", { class: "hint" }, text("learn.raw")),
      button(text("learn.start"), { id: "learn-start", type: "submit", class: "primary" }, "record"),
    );
    this.run = element("div", { class: "settings", role: "status", hidden: true });
    this.models = element("ul", { class: "files" });
    root.append(element("h2", {}, text("learn.title")), this.form, this.run, element("h2", {}, text("learn.models")), this.models);
  }

  start() {
    return tryPost("/api/learn/start", {
      name: this.name.value, seconds: Number(this.seconds.value), click: this.click.querySelector("input").checked,
    });
  }

  showState(state) {
    this.state = state;
    const { models } = state.learn;
    const rows = models.map((model) => this.modelRow(model, state.settings.model));
    this.models.replaceChildren(...(rows.length ? rows : [element("li", { class: "hint" }, text("learn.noModels"))]));
  }

  modelRow({ name, before, after }, used) {
    const figures = before === undefined ? "" : text("learn.figures", { before: before.toFixed(1), after: after.toFixed(1) });
    const inUse = name === used;
    return element(
      "li", {},
      element("span", {}, element("strong", {}, name), " ", element("span", { class: "hint" }, inUse ? text("learn.inUse") : figures)),
      element(
        "span", { class: "row" },
        button(text("learn.use", { name }), { class: "quiet", disabled: inUse, onclick: () => tryPost("/api/settings", { model: name }) }, "check", false),
        button(text("learn.remove", { name }), { class: "quiet", onclick: () => this.remove(name) }, "trash", false),
      ),
    );
  }

  async remove(name) {
    const sure = await ask({ title: text("learn.removeTitle", { name }), message: text("learn.removeText"), action: text("backgrounds.deleteButton"), danger: true });
    const answer = sure === null ? null : await tryPost("/api/learn/remove", { name });
    if (answer) toast(text(answer.fallback ? "learn.removedInUse" : "learn.removed", { name, other: answer.fallback }));
  }

  showStatus({ learn }) {
    const stage = learn?.stage ?? "";
    this.form.hidden = STAGES.includes(stage) || stage === "done";
    this.run.hidden = !stage || stage === "closed";
    if (this.run.hidden) return;
    const drawn = JSON.stringify([stage, learn.name, learn.page, learn.before, learn.message && !STAGES.includes(stage)]);
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      this.drawRun(learn);
    }
    if (STAGES.includes(stage)) this.showProgress(learn);
  }

  drawRun(learn) {
    const parts = STAGES.includes(learn.stage) ? this.progressParts(learn) : this.endParts(learn);
    this.run.replaceChildren(...parts.filter(Boolean));
  }

  progressParts(learn) {
    const steps = STAGES.map((stage, index) => {
      const state = index < STAGES.indexOf(learn.stage) ? "past" : stage === learn.stage ? "present" : "";
      return element("li", { class: state, "aria-current": state === "present" ? "step" : undefined }, icon(state === "past" ? "check" : "right"), text(`learn.stages.${stage}`));
    });
    this.bar = element("progress", { max: 1, "aria-label": text(`learn.stages.${learn.stage}`) });
    this.line = element("p", { class: "instruction" });
    this.left = element("p", { class: "hint" });
    return [
      element("ol", { class: "steps" }, ...steps), this.line, this.bar, this.left,
      learn.page ? element("a", { class: "button primary", href: learn.page, target: "_blank", rel: "noopener" }, icon("pencil"), text("learn.openClicks")) : null,
      learn.page ? element("p", { class: "hint" }, text("learn.raw")) : null,
      button(text("learn.stop"), { id: "learn-stop", onclick: () => tryPost("/api/learn/stop") }, "stop"),
    ];
  }

  showProgress({ stage, done, total, seconds_left: left, message, page }) {
    this.line.textContent = page ? text("learn.clickNow") : translate(message) || (total ? text("learn.steps", { done, total }) : text(`learn.doing.${stage}`));
    if (total) this.bar.value = done / total;
    else this.bar.removeAttribute("value");
    this.left.textContent = left === null ? "" : text("learn.left", { time: duration(left) });
  }

  endParts(learn) {
    if (learn.stage !== "done") {
      return [
        element("p", { class: learn.stage === "failed" ? "problem" : "hint" }, learn.stage === "failed" ? text("learn.failed", { message: learn.message.split("; ").map(translate).join("; ") }) : text("learn.stopped")),
        button(text("learn.discard"), { id: "learn-discard", onclick: () => this.discard(learn.name) }, "trash"),
      ];
    }
    this.examples = element("div", { class: "examples" }, element("p", { class: "hint" }, text("learn.loading")));
    this.loadExamples(learn.name);
    return [
      element("h3", {}, text("learn.result", { name: learn.name })),
      element("p", {}, text("learn.figures", { before: learn.before.toFixed(2), after: learn.after.toFixed(2) })),
      element("p", { class: learn.reason ? "problem" : "hint" }, learn.reason ? text("learn.notBetter", { reason: translate(learn.reason) }) : text("learn.better")),
      this.examples,
      element(
        "div", { class: "row" },
        button(text("learn.install"), { id: "learn-install", class: "primary", onclick: () => this.install(learn.name) }, "check"),
        button(text("learn.discard"), { id: "learn-discard", onclick: () => this.discard(learn.name) }, "trash"),
      ),
    ];
  }

  async loadExamples(name) {
    try {
      const { count } = await get(`/api/learn/examples/${name}`);
      const views = Array.from({ length: count }, (_, number) => this.compare(name, number));
      this.examples.replaceChildren(...views);
    } catch (problem) {
      this.examples.replaceChildren(element("p", { class: "problem" }, problem.message));
    }
  }

  // The old picture lies on the new one, cut off at the slider.
  compare(name, number) {
    const picture = (when) => element("img", { src: `/examples/${name}/${number}/${when}`, alt: text(`learn.${when}`), class: when });
    const input = element("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": text("learn.slider", { n: number + 1 }) });
    const view = element("div", { class: "compare" }, picture("after"), picture("before"), element("span", { class: "handle" }), input,
      element("span", { class: "badge left" }, text("learn.before")), element("span", { class: "badge right" }, text("learn.after")));
    const move = () => view.style.setProperty("--split", `${input.value}%`);
    input.addEventListener("input", move);
    move();
    return view;
  }

  async install(name) {
    if (await tryPost("/api/learn/install", { name })) toast(text("learn.installed", { name }));
  }

  async discard(name) {
    const sure = await ask({ title: text("learn.discardTitle", { name }), message: text("learn.discardText"), action: text("learn.discard"), danger: true });
    if (sure !== null && (await tryPost("/api/learn/discard", { name }))) toast(text("learn.discarded", { name, used: this.state.settings.model }));
  }
}
