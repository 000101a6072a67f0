// Draws one of Plotly's figures. Streamlit's own element loads all of Plotly, 4.7 MB, and draws each figure two or
// three times; this one loads Plotly's cartesian bundle, 1.5 MB, and draws it once.

const BUNDLE = "assets/plotly-cartesian-4.1.1.min.js";
const NARROW = 480;
const ZOOM = { hovermode: "closest", dragmode: "zoom" };
const ASKED = {
  points: { clickmode: "event+select", hovermode: "closest", dragmode: "pan" },
  box: { clickmode: "event", hovermode: "closest", dragmode: "select" },
  zoom: { ...ZOOM, clickmode: "event" },
  "points and zoom": { ...ZOOM, clickmode: "event+select" },
};
// A finger that drags scrolls the page: there, as by keyboard, the time range is chosen in the header.
const FINGER = matchMedia("(pointer: coarse)");
let bundle;

function loaded() {
  bundle ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL(BUNDLE, document.baseURI).href;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error(`${script.src} could not be loaded`));
    document.head.append(script);
  });
  return bundle;
}

function themed(layout, style) {
  const value = (name) => style.getPropertyValue(name).trim();
  const font = { color: value("--st-text-color"), family: value("--st-font"), size: 12 };
  const ground = value("--st-background-color");
  return {
    ...layout,
    font: { ...font, ...layout.font },
    modebar: { bgcolor: "rgba(0,0,0,0)" },
    hoverlabel: { bgcolor: ground, bordercolor: value("--st-border-color"), font, ...layout.hoverlabel },
  };
}

// On a narrow screen a label of two parts takes two lines.
function inTwoLines(axis) {
  const ticktext = axis?.ticktext;
  if (!Array.isArray(ticktext)) return axis;
  return { ...axis, tickfont: { size: 10 }, ticktext: ticktext.map((text) => text.replace(" · ", "<br>")) };
}

// On a narrow screen a legend takes a row an entry: it stands below the figure, which is as much higher.
function narrowed(layout, data, width) {
  if (width < NARROW) layout = { ...layout, yaxis: inTwoLines(layout.yaxis) };
  const entries = data.filter((trace) => trace.name && trace.showlegend !== false).length;
  if (width >= NARROW || entries < 4 || layout.showlegend === false) return layout;
  const room = 19 * entries + 14;
  const below = { orientation: "v", yref: "container", y: 0, yanchor: "bottom", x: 0, xanchor: "left" };
  return {
    ...layout,
    height: layout.height + room,
    legend: { ...layout.legend, ...below },
    margin: { ...layout.margin, t: 8, b: layout.margin.b + room },
    xaxis: { ...layout.xaxis, nticks: 4, tickangle: 0, dtick: undefined, tickformat: "%-d %b" },
  };
}

// What stands around a figure is as high as the page reserved for it.
function heighten(place, reserved, height) {
  for (let box = place.parentElement, up = 0; box && up < 6; box = box.parentElement, up += 1) {
    if (Math.abs(box.clientHeight - reserved) > 2) continue;
    box.style.height = `${height}px`;
    if (getComputedStyle(box).flexBasis === `${reserved}px`) box.style.flexBasis = `${height}px`;
  }
}

// What clicks and drags on a figure do; where they zoom, y axes stay as they are.
function asked(layout, drags) {
  const more = ASKED[drags] ?? {};
  if (more.dragmode !== "zoom") return more;
  const fixed = Object.keys({ yaxis: {}, ...layout }).filter((name) => name.startsWith("yaxis"));
  const axes = Object.fromEntries(fixed.map((name) => [name, { ...layout[name], fixedrange: true }]));
  return { ...more, ...axes, dragmode: FINGER.matches ? false : "zoom" };
}

function zoomed(event) {
  const axis = Object.keys(event).find((name) => /^xaxis\d*\.range\[0\]$/.test(name));
  return axis && [event[axis], event[axis.replace("[0]", "[1]")]];
}

function listen(place, drags, setStateValue, setTriggerValue) {
  let known = null;
  const choose = (value) => {
    if (JSON.stringify(value) === JSON.stringify(known)) return;
    known = value;
    setStateValue("chosen", value);
  };
  const clear = () => choose(null);
  place.on("plotly_selected", (event) => {
    if (drags !== "box") {
      const data = event?.points?.[0]?.customdata;
      choose(data === undefined ? null : Array.from(typeof data === "object" ? data : [data]));
    } else {
      const box = event?.selections?.find((one) => one.type === "rect");
      if (box) choose([box.x0, box.x1]);
    }
  });
  place.on("plotly_deselect", clear);
  place.on("plotly_doubleclick", clear);
  place.on("plotly_relayout", (event) => {
    const stretch = ASKED[drags].dragmode === "zoom" && zoomed(event);
    if (!stretch) return;
    place.drawn = null;
    setTriggerValue("stretch", stretch);
  });
}

export default async function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const Plotly = await loaded();
  const style = getComputedStyle(parentElement);
  const text = new TextDecoder().decode(data);
  const drawn = text + style.getPropertyValue("--st-text-color") + style.getPropertyValue("--st-background-color");
  let place = parentElement.querySelector(":scope > .stPlotlyChart");
  if (place?.drawn === drawn) return;
  const { figure, drags, alt } = JSON.parse(text);
  const isNew = !place;
  if (isNew) {
    place = document.createElement("div");
    place.className = "stPlotlyChart";
    place.dataset.testid = "stPlotlyChart";
    parentElement.append(place);
  }
  place.drawn = drawn;
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", alt);
  const shown = narrowed(figure.layout, figure.data, place.clientWidth);
  const layout = themed({ ...shown, ...asked(shown, drags) }, style);
  if (layout.height > figure.layout.height) heighten(place, figure.layout.height, layout.height);
  await Plotly.react(place, figure.data, layout, { displayModeBar: false, responsive: false, showTips: false });
  if (isNew) {
    if (drags) listen(place, drags, setStateValue, setTriggerValue);
    let width = place.clientWidth;
    const resized = new ResizeObserver(() => {
      if (place.clientWidth && place.clientWidth !== width) {
        width = place.clientWidth;
        Plotly.Plots.resize(place);
      }
    });
    resized.observe(place);
    place.forget = () => {
      resized.disconnect();
      Plotly.purge(place);
    };
  }
  return () => place.forget();
}
