/// <reference lib="dom" />
/** @file The script of a page: values under the pointer, a finger or the arrow keys, and zoom of curves. */

/** The values of a chart for the page's script. Numbers of the y axis are as drawn: see `scale`. */
export type ChartValues = LineValues | BarValues;

/** The values of a chart of lines. */
export interface LineValues {
  readonly kind: "lines";
  readonly xName: string;
  /** Pixels of the plot: left, top, right, bottom. */
  readonly plot: readonly [number, number, number, number];
  /** Ends of the axes: x, x, y, y. */
  readonly ends: readonly [number, number, number, number];
  /** How a number of the y axis is written: as a power of ten, or times a factor, with a suffix. */
  readonly scale: { readonly log?: true; readonly factor?: number; readonly suffix?: string };
  readonly x: readonly number[];
  /** Positions along the x axis that a dashed line marks. @defaultValue none */
  readonly guides?: readonly number[];
  readonly lines: readonly {
    readonly name: string;
    readonly colour: string;
    readonly dashes: readonly number[];
    /** As drawn; null is skipped, false leaves a gap. */
    readonly y: readonly (number | null | false)[];
    /** As written. @defaultValue as the axis writes them */
    readonly texts?: readonly (string | null)[];
    /** The ends of the shaded range, as drawn. @defaultValue none */
    readonly range?: readonly (readonly [number, number] | null)[];
  }[];
}

/** The values of a chart of bars. */
export interface BarValues {
  readonly kind: "bars";
  readonly plot: readonly [number, number, number, number];
  readonly names: readonly string[];
  readonly bars: readonly {
    readonly name: string;
    readonly colour: string;
    readonly texts: readonly (string | null)[];
  }[];
}

/** Runs in the page: its text is the page's only script, so it uses nothing from outside of itself. */
export function interact(): void {
  type Row = readonly [colour: string | undefined, name: string, value: string];

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  document.body.append(tip);

  /** What the values are of. */
  let owner: Element | undefined;

  /** Hides the values of an element, unless another's have taken their place. */
  const hide = (of: Element): void => {
    if (owner === of) tip.hidden = true;
  };

  /** Shows rows of values of an element beside a point of the window, or below it where there is no room. */
  const show = (
    of: Element,
    title: string,
    rows: readonly Row[],
    at: { readonly x: number; readonly y: number; readonly below: number },
  ): void => {
    owner = of;
    const head = document.createElement("b");
    head.textContent = title;
    const lines = rows.map(([colour, name, value]) => {
      const line = document.createElement("div");
      const sample = document.createElement("i");
      sample.className = "square";
      if (colour !== undefined) sample.style.color = colour;
      else sample.hidden = true;
      const text = document.createElement("span");
      text.textContent = name;
      const number = document.createElement("b");
      number.textContent = value;
      line.append(sample, text, number);
      return line;
    });
    tip.replaceChildren(head, ...lines);
    tip.hidden = false;
    tip.style.left = "0";
    const width = document.documentElement.clientWidth;
    const box = tip.getBoundingClientRect();
    const beside = at.x < width / 2 ? at.x + 14 : at.x - 14 - box.width;
    const left = Math.max(8, Math.min(beside, width - box.width - 8));
    tip.style.left = `${window.scrollX + left}px`;
    tip.style.top = `${window.scrollY + Math.max(8, left === beside ? at.y : at.below)}px`;
  };

  const element = (name: string, attributes: Readonly<Record<string, string | number>>): SVGElement => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, `${value}`);
    return made;
  };

  const short = (value: number): string => `${Number(value.toPrecision(3))}`;

  /** The interval of about so many ticks. */
  const intervalOf = (span: number, ticks: number): number => {
    const power = 10 ** Math.floor(Math.log10(span / ticks));
    return ([1, 2, 5].find((digit) => digit * power >= span / ticks) ?? 10) * power;
  };

  const attachLines = (svg: SVGSVGElement, chart: LineValues): void => {
    const { plot, ends, scale, x, lines, xName, guides = [] } = chart;
    const [left, top, right, bottom] = plot;
    const written = (y: number): string =>
      scale.log === true ? short(10 ** y) : `${short(y * (scale.factor ?? 1))}${scale.suffix ?? ""}`;

    const still = element("g", {});
    still.append(...svg.childNodes);
    const zoomed = element("g", {});
    const cursor = element("g", { class: "cursor" });
    svg.append(still, zoomed, cursor);

    let view: readonly number[] = ends;
    const pixelX = (value: number): number => left + ((value - view[0]!) / (view[1]! - view[0]!)) * (right - left);
    const pixelY = (value: number): number => bottom - ((value - view[2]!) / (view[3]! - view[2]!)) * (bottom - top);
    const isVisible = (i: number): boolean => x[i]! >= view[0]! && x[i]! <= view[1]!;

    let at: number | undefined;
    const point = (index: number | undefined): void => {
      at = index;
      cursor.replaceChildren();
      if (index === undefined) {
        hide(svg);
        return;
      }
      const along = pixelX(x[index]!);
      cursor.append(element("line", { x1: along, x2: along, y1: top, y2: bottom }));
      const rows = lines.flatMap(({ name, colour, y, texts }): Row[] => {
        const value = y[index];
        if (value === null || value === undefined) return [];
        if (value === false) return [[colour, name, texts?.[index] ?? "–"]];
        const height = pixelY(value);
        if (height >= top - 1 && height <= bottom + 1) {
          cursor.append(element("circle", { cx: along, cy: height, r: 4, fill: colour }));
        }
        return [[colour, name, texts?.[index] ?? written(value)]];
      });
      const box = svg.getBoundingClientRect();
      const factor = box.width / svg.viewBox.baseVal.width;
      show(svg, `${xName} ${short(x[index]!)}`, rows, {
        x: box.left + along * factor,
        y: box.top + top * factor,
        below: box.bottom + 4,
      });
    };

    /** Where the y axis has its lines: at 1, 2 and 5 of each power of ten where a logarithmic one spans few of them. */
    const ticksOf = (low: number, high: number): number[] => {
      const step = intervalOf(high - low, 4);
      if (scale.log === true && step < 1) {
        const powers = Array.from({ length: Math.floor(high) - Math.floor(low) + 1 }, (_, i) => Math.floor(low) + i);
        const ticks = powers.flatMap((power) => [1, 2, 5].map((digit) => power + Math.log10(digit)));
        const inside = ticks.filter((tick) => tick >= low && tick <= high);
        if (inside.length >= 2) return inside;
      }
      const first = Math.ceil(low / step);
      const count = Math.floor(high / step + 1e-6) - first + 1;
      return Array.from({ length: count }, (_, i) => (first + i) * step);
    };

    /** The index of the value that is nearest to a pixel of the window. */
    const nearest = (clientX: number): number | undefined => {
      const box = svg.getBoundingClientRect();
      const pixel = ((clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      let best: number | undefined;
      for (const i of x.keys()) {
        if (!isVisible(i)) continue;
        if (best === undefined || Math.abs(pixelX(x[i]!) - pixel) < Math.abs(pixelX(x[best]!) - pixel)) best = i;
      }
      return best;
    };

    const draw = (): void => {
      const whole = view === ends;
      still.style.display = whole ? "" : "none";
      zoomed.replaceChildren();
      out.disabled = whole;
      if (whole) return;
      const text = (
        content: string,
        attributes: Readonly<Record<string, string | number>>,
        room = Number.POSITIVE_INFINITY,
      ): void => {
        const made = element("text", { "font-size": 13, fill: "var(--muted)", ...attributes });
        made.textContent = content;
        zoomed.append(made);
        const width = (made as SVGTextElement).getComputedTextLength();
        if (width > room) made.setAttribute("font-size", `${(13 * room) / width}`);
      };
      const [x0, x1, y0, y1] = view as [number, number, number, number];
      for (const y of ticksOf(y0, y1)) {
        zoomed.append(element("line", { x1: left, x2: right, y1: pixelY(y), y2: pixelY(y), stroke: "var(--line)" }));
        text(written(y), { x: left - 8, y: pixelY(y) + 4, "text-anchor": "end" }, left - 8);
      }
      const stepX = Math.max(intervalOf(x1 - x0, 6), x.every(Number.isInteger) ? 1 : 0);
      for (let at = Math.ceil(x0 / stepX) * stepX; at <= x1 + stepX * 1e-6; at += stepX) {
        text(short(at), { x: pixelX(at), y: bottom + 18, "text-anchor": "middle" });
      }
      text(xName, { x: (left + right) / 2, y: bottom + 36, "text-anchor": "middle" });
      // An inner SVG clips without an id.
      const clip = element("svg", { x: left, y: top, width: right - left, height: bottom - top, overflow: "hidden" });
      const inside = element("g", { transform: `translate(${-left} ${-top})`, fill: "none" });
      for (const at of guides) {
        const ends = { x1: pixelX(at), x2: pixelX(at), y1: top, y2: bottom };
        inside.append(element("line", { ...ends, stroke: "var(--muted)", "stroke-dasharray": "3 3", opacity: 0.7 }));
      }
      for (const { colour, y, dashes, range } of lines) {
        const ranged = (range ?? []).flatMap((both, i) => (both === null ? [] : [[x[i]!, both] as const]));
        if (ranged.length > 0) {
          const upper = ranged.map(([at, both]) => `${pixelX(at)},${pixelY(both[1])}`);
          const lower = ranged.map(([at, both]) => `${pixelX(at)},${pixelY(both[0])}`).reverse();
          inside.append(
            element("polygon", { points: [...upper, ...lower].join(" "), fill: colour, "fill-opacity": 0.15 }),
          );
        }
        let path = "";
        let pen = "M";
        for (const [i, value] of y.entries()) {
          if (value === null) continue;
          if (value === false) {
            pen = "M";
            continue;
          }
          path += `${pen}${pixelX(x[i]!)} ${pixelY(value)}`;
          pen = "L";
        }
        inside.append(
          element("path", { d: path, stroke: colour, "stroke-width": 2, "stroke-dasharray": dashes.join(" ") }),
        );
      }
      clip.append(inside);
      zoomed.append(clip);
    };

    /** Shows a part of the x axis; the y axis fits what is there. */
    const zoomTo = (from: number, to: number): void => {
      const [least, most] = [Math.max(ends[0], from), Math.min(ends[1], to)];
      const inside = x.flatMap((value, i) => (value >= least && value <= most ? [i] : []));
      if (inside.length < 2) return;
      const all = inside.flatMap((i) =>
        lines.flatMap(({ y, range }) => [y[i], ...(range?.[i] ?? [])].filter((value) => typeof value === "number")),
      );
      const [low, high] = [Math.min(...all), Math.max(...all)];
      const room = (high - low || Math.abs(high) || 1) * 0.06;
      const whole = least === ends[0] && most === ends[1];
      view = whole || all.length === 0 ? ends : [least, most, low - room, high + room];
      draw();
      point(undefined);
    };

    /** Zooms about the cursor, or else the end of the curves. */
    const zoomBy = (factor: number): void => {
      const [from, to] = [view[0]!, view[1]!];
      const centre = at === undefined ? to : x[at]!;
      const span = Math.min(ends[1] - ends[0], (to - from) * factor);
      const start = Math.min(Math.max(ends[0], centre - ((centre - from) / (to - from)) * span), ends[1] - span);
      const kept = at;
      zoomTo(start, start + span);
      if (kept !== undefined && isVisible(kept)) point(kept);
    };

    const button = (text: string, label: string, act: () => void): HTMLButtonElement => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.setAttribute("aria-label", label);
      made.addEventListener("click", act);
      return made;
    };
    const out = button("−", "Zoom out", () => zoomBy(2));
    out.disabled = true;
    if (x.length >= 6) {
      const buttons = document.createElement("span");
      buttons.className = "zoom";
      buttons.append(
        button("+", "Zoom in", () => zoomBy(0.5)),
        out,
      );
      svg.closest("figure")?.querySelector("figcaption")?.prepend(buttons);
    }

    let from: number | undefined;
    svg.addEventListener("pointerdown", (event) => {
      point(nearest(event.clientX));
      if (event.pointerType === "mouse") from = at;
    });
    svg.addEventListener("pointermove", (event) => point(nearest(event.clientX)));
    svg.addEventListener("pointerup", () => {
      if (from !== undefined && at !== undefined && Math.abs(from - at) > 1) {
        zoomTo(Math.min(x[from]!, x[at]!), Math.max(x[from]!, x[at]!));
      }
      from = undefined;
    });
    svg.addEventListener("dblclick", () => view !== ends && zoomTo(ends[0], ends[1]));
    svg.addEventListener("pointerleave", (event) => {
      from = undefined;
      if (event.pointerType === "mouse") point(undefined);
    });
    svg.addEventListener("blur", () => point(undefined));
    svg.addEventListener("keydown", (event) => {
      const visible = [...x.keys()].filter(isVisible);
      const moves: Readonly<Record<string, () => void>> = {
        ArrowLeft: () => point(Math.max(visible[0]!, (at ?? visible.at(-1)! + 1) - 1)),
        ArrowRight: () => point(Math.min(visible.at(-1)!, (at ?? visible[0]! - 1) + 1)),
        Home: () => point(visible[0]),
        End: () => point(visible.at(-1)),
        "+": () => zoomBy(0.5),
        "-": () => zoomBy(2),
        "0": () => zoomTo(ends[0], ends[1]),
        Escape: () => point(undefined),
      };
      const move = moves[event.key];
      if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      move();
    });
  };

  const attachBars = (svg: SVGSVGElement, { names, bars, plot }: BarValues): void => {
    const [left, top, , bottom] = plot;
    let at: number | undefined;
    const point = (index: number | undefined): void => {
      at = index;
      if (index === undefined) {
        hide(svg);
        return;
      }
      const box = svg.getBoundingClientRect();
      const factor = box.width / svg.viewBox.baseVal.width;
      const rows = bars.flatMap(({ name, colour, texts }): Row[] => {
        const text = texts[index];
        return text === null || text === undefined ? [] : [[colour, name, text]];
      });
      const below = box.top + (top + ((index + 1) * (bottom - top)) / names.length) * factor;
      show(svg, names[index]!, rows, { x: box.left + left * factor, y: below, below });
    };
    const over = (event: PointerEvent): void => {
      const box = svg.getBoundingClientRect();
      const pixel = ((event.clientY - box.top) / box.height) * svg.viewBox.baseVal.height;
      const index = Math.floor(((pixel - top) / (bottom - top)) * names.length);
      point(index >= 0 && index < names.length ? index : undefined);
    };
    svg.addEventListener("pointerdown", over);
    svg.addEventListener("pointermove", over);
    svg.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") point(undefined);
    });
    svg.addEventListener("blur", () => point(undefined));
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (event.key === "Escape") point(undefined);
      if (step === undefined) return;
      event.preventDefault();
      point(Math.min(names.length - 1, Math.max(0, (at ?? (step > 0 ? -1 : names.length)) + step)));
    });
  };

  for (const svg of document.querySelectorAll<SVGSVGElement>("svg[data-chart]")) {
    svg.tabIndex = 0;
    const values = JSON.parse(svg.dataset.chart!) as ChartValues;
    if (values.kind === "lines") attachLines(svg, values);
    else attachBars(svg, values);
  }

  // Cells of a matrix say in words what they count.
  const cellOf = (event: Event): HTMLElement | null =>
    event.target instanceof Element ? event.target.closest<HTMLElement>("[data-tip]") : null;
  document.addEventListener("pointerover", (event) => {
    const cell = cellOf(event);
    if (cell === null) return;
    const box = cell.getBoundingClientRect();
    const below = box.bottom + 6;
    show(cell, cell.dataset.tip!, [], { x: box.left + box.width / 2, y: below, below });
  });
  document.addEventListener("pointerout", (event) => {
    const cell = cellOf(event);
    if (cell !== null && event.pointerType === "mouse") hide(cell);
  });
  // A tap elsewhere closes what a tap has opened.
  document.addEventListener("pointerdown", (event) => {
    const { target } = event;
    if (!(target instanceof Element && target.closest("[data-chart], [data-tip]"))) tip.hidden = true;
  });
}
