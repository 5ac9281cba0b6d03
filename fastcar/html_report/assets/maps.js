// Heat maps: rows are the layers of the player's frame, or the frames of one layer.
const DECISIONS = ["computed", "replayed", "may not replay", "not fed"];

function makeCells(player, rows) {
  const { places, layers, frames } = player.content;
  const { decisions, ages, measures } = player.decoded[player.video];
  const cells = [];
  const isByLayer = rows === "layers";
  for (let row = 0; row < (isByLayer ? layers : frames); row++) {
    const [layer, frame] = isByLayer ? [row, player.frame] : [Number(rows), row];
    for (let place = 0; place < places; place++) {
      const index = (frame * places + place) * layers + layer;
      const measure = Number.isFinite(measures[index]) ? measures[index] : null;
      const decision = DECISIONS[decisions[index]];
      cells.push({ row, layer, frame, place, decision, age: ages[index], measure });
    }
  }
  return cells;
}

function linkMaps(player) {
  const select = document.querySelector(`[data-rows="${player.key}"]`);
  if (!select) return;
  const maps = [...document.querySelectorAll(`[data-map="${player.key}"]`)];
  const shown = document.querySelector(`[data-shown="${player.key}"]`);
  let last = "";
  const update = () => {
    const isByLayer = select.value === "layers";
    const state = `${player.video} ${select.value} ${isByLayer ? player.frame : ""}`;
    if (state === last || !player.decoded[player.video]) return;
    last = state;
    const cells = makeCells(player, select.value);
    for (const map of maps) views[map.id].data("cells", cells).runAsync();
    shown.textContent = `video ${player.video}, ${isByLayer ? `frame ${player.frame}` : "all frames"}`;
  };
  player.listeners.push(update);
  select.addEventListener("change", update);
}
