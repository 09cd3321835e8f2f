// The large buttons below the preview: hide me, record, virtual camera, mirror.
import { switchVirtualCamera, tryPost } from "./api.js";
import { bytes, element, icon, toast } from "./dom.js";
import { text } from "./texts.js";

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export class Dock {
  constructor(root) {
    this.hide = this.add("hide", "hide", () => tryPost("/api/pause", { paused: !this.status.paused }));
    this.record = this.add("record", "record", () => this.toggleRecording());
    this.virtual = this.add("virtual", "broadcast", () => switchVirtualCamera(!this.status.virtualCamera.device));
    this.mirror = this.add("mirror", "mirror", () => tryPost("/api/settings", { mirror: !this.state.settings.mirror }));
    root.append(this.hide, this.record, this.virtual, this.mirror);
    root.addEventListener("keydown", (event) => this.move(event, root));
  }

  add(name, iconName, act) {
    const made = element(
      "button",
      { type: "button", class: `dock-button ${name}`, id: `dock-${name}`, "aria-pressed": "false" },
      element("span", { class: "disc" }, icon(iconName)),
      element("span", { class: "label" }, text(`dockButtons.${name}`)),
    );
    made.addEventListener("click", async () => {
      made.disabled = true;
      await act();
      made.disabled = false;
      made.focus();
    });
    return made;
  }

  move(event, root) {
    const offset = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!offset) return;
    const buttons = [...root.children];
    buttons[(buttons.indexOf(document.activeElement) + offset + buttons.length) % buttons.length]?.focus();
  }

  async toggleRecording() {
    const running = this.status.recording?.running;
    const answer = await tryPost("/api/recording", { on: !running });
    if (answer && running) {
      const { seconds, bytes: size } = this.status.recording;
      // A recording that the command line began lies where the user said, which no page can open.
      const links = !answer.onPage ? [] : [element("a", { class: "button", href: `/recordings/${answer.name}`, target: "_blank" }, text("devices.playLink"))];
      toast(text("devices.recorded", { seconds: Math.round(seconds), size: bytes(size) }), "", ...links);
    }
  }

  showState(state) {
    this.state = state;
    this.mirror.setAttribute("aria-pressed", state.settings.mirror);
  }

  showStatus(status) {
    this.status = status;
    this.press(this.hide, status.paused, text(`dockButtons.${status.paused ? "show" : "hide"}`), status.paused ? "show" : "hide");
    const running = Boolean(status.recording?.running);
    this.press(this.record, running, text(`dockButtons.${running ? "stop" : "record"}`), running ? "stop" : "record");
    this.press(this.virtual, Boolean(status.virtualCamera.device), text("dockButtons.virtual"));
    const time = document.getElementById("recording-time");
    time.hidden = !running;
    if (running) time.textContent = `${clock(status.recording.seconds)} · ${bytes(status.recording.bytes)}`;
  }

  press(made, pressed, label, iconName = "") {
    made.setAttribute("aria-pressed", pressed);
    const shown = made.querySelector(".label");
    if (shown.textContent === label) return;
    shown.textContent = label;
    if (iconName) made.querySelector(".disc").replaceChildren(icon(iconName));
  }
}
