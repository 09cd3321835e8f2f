// A browser's few parts that our pages use, for a test with Node: the page's script and the test's steps from stdin.
"use strict";
const vm = require("node:vm"), {script, steps, cards} = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

class Part {
  constructor(dataset = {}) { Object.assign(this, {dataset, style: {}, attributes: {}, ears: {}, textContent: "", width: 0, height: 0}); }
  addEventListener(kind, ear) { (this.ears[kind] ||= []).push(ear); }
  fire(kind, event) { for (const ear of this.ears[kind] || []) ear({preventDefault() {}, target: this, ...event}); }
  getContext() { return new Proxy({}, {get: () => () => {}, set: () => true}); }
  getBoundingClientRect() { return {left: 20, top: 30.5, width: parseFloat(this.style.width), height: parseFloat(this.style.height)}; }
  setAttribute(name, value) { this.attributes[name] = value; }
  setPointerCapture() {}
  focus() {}
}
// A card of the page for review: two buttons, none of them pressed.
class Card extends Part {
  constructor(name) {
    super({name});
    const classes = this.classes = new Set();
    this.classList = {toggle(word, on = !classes.has(word)) { on ? classes.add(word) : classes.delete(word); }};
    this.buttons = ["accept", "reject"].map(say => new Part({say}));
  }
  querySelector() { return this.buttons.find(button => button.attributes["aria-pressed"] === "true") || null; }
  querySelectorAll() { return this.buttons; }
  closest() { return this; }
  scrollIntoView() {}
}
const parts = {}, sent = [], answers = [];
const get = id => parts[id] ||= Object.assign(new Part(), {clientWidth: 900, clientHeight: 500});
const world = {
  parts, sent, answers, Image: Part, HTMLButtonElement: class {}, HTMLImageElement: class {}, Part, console,
  document: Object.assign(new Part(), {getElementById: get, body: new Part(), querySelectorAll: () => cards.map(name => new Card(name))}),
  location: {protocol: "http:"}, devicePixelRatio: 2, ResizeObserver: class { observe() {} }, addEventListener() {},
  // What is sent is heard as is, unless the test has put another answer, or an error, in `answers`.
  fetch: async (verb, {body}) => {
    sent.push([verb, JSON.parse(body)]);
    const answer = answers.length ? answers.shift() : {ok: true, told: {heard: sent.length}};
    if (answer instanceof Error) throw answer;
    return {ok: answer.ok, json: async () => answer.told};
  },
  // A hundred times as fast.
  setTimeout: (run, milliseconds) => setTimeout(run, milliseconds / 100),
  // Whatever was promised by then is done.
  calm: () => new Promise(done => setTimeout(done, 20)),
};
world.window = world;
vm.createContext(world);
vm.runInContext(`${script}\n;(async () => {${steps}})()`, world).then(said => process.stdout.write(JSON.stringify(said)));
