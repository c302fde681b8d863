(() => {
  "use strict";
  const read = (element) => JSON.parse(element.textContent);
  const charts = read(document.getElementById("charts"));
  const overAxes = document.getElementById("over-axes") && read(document.getElementById("over-axes"));

  // ---- colours: those of the page, which follow the reader's light or dark ----
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement.classList;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const painted = (part) => {
    if (typeof part === "string") {
      const name = /^var\((--[a-z]+)\)$/.exec(part);
      return name ? colour(name[1]) : part;
    }
    if (Array.isArray(part)) return part.map(painted);
    if (part && typeof part === "object") {
      if (part.name === "viridis") return { ...part, extent: dark.matches && !root.contains("printing") ? [0.38, 1] : [0, 0.72] };
      return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, painted(value)]));
    }
    return part;
  };
  const config = () => {
    const font = getComputedStyle(document.body).fontFamily;
    const text = { labelColor: colour("--quiet"), titleColor: colour("--quiet"), labelFont: font, titleFont: font };
    const sizes = { labelFontSize: 11.5, titleFontSize: 11.5, titleFontWeight: 500 };
    return {
      background: "transparent",
      font,
      view: { stroke: null },
      axis: { ...text, ...sizes, domainColor: colour("--line"), tickColor: colour("--line"), gridColor: colour("--line") },
      legend: { ...text, ...sizes, symbolStrokeWidth: 2 },
      text: { color: colour("--ink"), font, fontSize: 12 },
    };
  };

  // ---- data: kept in columns, drawn from rows ----
  const span = (first, last) => (first === last ? `${first}` : `${first}-${last}`);
  const forms = {
    columns: (data) => {
      const names = Object.keys(data);
      return data[names[0]].map((_, index) => Object.fromEntries(names.map((name) => [name, data[name][index]])));
    },
    cells: ({ ratios, size: [timesteps, units], per: [perRow, perColumn] }) => ratios.flatMap((row, i) => {
      const [t0, t1] = [i * perRow, Math.min((i + 1) * perRow, timesteps)];
      return row.map((r, j) => {
        const [u0, u1] = [j * perColumn, Math.min((j + 1) * perColumn, units)];
        const place = { x: t0 - 0.5, x2: t1 - 0.5, y: u0 - 0.5, y2: u1 - 0.5 };
        const shade = r <= 1 ? Math.sqrt(r) : Math.min(1 + Math.max(Math.log10(r) / 6, 1e-6), 2);
        return { ...place, r, shade, timestep: span(t0, t1 - 1), unit: span(u0, u1 - 1) };
      }).filter(({ r }) => r !== null);
    }),
  };

  // ---- drawing: each chart when it comes into view ----
  const options = () => ({ actions: false, ast: true, renderer: "canvas", mode: "vega-lite", config: config() });
  const draw = async (plot, spec, datasets) => {
    const whole = painted(spec);
    whole.datasets = { ...whole.datasets, ...datasets };
    const { view } = await vegaEmbed(plot, whole, options());
    plot.dataset.drawn = "yes";
    return view;
  };
  const drawers = new Map();
  for (const plot of document.querySelectorAll("[data-chart]")) {
    const { spec, data, form } = charts[Number(plot.dataset.chart)];
    drawers.set(plot, () => draw(plot, spec, { kept: forms[form](data) }));
  }
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) {
        seen.unobserve(target);
        drawers.get(target)();
      }
    }
  }, { rootMargin: "300px" });

  // ---- tables: a click on a heading sorts ----
  const value = (cell) => {
    const text = "sort" in cell.dataset ? cell.dataset.sort : cell.textContent.trim();
    const number = text === "" ? NaN : text === "inf" ? Infinity : Number(text);
    return { text, number };
  };
  const compare = (one, other) => {
    const numbers = [one.number, other.number].map((number) => !Number.isNaN(number));
    if (numbers[0] && numbers[1]) return one.number - other.number;
    if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1;
    return one.text.localeCompare(other.text);
  };
  const sort = (heading) => {
    const table = heading.closest("table");
    const index = [...heading.parentElement.children].indexOf(heading);
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [value(row.cells[index]), row]);
    rows.sort(([one], [other]) => {
      const empty = [one.text === "", other.text === ""];
      if (empty[0] !== empty[1]) return empty[0] ? 1 : -1;  // what is not known stays at the end
      return down ? compare(other, one) : compare(one, other);
    });
    body.append(...rows.map(([, row]) => row));
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("th button");
    if (button) sort(button.closest("th"));
  });

  // ---- a link to a part opens it ----
  const unfold = () => {
    const part = /^#part-\d+$/.test(location.hash) && document.querySelector(`${location.hash} > details`);
    if (part) part.open = true;
  };
  addEventListener("hashchange", unfold);
  unfold();

  // ---- a sweep: its points over any two axes, and a filter ----
  const sweepOf = (box) => {
    const { axes, points } = read(box.querySelector(".points-data"));
    const [choices, filters] = box.querySelectorAll("form");
    const [mapPlot, pointsPlot] = box.querySelectorAll("[data-over-axes]");
    const titles = { error: "max |error|", ratio: "residual over limit" };
    const title = (axis) => axis.name;
    const number = (axis, place) => (axis.numbers ? axis.numbers[place] : axis.texts[place]);
    const typed = (encoding, axis) => {
      encoding.title = title(axis);
      encoding.sort = axis.numbers ? "ascending" : axis.texts;
      if (axis.texts.some((text) => text.length > 8)) encoding.axis = { ...encoding.axis, labelAngle: -25, labelOverlap: false };
    };
    const chosen = () => {
      const [x, y] = [Number(choices.elements.x.value), Number(choices.elements.y.value)];
      const shown = choices.elements.value.value;
      const rows = points.at.map((at, index) => ({
        x: number(axes[x], at[x]), y: number(axes[y], at[y]), v: points[shown][index],
        number: points.number[index], verdict: points.verdict[index], spread: (index * 0.618034) % 1,
      })).filter((row) => row.v !== null);
      return { x, y, shown, rows };
    };
    const drawMap = () => {
      const { x, y, shown, rows } = chosen();
      const worst = new Map();
      for (const row of rows) {
        const key = JSON.stringify([row.x, row.y]);
        const known = worst.get(key) || { x: row.x, y: row.y, v: 0, count: 0 };
        worst.set(key, { ...known, v: Math.max(known.v, row.v), count: known.count + 1 });
      }
      const spec = structuredClone(overAxes.map);
      typed(spec.encoding.x, axes[x]);
      typed(spec.encoding.y, axes[y]);
      spec.encoding.y.axis.labelAngle = 0;
      spec.encoding.tooltip[0].title = title(axes[x]);
      spec.encoding.tooltip[1].title = title(axes[y]);
      spec.encoding.tooltip[2].title = `the worst ${titles[shown]}`;
      spec.encoding.color.scale.type = shown === "ratio" ? "pow" : "log";
      if (shown === "ratio") Object.assign(spec.encoding.color.scale, { exponent: 0.5, domain: [0, 1], clamp: true });
      spec.encoding.color.legend.format = shown === "ratio" ? "~g" : "~e";
      const found = [...worst.values()].filter((cell) => cell.v > 0 || shown === "ratio");
      return draw(mapPlot, spec, { kept: found });
    };
    const drawPoints = async () => {
      const { x, y, shown, rows } = chosen();
      const spec = structuredClone(overAxes.points);
      const { encoding } = spec.layer[0];
      typed(encoding.x, axes[x]);
      encoding.y.title = titles[shown];
      encoding.color.title = title(axes[y]);
      encoding.color.sort = axes[y].numbers ? "ascending" : axes[y].texts;
      encoding.tooltip[0].title = title(axes[x]);
      encoding.tooltip[1].title = title(axes[y]);
      encoding.tooltip[2].title = titles[shown];
      if (shown === "ratio") {
        encoding.y.scale = { type: "pow", exponent: 0.5, domainMin: 0 };
        encoding.y.axis = { format: "~g", tickCount: 6, grid: false };
      } else {
        spec.layer.pop();  // the limit is one of ratios
      }
      const view = await draw(pointsPlot, spec, { kept: rows, limit: [{ limit: 1 }] });
      view.addEventListener("click", (_, item) => {
        if (item && item.datum && item.datum.number !== undefined) show(item.datum.number);
      });
    };
    const rows = [...box.querySelectorAll(".all-points tbody tr")];
    const count = box.querySelector("output");
    const filter = () => {
      const words = filters.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const verdict = filters.elements.verdict.value;
      let left = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const kept = (!verdict || row.dataset.verdict === verdict) && words.every((word) => text.includes(word));
        row.hidden = !kept;
        left += kept;
      }
      count.textContent = `${left.toLocaleString("en")} of ${rows.length.toLocaleString("en")} points`;
    };
    const show = (point) => {
      const row = document.getElementById(`point-${point}`);
      if (!row) return;
      if (row.hidden) {
        filters.reset();
        filter();
      }
      for (const other of box.querySelectorAll("tr.found")) other.classList.remove("found");
      row.classList.add("found");
      row.querySelector("details").open = true;
      row.scrollIntoView({ block: "center" });
    };
    const follow = () => {
      const found = /^#point-(\d+)$/.exec(location.hash);
      if (found) show(Number(found[1]));
    };
    for (const form of [choices, filters]) form.addEventListener("submit", (event) => event.preventDefault());
    choices.addEventListener("change", () => {
      drawMap();
      drawPoints();
    });
    filters.addEventListener("input", filter);
    addEventListener("hashchange", follow);
    drawers.set(mapPlot, drawMap);
    drawers.set(pointsPlot, drawPoints);
    filter();
    follow();
  };
  document.querySelectorAll(".points").forEach(sweepOf);

  for (const plot of drawers.keys()) seen.observe(plot);
  const redraw = () => {
    for (const [plot, drawer] of drawers) if (plot.dataset.drawn) drawer();
  };
  dark.addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    root.add("printing");  // paper is white
    for (const folded of document.querySelectorAll("details.folded")) folded.open = true;
    for (const drawer of drawers.values()) drawer();
  });
  addEventListener("afterprint", () => {
    root.remove("printing");
    redraw();
  });
})();
