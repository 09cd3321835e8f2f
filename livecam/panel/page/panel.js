// Start of the page: the tabs, the dock, and what every change of the state redraws.
import { get } from "./api.js";
import { Backgrounds } from "./backgrounds.js";
import { Devices } from "./devices.js";
import { Dock } from "./dock.js";
import { button, element, fillTexts, icon, toast } from "./dom.js";
import { Health } from "./health.js";
import { LiveConnection } from "./live.js";
import { Learn } from "./learn.js";
import { Picture } from "./picture.js";
import { text } from "./texts.js";

const TABS = [
  ["backgrounds", "image", Backgrounds],
  ["picture", "sliders", Picture],
  ["devices", "camera", Devices],
  ["health", "pulse", Health],
  ["learn", "person", Learn],
];
const STATES_WITH_NOTE = new Set(["starting", "stalled", "camera lost", "paused"]);

class Panel {
  constructor() {
    fillTexts();
    this.live = new LiveConnection(document.getElementById("preview"));
    this.dock = new Dock(document.getElementById("dock"));
    this.views = TABS.map(([name, iconName, View]) => this.addTab(name, iconName, View));
    this.select(TABS.findIndex(([name]) => `#${name}` === location.hash));
    this.live.addEventListener("status", ({ detail }) => this.showStatus(detail));
    this.live.addEventListener("changed", () => this.load());
    window.addEventListener("livecam-reload", () => this.load());
    window.addEventListener("livecam-examine", () => this.examine());
    this.live.addEventListener("message", ({ detail }) => toast(detail.text, "bad"));
    this.live.addEventListener("connected", () => this.showConnection(true));
    this.live.addEventListener("lost", () => this.showConnection(false));
  }

  addTab(name, iconName, View) {
    const tab = element(
      "button",
      { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}` },
      icon(iconName),
      element("span", {}, text(`tabs.${name}`)),
    );
    const panel = element("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": tab.id, class: "panel", tabIndex: 0 });
    const index = document.getElementById("tabs").childElementCount;
    tab.addEventListener("click", () => this.select(index));
    tab.addEventListener("keydown", (event) => this.moveInTabs(event, index));
    document.getElementById("tabs").append(tab);
    document.getElementById("panels").append(panel);
    return { tab, panel, view: new View(panel) };
  }

  moveInTabs(event, index) {
    const count = TABS.length;
    const goal = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: count - 1 }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    this.select((goal + count) % count);
    this.views[(goal + count) % count].tab.focus();
  }

  select(index) {
    const chosen = Math.max(0, index);
    this.views?.forEach(({ tab, panel, view }, number) => {
      const isChosen = number === chosen;
      tab.setAttribute("aria-selected", isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
      panel.hidden = !isChosen;
      if (isChosen) view.opened?.();
    });
    history.replaceState(null, "", `#${TABS[chosen][0]}`);
  }

  examine() {
    const index = TABS.findIndex(([name]) => name === "health");
    this.select(index);
    this.views[index].tab.focus();
    return this.views[index].view.examine();
  }

  async load() {
    this.reload = true;
    if (this.loading) return;
    this.loading = true;
    try {
      while (this.reload) {
        this.reload = false;
        const asked = performance.now();
        this.showState({ ...(await get("/api/state")), asked });
      }
    } catch {
      this.showConnection(false);
    } finally {
      this.loading = false;
    }
  }

  showState(state) {
    document.documentElement.dataset.ready = "true";
    const mirrored = state.settings.mirror;
    document.getElementById("preview").classList.toggle("mirrored", mirrored);
    this.state = state;
    this.showCaption();
    this.dock.showState(state);
    for (const { view } of this.views) view.showState?.(state);
  }

  showStatus(status) {
    const safety = document.getElementById("safety");
    const line = text(`safety.${status.state}`);
    if (safety.dataset.state !== status.state) {
      safety.dataset.state = status.state;
      safety.replaceChildren(icon(status.state === "live" ? "shield" : "hide"), element("span", {}, line));
    }
    const note = document.getElementById("view-note");
    note.hidden = !STATES_WITH_NOTE.has(status.state);
    note.textContent = line;
    this.status = status;
    this.showCaption();
    this.showFigures(status.figures);
    this.dock.showStatus(status);
    for (const { view } of this.views) view.showStatus?.(status);
  }

  showCaption() {
    if (!this.state || !this.status) return;
    const seen = this.state.settings.mirror ? "captionMirrored" : "caption";
    const key = this.status.virtualCamera.device ? seen : "captionOff";
    document.getElementById("caption").textContent = text(key, { format: this.state.input.format });
  }

  showFigures({ fps, delay_ms: delay, cpu }) {
    if (fps === undefined) return;
    const parts = [
      ["fps", Math.round(fps)],
      ["delay", Math.round(delay)],
      ["cpu", Math.round(cpu)],
    ];
    document.getElementById("figures").replaceChildren(
      ...parts.map(([name, n]) => element("div", {}, element("dt", {}, text(`health.${name}`)), element("dd", {}, text(`figures.${name}`, { n })))),
    );
  }

  showConnection(connected) {
    const gone = document.getElementById("gone");
    if (connected) {
      gone.hidden = true;
      this.load();
      return;
    }
    if (!gone.hidden) return;
    gone.hidden = false;
    gone.replaceChildren(
      element(
        "div",
        { class: "card" },
        element("h2", {}, text("gone.title")),
        element("p", {}, text("gone.text")),
        element("code", {}, text("gone.command")),
        button(text("copy"), { class: "primary", onclick: () => navigator.clipboard?.writeText(text("gone.command")) }, "copy"),
        element("p", { class: "hint" }, text("gone.waiting")),
      ),
    );
  }
}

new Panel();
