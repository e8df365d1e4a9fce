// Light, dark, or the system's theme; stored in this browser.

const KEY = "dayahead-theme";
const THEMES = ["auto", "light", "dark"];

function apply(button, theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  button.textContent = theme[0].toUpperCase() + theme.slice(1);
}

/** Make a button cycle through the themes. */
export function startTheme(button) {
  let theme = THEMES.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "auto";
  apply(button, theme);
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    localStorage.setItem(KEY, theme);
    apply(button, theme);
  });
}
