// Lists, boxes and buttons: what they hold, in the chosen language, and what they do.
import { readHash } from "./hash.js";
import { labelOf } from "./layers.js";
import { copyCell } from "./panel.js";
import { canCheck } from "./source.js";
import { applyTheme, themeNow } from "./theme.js";
import { zoomed } from "./view.js";
import { speak, w } from "./words.js";

const $ = (id) => document.getElementById(id);

/** Fill the lists of layers, and set all controls to the page's state. */
export function fillControls(page) {
  const groups = new Map();
  for (const layer of page.layers) groups.set(layer.product, [...(groups.get(layer.product) ?? []), layer]);
  for (const id of ["layer", "compare"]) {
    const select = $(id);
    select.replaceChildren(...(id === "compare" ? [new Option(w("nothing"), "")] : []));
    for (const [product, layers] of groups) {
      const group = Object.assign(document.createElement("optgroup"), { label: w(`group_${product}`) });
      group.append(...layers.map((layer) => new Option(labelOf(layer), layer.id)));
      select.append(group);
    }
    select.value = page.state[id];
  }
  $("view").value = page.state.view;
  $("significant").checked = page.state.significant;
  $("significant").closest("label").hidden = ![page.state.layer, page.state.compare].includes("slope");
}

/** Put all texts of the page in the chosen language. */
export function retell(page) {
  speak(page.state.lang);
  page.theme = applyTheme(page.state.theme, page.store?.palette);
  document.title = w("title");
  for (const node of document.querySelectorAll("[data-w]")) node.textContent = w(node.dataset.w);
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", w(node.dataset.label));
    node.title = w(node.dataset.label);
  }
  $("checked").textContent = w(canCheck ? "checked" : "unchecked");
  page.tell();
  if (!page.store) return;
  $("release").textContent = w("release", { number: page.store.release, period: page.store.period.join(" – ") });
  $("invented").hidden = !page.store.invented;
  $("invented").textContent = w("invented");
  $("report").href = `../${page.store.report}`;
}

/** Let every control act on the page. */
export function listen(page) {
  const change = (key, read) => $(key).addEventListener("change", (event) => {
    page.state[key] = read(event.target);
    page.safely(page.apply());
  });
  for (const key of ["layer", "compare"]) change(key, (target) => target.value);
  change("significant", (target) => target.checked);
  $("view").addEventListener("change", (event) => {
    Object.assign(page.state, { view: event.target.value, ...page.home });
    $("maps").classList.toggle("globe", page.state.view === "globe");
    page.look(page.view);
  });
  $("language").addEventListener("click", () => page.set({ lang: page.state.lang === "zh" ? "en" : "zh" }));
  $("theme").addEventListener("click", () => page.set({ theme: themeNow() === "dark" ? "light" : "dark" }));
  $("controls").addEventListener("submit", (event) => {
    event.preventDefault();
    page.find($("find").value);
  });
  $("regions").addEventListener("toggle", () => $("regions").open && !page.regions && page.safely(page.showRegions()));
  $("close").addEventListener("click", () => page.choose(-1));
  $("copy").addEventListener("click", () => copyCell(page));
  for (const button of document.querySelectorAll("[data-zoom]")) {
    const factor = Number(button.dataset.zoom);
    button.addEventListener("click", () => page.look(factor ? zoomed(page.view, factor) : { ...page.view, ...page.home }));
  }
  window.addEventListener("hashchange", () => {
    page.state = readHash(location.hash, page.home);
    page.safely(page.apply());
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => page.set({}));
}
