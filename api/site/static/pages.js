// What every page does: the switch of colours, and times as the viewer's own clock shows them.
(() => {
  const root = document.documentElement;
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      localStorage.setItem("theme", root.dataset.theme);
      name();
    });
    name();
  }

  const localTimes = (within) => {
    for (const time of within.querySelectorAll("time[datetime]")) {
      time.title = time.title || time.textContent;
      time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "short", timeStyle: "medium" });
    }
  };
  localTimes(document);
  document.addEventListener("htmx:after:swap", () => localTimes(document));

  // Forms: one that asks first, and one that is sent once however often its button is pressed.
  document.addEventListener("submit", (event) => {
    const { confirm: question, once } = event.target.dataset;
    if (question && !window.confirm(question)) event.preventDefault();
    else if (once !== undefined && event.target.dataset.sent) event.preventDefault();
    else if (once !== undefined) event.target.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
