// Draw every chart of the page with Vega-Lite, as SVG; expressions are interpreted, never compiled.
const content = JSON.parse(document.getElementById("report-content").textContent);
const charts = JSON.parse(document.getElementById("report-charts").textContent);
const views = {};

async function drawChart(place) {
  const key = place.dataset.chart;
  const options = {
    mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false, hover: false,
  };
  const result = await vegaEmbed(place, charts[key], options);
  views[key] = result.view;
  const svg = place.querySelector("svg");
  svg.setAttribute("aria-hidden", "true"); // the place itself says what it shows
  svg.removeAttribute("aria-label");
}

// What a program that reads the file may wait for.
function tellDone() {
  document.documentElement.dataset.drawn = String(Object.keys(views).length);
}
