// @ts-check
// Before anything is drawn: the theme this person chose, and that scripts run.
(() => {
  const root = document.documentElement;
  root.classList.add("scripts");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // No storage, no choice: the system's theme.
  }
})();
