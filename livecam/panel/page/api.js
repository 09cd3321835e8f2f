// Requests to livecam. An error has the problem and the remedy as livecam states them.
import { toast } from "./dom.js";
import { text } from "./texts.js";

export class Problem extends Error {
  constructor(problem, hint = "") {
    super(hint ? `${problem}; ${hint}` : problem);
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

// Like post, but shows a problem to the user. Returns null then.
export async function tryPost(path, body = {}) {
  try {
    return await post(path, body);
  } catch (problem) {
    toast(problem.message, "bad");
    return null;
  }
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

// Calls `function` with the newest arguments only, while an earlier call runs: for sliders.
export function newestOnly(call) {
  let running = false;
  let waiting = null;
  return async function run(...values) {
    if (running) {
      waiting = values;
      return;
    }
    running = true;
    try {
      await call(...values);
    } finally {
      running = false;
      if (waiting) {
        const next = waiting;
        waiting = null;
        run(...next);
      }
    }
  };
}
