// Where the page is. One listener on the address; rooms read `router.route` and change it through here.
import { parseRoute, type Route } from "../lib/route";

class Router {
  route: Route = $state.raw(parseRoute(location.hash));

  constructor() {
    addEventListener("hashchange", () => this.#read());
  }

  #read(): void {
    this.route = parseRoute(location.hash);
  }

  go(hash: string): void {
    if (location.hash === hash) return;
    location.hash = hash;
  }

  /** Changes the address without a step in the history: typing in a filter is not travelling. */
  replace(hash: string): void {
    history.replaceState(null, "", hash);
    this.#read();
  }
}

export const router = new Router();
