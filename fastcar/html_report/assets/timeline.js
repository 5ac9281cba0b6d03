// Core timelines: both mappings zoom and move together, by buttons, keys and wheel.
const ZOOM_FACTOR = 1.5;
const MOVE_SHARE = 0.25;
const FEWEST_CYCLES = 16;

class Timeline {
  constructor(figure) {
    this.figure = figure;
    this.whole = Number(figure.dataset.timeline);
    this.range = [0, this.whole];
    this.output = document.getElementById(`${figure.dataset.key}-range`);
    figure.addEventListener("click", (event) => this.act(event.target.dataset.action));
    figure.addEventListener("keydown", (event) => this.press(event));
    figure.querySelector(".plot").addEventListener("wheel", (event) => this.turn(event), { passive: false });
    this.set(0, this.whole);
  }

  act(action) {
    const actions = {
      "zoom-in": () => this.zoom(1 / ZOOM_FACTOR),
      "zoom-out": () => this.zoom(ZOOM_FACTOR),
      "zoom-left": () => this.move(-MOVE_SHARE),
      "zoom-right": () => this.move(MOVE_SHARE),
      "zoom-whole": () => this.set(0, this.whole),
    };
    if (actions[action]) actions[action]();
    return action in actions;
  }

  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest("details")) return; // its table scrolls by arrow keys
    const names = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "whole" };
    if (names[event.key] && this.act(`zoom-${names[event.key]}`)) event.preventDefault();
  }

  turn(event) {
    if (!event.ctrlKey && !event.shiftKey) return; // else the page scrolls
    event.preventDefault();
    const box = event.currentTarget.getBoundingClientRect();
    const by = event.deltaY || event.deltaX;
    this.zoom(by < 0 ? 1 / ZOOM_FACTOR : ZOOM_FACTOR, (event.clientX - box.left) / box.width);
  }

  zoom(factor, share = 0.5) {
    const [first, last] = this.range;
    const length = Math.min(this.whole, Math.max(FEWEST_CYCLES, (last - first) * factor));
    const start = first + share * (last - first - length);
    this.set(start, start + length);
  }

  move(share) {
    const by = share * (this.range[1] - this.range[0]);
    this.set(this.range[0] + by, this.range[1] + by);
  }

  // Cycles `first` to `last`, moved into the layer.
  set(first, last) {
    const length = last - first;
    const start = Math.max(0, Math.min(first, this.whole - length));
    this.range = [start, start + length];
    const view = views[this.figure.id];
    view.signal("first", this.range[0]).signal("last", this.range[1]).runAsync();
    const [from, to] = this.range.map((cycle) => Math.round(cycle).toLocaleString("en"));
    this.output.textContent = `cycles ${from} to ${to}`;
  }
}
