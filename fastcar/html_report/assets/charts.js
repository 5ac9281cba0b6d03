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
  place.setAttribute("role", "img"); // its label says what it shows, the table below the numbers
  place.querySelector("svg").setAttribute("aria-hidden", "true");
  place.querySelector("form.vega-bindings")?.remove(); // empty: the controls are ours
}

// What a program that reads the file may wait for.
function tellDone() {
  document.documentElement.dataset.drawn = String(Object.keys(views).length);
}
