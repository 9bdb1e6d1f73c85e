import { expect, it, vi } from "vitest";
import { router } from "./router.svelte";

it("goes by the address, and replaces without a step in the history", () => {
  router.go("#/events");
  expect(location.hash).toBe("#/events");
  vi.mocked(history.replaceState).mockImplementation((_state, _title, url) => {
    location.hash = String(url);
  });
  router.replace("#/containers?q=web");
  expect(router.route).toMatchObject({ room: "containers" });
});
