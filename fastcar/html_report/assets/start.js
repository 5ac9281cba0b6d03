// Charts first, for players and timelines write into them.
async function start() {
  for (const place of document.querySelectorAll("[data-chart]")) await drawChart(place);
  for (const figure of document.querySelectorAll("[data-timeline]")) new Timeline(figure);
  for (const element of document.querySelectorAll("[data-player]")) {
    const player = new Player(element.dataset.player);
    linkMaps(player);
    await player.choose(0);
  }
  tellDone();
}
start();
