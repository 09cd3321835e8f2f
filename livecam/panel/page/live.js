// The WebSocket: frames onto the canvas at the pace of this browser, messages to listeners.
const RETRY_MILLISECONDS = 1500;

export class LiveConnection extends EventTarget {
  constructor(canvas) {
    super();
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.frames = 0;
    this.asked = false;
    document.addEventListener("visibilitychange", () => this.askForFrame());
    this.connect();
  }

  connect() {
    this.asked = false;
    this.socket = new WebSocket(`ws://${location.host}/live`);
    this.socket.binaryType = "blob";
    this.socket.onopen = () => {
      this.dispatchEvent(new CustomEvent("connected"));
      this.askForFrame();
    };
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.receive(JSON.parse(data)) : this.draw(data));
    this.socket.onclose = () => {
      this.dispatchEvent(new CustomEvent("lost"));
      setTimeout(() => this.connect(), RETRY_MILLISECONDS);
    };
  }

  receive(message) {
    this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
  }

  // A hidden tab asks for nothing, so it costs nothing.
  askForFrame() {
    if (document.hidden || this.asked || this.socket.readyState !== WebSocket.OPEN) return;
    this.asked = true;
    this.socket.send("next");
  }

  async draw(blob) {
    this.asked = false;
    try {
      const image = await createImageBitmap(blob);
      if (this.canvas.width !== image.width || this.canvas.height !== image.height) {
        this.canvas.width = image.width;
        this.canvas.height = image.height;
      }
      this.context.drawImage(image, 0, 0);
      image.close();
      this.frames += 1;
      this.canvas.dataset.frames = this.frames;
    } finally {
      this.askForFrame();
    }
  }
}
