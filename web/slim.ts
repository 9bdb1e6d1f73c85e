// Takes out of two libraries, at build, what this page never uses: a minifier cannot know that a variable which could
// change never does. Each edit names the exact text that it replaces and fails the build when that text is gone, so
// that a new version of a library cannot be cut in the wrong place unseen.
import type { Plugin } from "vite";

interface Edit {
  file: string;
  from: string | RegExp;
  to: string;
}

const EDITS: Edit[] = [
  // Svelte: nothing is rendered on a server, so nothing is ever hydrated.
  { file: "client/dom/hydration.js", from: "export let hydrating = false;", to: "export const hydrating = false;" },
  { file: "client/dom/hydration.js", from: "\thydrating = value;\n", to: "\tvoid value;\n" },
  // Svelte: runes alone, no experimental async, no tracing.
  ...["async", "legacy", "tracing"].map((mode) => ({ file: "internal/flags/index.js", from: `export let ${mode}_mode_flag = false;`, to: `export const ${mode}_mode_flag = false;` })),
  ...["async", "legacy", "tracing"].map((mode) => ({ file: "internal/flags/index.js", from: `\t${mode}_mode_flag = true;`, to: "" })),
  { file: "internal/flags/index.js", from: "\tasync_mode_flag = false;", to: "" },
  // Svelte: state is raw everywhere (`$state.raw`), so nothing is ever wrapped in a proxy.
  { file: "client/reactivity/sources.js", from: "should_proxy ? proxy(value) : value", to: "value" },
  { file: "client/reactivity/props.js", from: "runes && bindable ? proxy(value) : value", to: "value" },
  // Svelte: errors by their names alone; the address of their page can be guessed.
  { file: "client/errors.js", from: /https:\/\/svelte\.dev\/e\//g, to: "svelte " },
  { file: "client/warnings.js", from: /https:\/\/svelte\.dev\/e\//g, to: "svelte " },
  // uPlot: lines alone. Its other paths and its own exports hang on the function object, which keeps them alive.
  { file: "uPlot.esm.js", from: "uPlot.assign = assign;\nuPlot.fmtNum = fmtNum;\nuPlot.rangeNum = rangeNum;\nuPlot.rangeLog = rangeLog;\nuPlot.rangeAsinh = rangeAsinh;\nuPlot.orient   = orient;\nuPlot.pxRatio = pxRatio;", to: "" },
  { file: "uPlot.esm.js", from: "\tuPlot.join = join;", to: "" },
  { file: "uPlot.esm.js", from: "\tuPlot.fmtDate = fmtDate;\n\tuPlot.tzDate  = tzDate;", to: "" },
  { file: "uPlot.esm.js", from: "\t(paths.linear  = linear);\n\t(paths.stepped = stepped);\n\t(paths.bars    = bars);\n\t(paths.spline  = monotoneCubic);", to: "\tpaths.linear = linear;" },
  { file: "uPlot.esm.js", from: "const pointsPath = points() ;", to: "const pointsPath = null;" },
  { file: "uPlot.esm.js", from: "\t\tpoints,\n\t};", to: "\t};" },
  // uPlot: one x for all series, no legend, no dragging, linear scales, no highlighting of the nearest series.
  { file: "uPlot.esm.js", from: /const mode = (self|u)\.mode;/g, to: "const mode = 1;" },
  { file: "uPlot.esm.js", from: "const showLegend = legend.show;", to: "const showLegend = false;" },
  { file: "uPlot.esm.js", from: "let multiValLegend = false;", to: "const multiValLegend = false;" },
  { file: "uPlot.esm.js", from: "multiValLegend = getMultiVals != null;", to: "" },
  { file: "uPlot.esm.js", from: "const cursorFocus = focus.prox >= 0;", to: "const cursorFocus = false;" },
  { file: "uPlot.esm.js", from: /\bselect\.show\b/g, to: "false" },
  { file: "uPlot.esm.js", from: /\b(?:\w+\.)?distr (?:==|>=) +(?:2|3|4|100)\b/g, to: "false" },
  // uPlot: the time axis is seconds with steps and words of our own; no calendar.
  { file: "uPlot.esm.js", from: /(?:let|const) isTime = [^;]+;/g, to: "const isTime = false;" },
  { file: "uPlot.esm.js", from: /const \[ timeIncrs\w+, +_timeAxisStamps\w+, +timeAxisSplits\w+ +\] = genTimeStuffs\([^)]*\);/g, to: "" },
  { file: "uPlot.esm.js", from: /const _(?:tzDate|fmtDate|timeAxisSplits|timeAxisVals|timeSeriesVal) +=[^;]+;/g, to: "" },
  { file: "uPlot.esm.js", from: /const (days3|months3) = \w+\.map\(slice3\);/g, to: "const $1 = [];" },
  { file: "uPlot.esm.js", from: /const localTz = [^;]+;/, to: "const localTz = '';" },
  // uPlot: series and bands are never added or taken away later.
  { file: "uPlot.esm.js", from: /\tself\.(?:addSeries|delSeries|addBand|setBand|delBand|batch|posToIdx|setSeries|setLegend|setSelect|setScale) = \w+;/g, to: "" },
  { file: "uPlot.esm.js", from: /let \[ bandFillDir, bandClipDir \] = bandFillClipDirs\(u, seriesIdx\);/g, to: "const bandFillDir = 0, bandClipDir = 0;" },
  { file: "uPlot.esm.js", from: "flags != 0 && bands.forEach(", to: "false && bands.forEach(" },
  { file: "uPlot.esm.js", from: /\t(?:events\.(?:mousedown|mouseup|dblclick) = \w+;|onMouse\((?:mousedown|dblclick), +over, \w+\);)/g, to: "" },
  { file: "uPlot.esm.js", from: /events\["setSeries"\] = \(e, src, idx, opts\) => \{[^}]+\};/, to: "" },
  { file: "uPlot.esm.js", from: /let _?dragging = \w+;/g, to: "" },
  { file: "uPlot.esm.js", from: /\t_?dragging = \w+;/g, to: ";" },
  { file: "uPlot.esm.js", from: /dragging = drag\._x/g, to: "drag._x" },
  { file: "uPlot.esm.js", from: /\b_?dragging\b(?= &&|\))/g, to: "false" },
];

export function slim(): Plugin {
  return {
    name: "longshore-slim",
    apply: "build",
    enforce: "pre",
    transform(code, id) {
      const mine = EDITS.filter((e) => id.endsWith(e.file));
      if (mine.length === 0) return undefined;
      let out = code;
      for (const { file, from, to } of mine) {
        const cut = out.replace(from, to);
        if (cut === out) this.error(`slim: ${file} no longer contains: ${from}`);
        out = cut;
      }
      return { code: out, map: null };
    },
  };
}
