"use strict";
const {frames, heard} = /*DATA*/null;
const get = id => document.getElementById(id), stage = get("stage"), canvas = get("canvas"), pen = canvas.getContext("2d");
// The clicks on each frame, in order, so that they can be undone.
const done = frames.map(({clicks}) => [
  ...(clicks.boxes || []).map(at => ["boxes", at]), ...(clicks.keep || []).map(at => ["keep", at]),
  ...(clicks.drop || []).map(at => ["drop", at])]);
let now = 0, image = new Image(), cross = null, corner = null, drag = null, over = false;
const clamp = (value, limit) => Math.max(0, Math.min(limit - 1, value));

function open(number) {
  now = Math.max(0, Math.min(frames.length - 1, number));
  corner = drag = cross = null;
  image = new Image(); image.onload = draw;
  image.onerror = () => showError("this frame can't be shown; if livecam has ended, start it again, what was clicked is kept");
  image.src = now + ".jpg";
  get("name").textContent = frames[now].name;
  get("back").disabled = now === 0; get("next").disabled = now === frames.length - 1;
  draw();
}
function showError(message) { get("error").textContent = message; }
// Fills the stage at the screen's resolution; the pen draws in image pixels. Returns image pixels per CSS pixel.
function fit({width, height}) {
  const scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
  const fine = scale * (window.devicePixelRatio || 1), size = [width, height].map(length => Math.max(1, Math.round(length * fine)));
  canvas.style.width = width * scale + "px"; canvas.style.height = height * scale + "px";
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  pen.setTransform(size[0] / width, 0, 0, size[1] / height, 0, 0);
  pen.imageSmoothingQuality = "high";
  return 1 / scale;
}
function draw() {
  if (over) return;
  const {width, height} = frames[now], unit = fit(frames[now]);
  pen.clearRect(0, 0, width, height);
  if (image.complete && image.naturalWidth) pen.drawImage(image, 0, 0, width, height);
  for (const [what, at] of done[now]) what === "boxes" ? box(at, "#5aaaff", unit) : dot(at, what, unit);
  const from = drag && drag.moved ? drag.from : corner, to = drag && drag.moved ? drag.to : cross;
  if (from && to) box([from[0], from[1], to[0], to[1]], "#fff", unit);
  if (cross) {
    line([[cross[0] - 14 * unit, cross[1]], [cross[0] + 14 * unit, cross[1]]], "#fff", unit);
    line([[cross[0], cross[1] - 14 * unit], [cross[0], cross[1] + 14 * unit]], "#fff", unit);
  }
  get("undo").disabled = !done[now].length;
  const count = (many, what) => `${many} ${what}${many === 1 ? "" : "s"}`, some = done.filter(list => list.length).length;
  get("state").textContent = `frame ${now + 1} of ${frames.length}: ${count(done[now].length, "click")} here, ${count(some, "frame")} clicked on`;
}
function line(points, color, unit) {
  for (const [wide, ink] of [[4, "#000"], [2, color]]) {
    pen.lineWidth = wide * unit; pen.strokeStyle = ink; pen.beginPath();
    points.forEach(([x, y], i) => i ? pen.lineTo(x + .5, y + .5) : pen.moveTo(x + .5, y + .5)); pen.stroke();
  }
}
function box([x0, y0, x1, y1], color, unit) { line([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], color, unit); }
function dot([x, y], what, unit) {
  if (what === "drop") {
    const r = 7 * unit;
    line([[x - r, y - r], [x + r, y + r]], "#ff5a50", unit); line([[x - r, y + r], [x + r, y - r]], "#ff5a50", unit);
    return;
  }
  pen.beginPath(); pen.arc(x + .5, y + .5, 7 * unit, 0, 7); pen.fillStyle = "#3cff78"; pen.fill();
  pen.lineWidth = 2 * unit; pen.strokeStyle = "#000"; pen.stroke();
}
function add(what, at) { done[now].push([what, at]); draw(); send("keep"); }
function addBox(a, b) {
  const at = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  if (at[2] > at[0] && at[3] > at[1]) add("boxes", at); else draw();
}
function undo() { done[now].pop(); draw(); send("keep"); }
let sending = Promise.resolve(true), revision = heard;
function serializedClicks() {
  const clicks = {};
  frames.forEach(({name}, i) => {
    if (!done[i].length) return;
    clicks[name] = {keep: [], drop: [], boxes: []};
    for (const [what, at] of done[i]) clicks[name][what].push(at);
  });
  return JSON.stringify(clicks);
}
function send(verb) {
  // Requests are sent one after another, so that the last state sent is the last one stored.
  sending = sending.then(async () => {
    try {
      // The revision lets the server refuse an outdated tab that would overwrite another tab's clicks.
      const answer = await fetch(`${revision}/${verb}`, {method: "POST", headers: {"Content-Type": "application/json"}, body: serializedClicks(), keepalive: serializedClicks().length < 60000});
      const reply = await answer.json();
      if (answer.ok) revision = reply.heard;
      showError(answer.ok ? "" : reply.error);
      return answer.ok;
    } catch (error) { showError("livecam has ended and did not hear this; what was clicked before is kept, start it again to go on"); return false; }
  });
  return sending;
}
let sure = false;
async function finish() {
  if (!sure && !done.some(list => list.length)) { sure = true; showError("nothing is clicked, so no thing is kept; finish once more if that is meant"); return; }
  if (!await send("done")) return;
  over = true;
  document.title = "livecam: thank you";
  document.body.textContent = "Thank you. livecam goes on in the terminal; this page can be closed.";
}
function place(event) {
  const area = canvas.getBoundingClientRect(), {width, height} = frames[now];
  return [clamp(Math.floor((event.clientX - area.left) / area.width * width), width),
          clamp(Math.floor((event.clientY - area.top) / area.height * height), height)];
}
canvas.addEventListener("pointerdown", event => {
  if (event.button > 0) return;
  // A second finger is another gesture (zoom or scroll).
  if (!event.isPrimary) { drag = null; draw(); return; }
  canvas.setPointerCapture(event.pointerId);
  const touch = event.pointerType === "touch", from = place(event);
  const press = drag = {from, to: from, moved: false, x: event.clientX, y: event.clientY, reach: touch ? 12 : 5};
  // Not every browser reports a long press by contextmenu, and some report it late.
  if (touch) setTimeout(() => { if (drag === press && !press.moved) { drag = null; add("drop", from); } }, 500);
});
canvas.addEventListener("pointermove", event => {
  if (!drag) return;
  drag.to = place(event);
  drag.moved = drag.moved || Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > drag.reach;
  draw();
});
canvas.addEventListener("pointerup", () => {
  const was = drag; drag = null;
  if (was) was.moved ? addBox(was.from, was.to) : add("keep", was.from);
});
canvas.addEventListener("pointercancel", () => { drag = null; draw(); });
canvas.addEventListener("contextmenu", event => {
  event.preventDefault();
  // The menu key has no position, and a long press is handled above.
  if (event.pointerType !== "" && event.pointerType !== "touch") { drag = null; add("drop", place(event)); }
});
document.addEventListener("keydown", event => {
  if (over) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "z") { event.preventDefault(); undo(); return; }
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const {width, height} = frames[now], step = Math.max(1, Math.round(width / (event.shiftKey ? 20 : 160)));
  const moves = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]};
  const onButton = event.target instanceof HTMLButtonElement, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.repeat && !moves[key]) return;
  if (moves[key]) {
    cross = cross || [Math.round(width / 2), Math.round(height / 2)];
    cross = [clamp(cross[0] + moves[key][0], width), clamp(cross[1] + moves[key][1], height)];
    draw();
  } else if ((key === "k" || key === "Enter" && !onButton) && cross) add("keep", cross);
  else if (key === "d" && cross) add("drop", cross);
  else if (key === "b" && cross) { if (corner) { addBox(corner, cross); corner = null; draw(); } else corner = cross; }
  else if (key === "n") open(now + 1);
  else if (key === "p") open(now - 1);
  else if (key === "u") undo();
  else if (key === "f") finish();
  else return;
  event.preventDefault();
});
get("back").onclick = () => open(now - 1); get("next").onclick = () => open(now + 1);
get("undo").onclick = undo; get("finish").onclick = finish;
new ResizeObserver(draw).observe(stage); window.addEventListener("resize", draw);
open(0); canvas.focus({preventScroll: true});
