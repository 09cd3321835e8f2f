"use strict";
const {command} = /*DATA*/null, served = location.protocol.startsWith("http");
const get = id => document.getElementById(id), cards = [...document.querySelectorAll("article")];
const decisionOf = card => (card.querySelector("[aria-pressed=true]") || {dataset: {}}).dataset.say || "";
const first = new Map(cards.map(card => [card, decisionOf(card)]));
function update() {
  const list = word => cards.filter(card => decisionOf(card) === word);
  cards.forEach(card => ["accept", "reject"].forEach(word => card.classList.toggle(word, decisionOf(card) === word)));
  get("summary").textContent = `${list("accept").length} accepted, ${list("reject").length} rejected` + (served ? "; kept at once" : "");
  if (served) return;
  const changed = word => list(word).filter(card => first.get(card) !== word).map(card => card.dataset.name);
  const parts = ["accept", "reject"].map(word => [word, changed(word)]).filter(([, names]) => names.length);
  get("command").value = parts.length ? command + parts.map(([word, names]) => ` --${word} ${names.join(" ")}`).join("")
    : "Decide, then run the command that appears here. Or let livecam show this page: " + command.replace("label ", "label --review ");
}
let sending = Promise.resolve(), over = false;
function mark(card, word) {
  card.querySelectorAll("[data-say]").forEach(button => button.setAttribute("aria-pressed", String(button.dataset.say === word)));
  update();
}
function decide(card, word) {
  const before = decisionOf(card), now = before === word ? "" : word;
  mark(card, now);
  if (!served) return;
  sending = sending.then(async () => {
    // Undo the mark of a decision that the server did not store.
    if (!await post("decide", {[now || "forget"]: [card.dataset.name]}) && decisionOf(card) === now) mark(card, before);
  });
}
function enlarge(card) { card.classList.toggle("large"); card.scrollIntoView({block: "nearest"}); }
async function post(verb, what) {
  try {
    const answer = await fetch(verb, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(what)}), reply = await answer.json();
    get("error").textContent = answer.ok ? "" : reply.error;
    return answer.ok;
  } catch (error) { get("error").textContent = "livecam has ended and did not hear this; start it again to go on"; return false; }
}
document.addEventListener("click", event => {
  const button = event.target.closest("[data-say]");
  if (button) decide(button.closest("article"), button.dataset.say);
  else if (event.target instanceof HTMLImageElement) enlarge(event.target.closest("article"));
});
document.addEventListener("keydown", event => {
  if (over || event.ctrlKey || event.altKey || event.metaKey || event.target.id === "command") return;
  const card = event.target.closest("article"), place = cards.indexOf(card), key = event.key.toLowerCase();
  const go = number => cards[number] && cards[number].focus();
  if (key === "j") go(place + 1); else if (key === "k") go(place - 1); else if (event.repeat) return;
  else if (key === "l" && card) enlarge(card);
  else if (key === "a" && card) decide(card, "accept"); else if (key === "r" && card) decide(card, "reject");
  else return;
  event.preventDefault();
});
get("finish").onclick = async () => {
  await sending;
  if (!await post("done", null)) return;
  over = true;
  document.body.textContent = "Thank you; this page can be closed.";
};
get("command").hidden = served; get("finish").hidden = !served;
update(); if (cards.length) cards[0].focus();
