import { describe, expect, it } from "vitest";
import { parseAnsi, stripAnsi } from "./ansi";

const E = "\u001b";

describe("parseAnsi", () => {
  it("leaves plain text whole, markup included", () => {
    expect(parseAnsi("<b>x</b> &amp;")).toEqual([{ text: "<b>x</b> &amp;", style: "" }]);
  });

  it("makes pieces with classes and resets", () => {
    expect(parseAnsi(`${E}[31mred${E}[0m plain ${E}[1;92mbold${E}[m`)).toEqual([
      { text: "red", style: "ansi-red" },
      { text: " plain ", style: "" },
      { text: "bold", style: "ansi-bright-green ansi-bold" },
    ]);
  });

  it("undoes one thing at a time", () => {
    expect(parseAnsi(`${E}[1;4;31ma${E}[22mb${E}[24mc${E}[39md`).map((p) => p.style)).toEqual(["ansi-red ansi-bold ansi-underline", "ansi-red ansi-underline", "ansi-red", ""]);
  });

  it("takes the nearest of sixteen colours for 256 and true colour", () => {
    const style = (codes: string): string | undefined => parseAnsi(`${E}[${codes}mx`)[0]?.style;
    expect([style("38;5;1"), style("38;5;9"), style("38;5;196"), style("38;5;250"), style("38;2;255;0;0"), style("48;5;4"), style("38:5:2")]).toEqual(["ansi-red", "ansi-bright-red", "ansi-bright-red", "ansi-white", "ansi-bright-red", "ansi-bg-blue", "ansi-green"]);
  });

  it("drops cursor movements, titles, links and control characters", () => {
    expect(stripAnsi(`${E}[2K${E}]0;title\u0007a${E}]8;;http://x${E}\\b\u0000\rc`)).toBe("abc");
    expect(parseAnsi(`a${E}[2Kb`)).toEqual([{ text: "ab", style: "" }]);
  });

  it("survives an escape cut in the middle", () => {
    expect(stripAnsi(`a${E}`)).toBe("a");
    expect(stripAnsi(`a${E}[3`)).toBe("a[3");
    expect(parseAnsi(`${E}[38;5mx`)[0]?.text).toBe("x");
  });

  it("keeps tabs", () => {
    expect(stripAnsi("a\tb")).toBe("a\tb");
  });
});
