// Requests to livecam. An error has the problem and the remedy as livecam states them.
import { button, toast } from "./dom.js";
import { message, text } from "./texts.js";

export class Problem extends Error {
  constructor(problem, hint = "") {
    super([problem, hint].filter(Boolean).map(message).join("; "));
  }
}

async function answer(response) {
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(content.problem || text("failed"), content.hint);
  return content;
}

export async function get(path) {
  return answer(await fetch(path, { credentials: "same-origin", cache: "no-store" }));
}

export async function post(path, body = {}) {
  return answer(
    await fetch(path, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
}

// Like post, but shows a problem to the user, with more elements beside it. Returns null then.
export async function tryPost(path, body = {}, ...more) {
  try {
    return await post(path, body);
  } catch (problem) {
    toast(problem.message, "bad", ...more);
    return null;
  }
}

// What is missing for a virtual camera, the doctor says with the commands to copy.
export function switchVirtualCamera(on) {
  const act = ({ target }) => {
    target.closest(".toast").remove();
    window.dispatchEvent(new Event("livecam-examine"));
  };
  const mend = button(text("devices.mend"), { onclick: act }, "pulse");
  return tryPost("/api/virtual-camera", { on }, mend);
}

// Announces a file, then sends its bytes. `progress` receives percent.
export async function upload(file, progress) {
  const { ticket } = await post("/api/uploads", { name: file.name, bytes: file.size });
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", `/api/uploads/${ticket}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(Math.round((100 * event.loaded) / Math.max(1, event.total)));
    request.onerror = () => reject(new Problem(text("failed")));
    request.onload = () => {
      const content = request.response ?? {};
      if (request.status === 200) resolve(content);
      else reject(new Problem(content.problem || text("failed"), content.hint));
    };
    request.send(file);
  });
}

// Sends the values of one control in their order, and leaves out those that are older than a waiting one. While it
// is busy the control shows what the user chose, because the state of livecam is older. What livecam refuses (null)
// makes the page load the state again.
export class Sender {
  constructor(send) {
    this.send = send;
    this.busy = false;
    this.waiting = [];
  }

  async push(value) {
    this.waiting = [value];
    if (this.busy) return;
    this.busy = true;
    let accepted = true;
    while (this.waiting.length) accepted = (await this.send(this.waiting.pop())) !== null;
    this.busy = false;
    if (!accepted) window.dispatchEvent(new Event("livecam-reload"));
  }
}
