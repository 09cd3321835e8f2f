// The gallery: what can be behind the person. One choice of many, so it is a group of radio buttons.
import { Sender, tryPost, upload } from "./api.js";
import { ask, button, element, field, icon, toast } from "./dom.js";
import { keepButton } from "./keep.js";
import { text } from "./texts.js";

const NEW = "new"; // id of the tile of a file that livecam has not taken yet
const SWATCHES = ["#00b140", "#1f6feb", "#6f42c1", "#b35900", "#2f3437", "#f1efe9"];

export class Backgrounds {
  constructor(root) {
    this.root = root;
    this.editing = false;
    this.selected = new Set();
    this.wanted = null; // the user's choice, until a state of livecam that is newer than its answer has come
    this.answered = 0;
    this.turn = 0; // counts the choices, so that a file that arrives later does not replace a newer choice
    this.pending = null; // the file that is added and will be shown, until its item has come: title, id once it has one
    this.group = element("div", { role: "radiogroup", "aria-label": text("backgrounds.title"), class: "gallery" });
    this.options = element("div", { class: "options" });
    this.progress = element("p", { class: "progress", role: "status", hidden: true });
    this.file = element("input", { type: "file", id: "choose-files", multiple: true, accept: "image/*,video/*", class: "visually-hidden", tabIndex: -1, "aria-label": text("backgrounds.add") });
    this.file.addEventListener("change", () => this.add([...this.file.files]));
    this.edit = button(text("backgrounds.edit"), { id: "arrange", "aria-pressed": "false", onclick: () => this.setEditing(!this.editing) }, "layers");
    this.slides = button("", { id: "make-slides", hidden: true, onclick: () => this.makeSlides() }, "layers");
    this.note = element("p", { class: "hint" });
    const add = button(text("backgrounds.addShort"), { id: "add", class: "primary", "aria-label": text("backgrounds.add"), onclick: () => this.file.click() }, "plus");
    root.append(
      element("div", { class: "row heading" }, element("h2", {}, text("backgrounds.title")), this.edit, add),
      this.progress, this.options, this.group,
      element("div", { class: "row" }, this.slides, keepButton(), this.file),
      this.note,
    );
    this.group.addEventListener("keydown", (event) => this.move(event));
    this.choices = new Sender((choice) => tryPost("/api/background", choice));
    this.seconds = new Sender((value) => tryPost("/api/settings", { slide_seconds: value }));
    this.listenToDrops();
  }

  // The tile is marked at once, and busy until livecam has answered. The last choice wins.
  async choose(choice) {
    if (choice.value === NEW) return;
    this.turn += 1;
    this.wanted = choice;
    this.mark(choice);
    await this.choices.push(choice);
    if (this.choices.busy) return;
    this.answered = performance.now();
    if (this.isOpen) window.dispatchEvent(new Event("livecam-reload"));
    else this.showState(this.state);
  }

  // Whether the choice is not confirmed. A state that was asked for before the answer, and differs, may be older.
  get isOpen() {
    if (this.wanted === null) return false;
    if (this.wanted.value === NEW || this.choices.busy) return true;
    const { kind, value } = this.state.background;
    return this.state.asked < this.answered && !(kind === this.wanted.kind && value === this.wanted.value);
  }

  // ---- drawing

  showState(state) {
    this.state = state;
    const { builtin, start, items, limits } = state.backgrounds;
    if (items.some(({ id }) => id === this.pending?.id)) this.pending = null;
    const wanted = JSON.stringify([builtin, start, items, this.editing, [...this.selected], this.pending]);
    if (this.drawn !== wanted) {
      this.drawn = wanted;
      const focused = document.activeElement?.closest?.("[data-key]")?.dataset.key;
      const action = document.activeElement?.dataset?.action;
      this.draw(builtin, start, items);
      if (focused) this.focusTile(focused, action);
    }
    this.note.textContent = text("backgrounds.addHint", { limits: limits[0].toUpperCase() + limits.slice(1) });
    this.edit.hidden = !items.length;
    this.slides.hidden = !this.editing;
    this.slides.disabled = this.selected.size < 2;
    this.slides.querySelector("span").textContent = this.selected.size < 2 ? text("backgrounds.slidesHint") : text("backgrounds.slides", { n: this.selected.size });
    if (!this.isOpen) this.wanted = null;
    this.mark(this.wanted ?? state.background);
  }

  draw(builtin, start, items) {
    const files = start.map((title, value) => ({ title, value })).filter(({ value }) => this.isStartTile(value));
    const own = items.map((item, index) => this.ownTile(item, index, items));
    const { pending } = this;
    if (pending) own.push(this.tile({ kind: "item", value: pending.id }, pending.title, element("span", { class: "effect" }, icon("image"))));
    this.group.replaceChildren(
      this.section("effects", [
        this.tile({ kind: "blur", value: this.blurStrength }, text("backgrounds.blur"), element("span", { class: "effect blur-tile" }, icon("person"))),
        this.tile({ kind: "color", value: this.color }, text("backgrounds.color"), element("span", { class: "effect color-tile" }, icon("person"))),
      ]),
      files.length ? this.section("start", files.map(({ title, value }) => this.tile({ kind: "start", value }, title, element("span", { class: "effect" }, icon("image"))))) : "",
      this.section("own", own.length ? own : [element("p", { class: "hint empty" }, text("backgrounds.empty"))]),
      this.section("builtin", builtin.map((name) => this.tile({ kind: "builtin", value: name }, text(`backgrounds.names.${name}`) || name, this.thumbnail(name)))),
    );
  }

  // Files of the command line that are neither built in nor in the gallery have a tile of their own.
  isStartTile(value) {
    const name = this.state.backgrounds.start[value];
    return !/^(blur(:.*)?|#[0-9a-f]{6})$/i.test(name) && !this.state.backgrounds.builtin.includes(name);
  }

  section(name, tiles) {
    return element("div", { class: "gallery-section", role: "presentation" }, element("h3", {}, text(`backgrounds.${name}`)), element("div", { class: "tiles", role: "presentation" }, ...tiles));
  }

  thumbnail(name) {
    return element("img", { src: `/thumbnails/${name}`, alt: "", width: 384, height: 216, loading: "lazy", draggable: false });
  }

  tile(choice, title, picture, badge = "") {
    const chosen = element(
      "button",
      { type: "button", role: "radio", class: "tile", "aria-checked": "false", "data-tile": `${choice.kind}:${["blur", "color"].includes(choice.kind) ? "" : choice.value}`, onclick: () => this.choose(this.present(choice)) },
      element("span", { class: "picture" }, picture, badge ? element("span", { class: "badge" }, badge) : null, element("span", { class: "tick" }, icon("check"))),
      element("span", { class: "title" }, title),
    );
    return element("div", { class: "tile-box", "data-key": chosen.dataset.tile }, chosen);
  }

  present(choice) {
    if (choice.kind === "blur") return { kind: "blur", value: this.blurStrength };
    return choice.kind === "color" ? { kind: "color", value: this.color } : choice;
  }

  get blurStrength() {
    return this.state?.background.kind === "blur" ? this.state.background.value : (this.lastBlur ?? 25);
  }

  get color() {
    return this.state?.background.kind === "color" ? this.state.background.value : (this.lastColor ?? SWATCHES[0]);
  }

  ownTile({ id, kind, title }, index, items) {
    const badge = { video: text("backgrounds.video"), slides: text("backgrounds.slideshow") }[kind] ?? "";
    const box = this.tile({ kind: "item", value: id }, title, this.thumbnail(id), badge);
    if (!this.editing) return box;
    box.classList.add("editing");
    box.draggable = true;
    box.addEventListener("dragstart", (event) => event.dataTransfer.setData("application/x-livecam", id));
    box.addEventListener("dragover", (event) => event.dataTransfer.types.includes("application/x-livecam") && event.preventDefault());
    box.addEventListener("drop", (event) => this.dropTile(event, index, items));
    const action = (name, iconName, act, disabled = false) =>
      button(text(`backgrounds.${name}`, { title }), { "data-action": name, class: "quiet small", disabled, onclick: act }, iconName, false);
    box.append(
      element(
        "div", { class: "tile-actions" },
        kind === "picture" ? element("input", { type: "checkbox", "data-action": "select", checked: this.selected.has(id), "aria-label": text("backgrounds.select", { title }), onchange: () => this.toggleSelected(id) }) : null,
        action("earlier", "left", () => this.shift(items, index, -1), index === 0),
        action("later", "right", () => this.shift(items, index, 1), index === items.length - 1),
        action("rename", "pencil", () => this.rename(id, title)),
        action("delete", "trash", () => this.remove(id, title)),
      ),
    );
    return box;
  }

  mark(choice) {
    const key = `${choice.kind}:${["blur", "color"].includes(choice.kind) ? "" : choice.value}`;
    const tiles = [...this.group.querySelectorAll(".tile")];
    let found = false;
    for (const tile of tiles) {
      const checked = tile.dataset.tile === key;
      found ||= checked;
      tile.setAttribute("aria-checked", checked);
      tile.setAttribute("aria-busy", checked && this.wanted !== null);
      tile.tabIndex = checked ? 0 : -1;
    }
    if (!found && tiles.length) tiles[0].tabIndex = 0;
    this.showOptions(choice);
  }

  showOptions(choice) {
    const item = choice.kind === "item" ? this.state.backgrounds.items.find(({ id }) => id === choice.value) : null;
    const kind = item?.kind === "slides" ? "slides" : choice.kind;
    if (kind === "blur") this.lastBlur = choice.value;
    if (kind === "color") this.lastColor = choice.value;
    if (this.optionsKind === kind) {
      this.updateOptions?.(choice);
      return;
    }
    this.optionsKind = kind;
    this.updateOptions = null;
    this.options.replaceChildren(...({ blur: () => this.blurOptions(choice), color: () => this.colorOptions(choice), slides: () => this.slideOptions() }[kind]?.() ?? []));
  }

  blurOptions({ value }) {
    const output = element("output", {});
    const input = element("input", { type: "range", id: "blur-strength", min: 4, max: 100, step: 1, value });
    const paint = () => {
      output.textContent = input.value;
      input.style.setProperty("--part", `${(100 * (input.value - 4)) / 96}%`);
    };
    input.addEventListener("input", () => { paint(); this.choose({ kind: "blur", value: Number(input.value) }); });
    input.addEventListener("change", () => this.choose({ kind: "blur", value: Number(input.value) }));
    const made = field(text("backgrounds.blurStrength"), input);
    input.before(element("span", { class: "value" }, output));
    paint();
    this.updateOptions = (choice) => { if (!this.choices.busy && !input.matches(":active")) { input.value = choice.value; paint(); } };
    return [made];
  }

  colorOptions({ value }) {
    const input = element("input", { type: "color", id: "background-color", value });
    input.addEventListener("input", () => { this.choose({ kind: "color", value: input.value }); });
    input.addEventListener("change", () => this.choose({ kind: "color", value: input.value }));
    const swatches = SWATCHES.map((color) => {
      const swatch = element("button", { type: "button", class: "swatch", "aria-label": color, onclick: () => { input.value = color; this.choose({ kind: "color", value: color }); } });
      swatch.style.setProperty("--color", color);
      return swatch;
    });
    this.updateOptions = (choice) => { if (!this.choices.busy) input.value = choice.value; };
    return [element("div", { class: "row colors" }, field(text("backgrounds.colorChoice"), input), ...swatches)];
  }

  slideOptions() {
    const input = element("input", { type: "number", id: "slide-seconds", min: 1, max: 3600, step: 1, value: this.state.settings.slide_seconds });
    input.addEventListener("change", () => this.seconds.push(Number(input.value)));
    this.updateOptions = () => { if (document.activeElement !== input) input.value = this.state.settings.slide_seconds; };
    return [field(text("backgrounds.seconds"), input)];
  }

  // ---- keyboard

  move(event) {
    const tiles = [...this.group.querySelectorAll(".tile")];
    const index = tiles.indexOf(document.activeElement);
    if (index < 0) return;
    const goal = { ArrowRight: index + 1, ArrowDown: index + 1, ArrowLeft: index - 1, ArrowUp: index - 1, Home: 0, End: tiles.length - 1 }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    const tile = tiles[(goal + tiles.length) % tiles.length];
    tile.focus();
    tile.click();
  }

  focusTile(key, action) {
    const box = this.group.querySelector(`[data-key="${CSS.escape(key)}"]`);
    const goal = (action && box?.querySelector(`[data-action="${action}"]:not(:disabled)`)) || box?.querySelector(".tile");
    goal?.focus();
  }

  // ---- adding

  listenToDrops() {
    const drop = document.getElementById("drop");
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    let depth = 0;
    window.addEventListener("dragenter", (event) => {
      if (!hasFiles(event)) return;
      depth += 1;
      drop.hidden = false;
    });
    window.addEventListener("dragleave", (event) => {
      if (!hasFiles(event)) return;
      depth = Math.max(0, depth - 1);
      drop.hidden = depth === 0;
    });
    window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    window.addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      drop.hidden = true;
      this.add([...event.dataTransfer.files]);
    });
  }

  // The first file that can be used is shown, unless something else is chosen meanwhile; its tile is there and marked
  // from the beginning. The others follow into the gallery.
  async add(files) {
    this.progress.hidden = false;
    this.turn += 1;
    const { turn } = this;
    let shown = "";
    let added = "";
    let count = 0;
    for (const file of files) {
      if (!shown && turn === this.turn) this.expect(file);
      try {
        const { id } = await this.addOne(file);
        count += 1;
        added = file.name;
        if (this.pending?.id === NEW) this.pending.id = id;
        if (!shown && turn === this.turn) {
          shown = file.name;
          this.showState(this.state);
          await this.choose({ kind: "item", value: id });
        }
      } catch (problem) {
        this.giveUp();
        toast(problem.message, "bad");
      }
    }
    this.giveUp();
    this.progress.hidden = true;
    this.file.value = "";
    if (count > 1) toast(text("backgrounds.addedMany", { n: count }));
    else if (count) toast(shown ? text("backgrounds.added", { name: shown }) : text("backgrounds.addedOnly", { name: added }));
  }

  expect(file) {
    this.pending = { id: NEW, title: file.name.replace(/\.[A-Za-z0-9]{1,5}$/, "") };
    this.wanted = { kind: "item", value: NEW };
    this.showState(this.state);
  }

  giveUp() {
    if (this.pending?.id === NEW) this.pending = null;
    if (this.wanted?.value === NEW) this.wanted = null;
    this.showState(this.state);
  }

  addOne(file) {
    const { maxBytes, limits } = this.state.backgrounds;
    if (file.size > maxBytes) throw new Error(text("backgrounds.tooLarge", { name: file.name, limits }));
    this.progress.textContent = text("backgrounds.uploading", { name: file.name, percent: 0 });
    return upload(file, (percent) => {
      this.progress.textContent = percent < 100 ? text("backgrounds.uploading", { name: file.name, percent }) : text("backgrounds.checking", { name: file.name });
    });
  }

  // ---- arranging

  setEditing(editing) {
    this.editing = editing;
    this.selected.clear();
    this.edit.setAttribute("aria-pressed", editing);
    this.edit.querySelector("span").textContent = text(editing ? "backgrounds.done" : "backgrounds.edit");
    this.showState(this.state);
  }

  toggleSelected(id) {
    if (!this.selected.delete(id)) this.selected.add(id);
    this.showState(this.state);
  }

  shift(items, index, offset) {
    const ids = items.map(({ id }) => id);
    ids.splice(index + offset, 0, ...ids.splice(index, 1));
    return tryPost("/api/backgrounds/order", { ids });
  }

  dropTile(event, index, items) {
    const id = event.dataTransfer.getData("application/x-livecam");
    if (!id) return;
    event.preventDefault();
    event.stopPropagation();
    this.shift(items, items.findIndex((item) => item.id === id), index - items.findIndex((item) => item.id === id));
  }

  async rename(id, title) {
    const name = await ask({ title: text("backgrounds.renameTitle", { title }), label: text("backgrounds.newName"), value: title, action: text("save") });
    if (name) await tryPost("/api/backgrounds/rename", { id, title: name });
  }

  async remove(id, title) {
    const sure = await ask({ title: text("backgrounds.deleteTitle", { title }), message: text("backgrounds.deleteText"), action: text("backgrounds.deleteButton"), danger: true });
    if (sure !== null) {
      this.selected.delete(id);
      await tryPost("/api/backgrounds/delete", { id });
    }
  }

  async makeSlides() {
    const title = await ask({ title: text("backgrounds.slidesName"), label: text("backgrounds.slidesName"), value: text("backgrounds.slidesTitle"), action: text("save") });
    if (!title) return;
    const ids = this.state.backgrounds.items.filter(({ id }) => this.selected.has(id)).map(({ id }) => id);
    const made = await tryPost("/api/backgrounds/slides", { ids, title });
    if (made) {
      this.setEditing(false);
      await this.choose({ kind: "item", value: made.id });
    }
  }
}
