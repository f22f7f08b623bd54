// Dark or light, as chosen or as the system has it, and the colours that are drawn on canvases.
const DARK = "(prefers-color-scheme: dark)";

export function themeNow() {
  return document.documentElement.dataset.theme;
}

/** Apply a theme ("" for that of the system); returns the colours for canvases. */
export function applyTheme(chosen, palette) {
  const theme = ["dark", "light"].includes(chosen) ? chosen : matchMedia(DARK).matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    sea: colour("sea"), coast: colour("coast"), graticule: colour("graticule"), rim: colour("rim"),
    ink: colour("ink"), line: colour("line"), accent: colour("accent"), band: colour("band"),
    cursor: "#111111", chosen: "#e6007e", halo: "#ffffff",
    no_data: palette?.no_data ?? "#fafafa", stripe: palette?.stripe ?? "#8c8c8c",
  };
}
