// Videos: the same frame in every pane, by slider, buttons and keys.
const FRAME_MILLISECONDS = 250;
const ORANGE = [255, 150, 40];
const BLUE = [70, 160, 255];

// The grey levels of a strip, whose frames stand in a grid: [T] arrays of H x W bytes.
async function decodeStrip(source, count, { width, height, columns }) {
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return Array.from({ length: count }, (_, frame) => {
    const [left, top] = [(frame % columns) * width, Math.floor(frame / columns) * height];
    const pixels = context.getImageData(left, top, width, height).data;
    return Uint8Array.from({ length: width * height }, (_, index) => pixels[4 * index]);
  });
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function computePsnr(first, second) {
  let sum = 0;
  for (let index = 0; index < first.length; index++) sum += (first[index] - second[index]) ** 2;
  return sum === 0 ? null : -10 * Math.log10(sum / first.length / 255 ** 2);
}

class Player {
  constructor(key) {
    this.key = key;
    this.content = content[key];
    this.video = 0;
    this.frame = Math.floor(this.content.frames / 2); // the first frames never replay
    this.timer = null;
    this.decoded = {};
    this.listeners = [];
    this.element = document.querySelector(`[data-player="${key}"]`);
    this.element.addEventListener("click", (event) => this.act(event.target.dataset.action));
    this.element.addEventListener("keydown", (event) => this.press(event));
    this.get("video").addEventListener("change", (event) => this.choose(Number(event.target.value)));
    this.get("frame").addEventListener("input", (event) => this.show(Number(event.target.value)));
    this.get("grey").addEventListener("change", () => this.show(this.frame));
  }

  get(name) {
    return document.getElementById(`${this.key}-${name}`);
  }

  async choose(video) {
    this.video = video;
    if (!this.decoded[video]) {
      const { videos } = this.content;
      const strips = {};
      for (const name of ["truth", "dense", "replay"]) {
        if (videos[video][name]) {
          strips[name] = await decodeStrip(
            videos[video][name], videos[video][`${name}_frames`], this.content);
        }
      }
      const measures = new Float32Array(fromBase64(videos[video].measures).buffer);
      const [decisions, ages] = [fromBase64(videos[video].decisions), fromBase64(videos[video].ages)];
      this.decoded[video] = { strips, decisions, ages, measures };
    }
    if (this.video === video) this.show(this.frame);
  }

  act(action) {
    if (action === "play") this.toggle();
    if (action === "back") this.step(-1);
    if (action === "on") this.step(1);
  }

  press(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const isOwn = target.matches("select, input, button") && !(target.type === "range" && key === " ");
    if (isOwn) return; // these have keys of their own
    const last = this.content.frames - 1;
    const actions = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      Home: () => this.go(0),
      End: () => this.go(last),
    };
    if (actions[key]) {
      event.preventDefault();
      actions[key]();
    }
  }

  step(by) {
    this.go((this.frame + by + this.content.frames) % this.content.frames);
  }

  go(frame) {
    this.stop();
    this.show(frame);
  }

  toggle() {
    if (this.timer !== null) return this.stop();
    this.timer = setInterval(
      () => this.show((this.frame + 1) % this.content.frames), FRAME_MILLISECONDS);
    this.get("play").textContent = "pause";
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.get("play").textContent = "play";
  }

  show(frame) {
    this.frame = frame;
    this.get("frame").value = frame;
    const state = this.decoded[this.video];
    if (!state) return;
    const { dense, replay, truth } = state.strips;
    const isGrey = this.get("grey").checked;
    this.element.querySelector(".coloured").hidden = isGrey;
    this.element.querySelector(".greys").hidden = !isGrey;
    if (truth) this.draw("truth", (index) => this.pick(truth, index), truth[frame] ? "" : "ends before");
    this.draw("dense", (index) => this.pick(dense, index), "");
    this.draw("replay", (index) => this.pick(replay, index), `${this.getShare()} replayed`);
    const psnr = computePsnr(dense[frame], replay[frame]);
    const note = psnr === null ? "same" : `${psnr.toFixed(1)} dB PSNR`;
    this.draw("difference", (index) => this.compare(dense[frame][index] - replay[frame][index], isGrey), note);
    this.get("text").textContent = `${frame} (of 0 to ${this.content.frames - 1})`;
    this.get("frame").setAttribute("aria-valuetext", `frame ${frame}, ${this.getShare()} replayed, ${note}`);
    for (const listener of this.listeners) listener();
  }

  pick(strip, index) {
    const level = strip[this.frame] ? strip[this.frame][index] : 0;
    return [level, level, level];
  }

  // The difference of a pixel: orange or blue on black, or lighter and darker than middle grey.
  compare(gap, isGrey) {
    if (isGrey) {
      const level = Math.min(255, 128 + Math.sign(gap) * Math.ceil(Math.abs(gap) / 2));
      return [level, level, level];
    }
    return (gap > 0 ? ORANGE : BLUE).map((part) => Math.round((part * Math.abs(gap)) / 255));
  }

  draw(name, getColour, note) {
    const canvas = this.get(name);
    const image = new ImageData(this.content.width, this.content.height);
    for (let index = 0; index < image.data.length / 4; index++) {
      image.data.set([...getColour(index), 255], 4 * index);
    }
    // what only takes pixels needs no graphics processor
    canvas.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0);
    canvas.setAttribute("aria-label", `${name}, frame ${this.frame}${note ? `: ${note}` : ""}`);
    this.get(`${name}-note`).textContent = note;
  }

  // Replayed share of the fed tokens of this frame, all layers.
  getShare() {
    const share = this.content.videos[this.video].shares[this.frame];
    return share === null ? "nothing" : `${(100 * share).toFixed(0)} %`;
  }
}
