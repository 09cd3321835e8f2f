// Small charts of the last two minutes, and the doctor's findings as cards.
import { post } from "./api.js";
import { button, element, icon, toast } from "./dom.js";
import { message, text } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const CHARTS = [
  ["fps", "fps", 30],
  ["delay", "delay_ms", 40],
  ["cpu", "cpu", 50],
  ["dropped", "dropped", 5],
];
const LEVELS = ["broken", "warning", "fine"];
const SECONDS = 120;
const LEAST_SECONDS = 15;

class Chart {
  constructor(name, key, least) {
    Object.assign(this, { name, key, least });
    this.value = element("strong", {}, "–");
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("role", "img");
    this.area = this.svg.appendChild(document.createElementNS(SVG, "path"));
    this.line = this.svg.appendChild(document.createElementNS(SVG, "path"));
    this.area.setAttribute("class", "area");
    this.line.setAttribute("class", "line");
    const hint = text(`health.${name}Hint`);
    this.node = element(
      "div", { class: "card chart", id: `chart-${name}` },
      element("h3", {}, text(`health.${name}`)),
      element("p", { class: "figure" }, this.value, element("span", {}, text(`health.${name}Unit`))),
      this.svg,
      hint ? element("p", { class: "hint" }, hint) : null,
    );
  }

  draw(history) {
    const values = history.map((each) => each[this.key]);
    if (!values.length) return;
    const [low, high, now] = [Math.min(...values), Math.max(...values), values.at(-1)];
    const top = Math.max(this.least, high) * 1.1;
    const width = Math.max(LEAST_SECONDS, values.length) - 1;
    this.svg.setAttribute("viewBox", `0 0 ${width} 40`);
    const left = width - values.length + 1;
    const points = values.map((value, i) => `${left + i} ${(39 - (37 * value) / top).toFixed(1)}`);
    const line = `M${points.join("L")}`;
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", `${line}L${width} 40L${left} 40Z`);
    const shown = this.name === "dropped" || this.name === "fps" ? Math.round(now) : now.toFixed(now < 10 ? 1 : 0);
    this.value.textContent = shown;
    this.svg.setAttribute("aria-label", text("health.chart", { title: text(`health.${this.name}`), value: shown, low, high }));
  }
}

export class Health {
  constructor(root) {
    this.history = [];
    this.charts = CHARTS.map((chart) => new Chart(...chart));
    this.findings = element("div", { class: "findings", role: "status" });
    this.check = button(text("health.check"), { id: "doctor", class: "primary", onclick: () => this.examine() }, "pulse");
    root.append(
      element("h2", {}, text("health.title")),
      element("div", { class: "charts" }, ...this.charts.map(({ node }) => node)),
      element("h2", {}, text("health.doctor")),
      element("p", { class: "hint" }, text("health.hint")),
      this.check, this.findings,
    );
  }

  showState({ history }) {
    // A page that was loaded again shows what was before: livecam remembers two minutes.
    const known = new Set(this.history.map(({ second }) => second));
    this.history = [...history.filter(({ second }) => !known.has(second)), ...this.history];
    this.history = this.history.sort((one, other) => one.second - other.second).slice(-SECONDS);
    for (const chart of this.charts) chart.draw(this.history);
  }

  showStatus({ figures }) {
    // A change sends the figures of the same second once more.
    if (figures.fps === undefined || this.history.some(({ second }) => second === figures.second)) return;
    this.history = [...this.history, figures].slice(-SECONDS);
    for (const chart of this.charts) chart.draw(this.history);
  }

  async examine() {
    this.check.disabled = true;
    this.findings.replaceChildren(element("p", { class: "hint" }, text("health.checking")));
    try {
      const { findings } = await post("/api/doctor");
      findings.sort((one, other) => LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level));
      this.findings.replaceChildren(...findings.map((finding) => this.card(finding)));
      this.findings.firstElementChild?.scrollIntoView({ block: "center" });
    } catch (problem) {
      this.findings.replaceChildren();
      toast(problem.message, "bad");
    }
    this.check.disabled = false;
  }

  card({ level, seen, remedy, command }) {
    const icons = { fine: "check", warning: "alert", broken: "cross" };
    const copy = command
      ? element("div", { class: "command" }, element("code", {}, command), button(text("health.copyCommand"), { onclick: () => this.copy(command) }, "copy", false))
      : null;
    const more = remedy && remedy !== command ? element("p", {}, message(remedy)) : null;
    return element(
      "article", { class: `card finding ${level}` },
      element("h3", {}, icon(icons[level]), element("span", {}, text(`health.levels.${level}`))),
      element("p", {}, message(seen)), more, copy,
    );
  }

  async copy(command) {
    await navigator.clipboard.writeText(command);
    toast(text("copied"));
  }
}
