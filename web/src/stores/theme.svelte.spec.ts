import { expect, it } from "vitest";
import { theme } from "./theme.svelte";

it("follows the system until told otherwise", () => {
  expect([theme.choice, theme.shown]).toEqual(["system", "light"]);
  theme.set("dark");
  expect([theme.shown, document.documentElement.dataset["theme"]]).toEqual(["dark", "dark"]);
  theme.set("system");
  expect([theme.shown, document.documentElement.dataset["theme"]]).toEqual(["light", undefined]);
});
