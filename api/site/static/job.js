// The page of a job: formulas, keys, and links to steps that are on another page.
(() => {
  const ladder = document.querySelector(".ladder");
  if (!ladder) return;
  const told = document.querySelector("[data-told]");
  const tell = (text) => { if (told) told.textContent = text; };

  // Formulas: KaTeX is loaded with the first one that comes into view, and reads and replaces text only.
  const MARKS = [["$$", "$$", true], ["\\[", "\\]", true], ["\\(", "\\)", false], ["$", "$", false]];
  const asText = document.querySelector("[data-as-text]");
  const isOff = () => localStorage.getItem("maths") === "text";
  let loading = null;
  const load = () => loading ??= new Promise((done, failed) => {
    const styles = document.createElement("link");
    styles.rel = "stylesheet";
    styles.href = ladder.dataset.katexStyles;
    const script = document.createElement("script");
    script.src = ladder.dataset.katex;
    script.onload = done;
    script.onerror = failed;
    document.head.append(styles, script);
  });
  const typeset = (formula) => {
    const source = formula.dataset.source ??= formula.textContent;
    const [open, close, displayMode] = MARKS.find(([mark]) => source.startsWith(mark)) ?? ["", "", false];
    try {
      katex.render(source.slice(open.length, source.length - close.length), formula, {
        displayMode, trust: false, maxExpand: 1000, maxSize: 10, strict: "ignore", throwOnError: true,
      });
    } catch {
      formula.textContent = source;  // what is no formula stays as the model wrote it
    }
  };
  const inView = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      inView.unobserve(target);
      if (!isOff()) load().then(() => target.querySelectorAll(".tex").forEach(typeset), () => {});
    }
  }, { rootMargin: "300px" });
  const watch = () => {
    for (const said of document.querySelectorAll(".said")) {
      if (said.querySelector(".tex:not([data-source])")) inView.observe(said);
    }
    if (asText) asText.hidden = !document.querySelector(".tex");
  };
  const name = () => asText?.setAttribute("aria-pressed", String(isOff()));
  asText?.addEventListener("click", () => {
    localStorage.setItem("maths", isOff() ? "typeset" : "text");
    for (const formula of document.querySelectorAll(".tex[data-source]")) {
      formula.textContent = formula.dataset.source;
      delete formula.dataset.source;
    }
    name();
    watch();
  });
  name();
  watch();
  document.addEventListener("htmx:after:swap", watch);

  // Keys: from the step that has the focus, else from the first one in view.
  const dialog = document.querySelector("#keys");
  const button = document.querySelector("[data-keys]");
  if (dialog && button) {
    button.hidden = false;
    button.addEventListener("click", () => dialog.showModal());
  }
  const go = (step) => {
    step.focus({ preventScroll: true });
    step.scrollIntoView({ block: "start" });
    history.replaceState(history.state, "", `#${step.id}`);
  };
  const move = (way, selector) => {
    const steps = [...ladder.querySelectorAll(".step")];
    const focused = steps.indexOf(document.activeElement?.closest(".step"));
    const first = steps.findIndex((step) => step.getBoundingClientRect().bottom > 0);
    const from = focused >= 0 ? focused + way : way > 0 ? first : first - 1;
    for (let at = from; at >= 0 && at < steps.length; at += way) {
      if (steps[at].matches(selector)) return go(steps[at]);
    }
    const more = way > 0 ? ladder.querySelector(".more a") : null;
    more?.scrollIntoView({ block: "center" });  // which loads the next page
    tell(more ? "The next steps are being loaded; press the key again." : "There is no such step here.");
  };
  const MOVES = { j: [1, ".step"], k: [-1, ".step"], n: [1, ".rejected"], p: [-1, ".rejected"] };
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, select, textarea, dialog");
    if (isTyping || event.ctrlKey || event.altKey || event.metaKey || !document.querySelector("#steps")) return;
    if (event.key === "?") dialog?.showModal();
    else if (MOVES[event.key]) move(...MOVES[event.key]);
    else return;
    event.preventDefault();
  });

  // The lanes: a click leads to the step at that time.
  ladder.addEventListener("click", (event) => {
    const lanes = event.target.closest?.("svg[data-ends]");
    if (!lanes) return;
    const box = lanes.getBoundingClientRect();
    const x = 1000 * (event.clientX - box.left) / box.width;
    const at = lanes.dataset.ends.split(" ").findIndex((end) => x <= Number(end));
    const step = document.getElementById(`step-${Number(lanes.dataset.first) + at}`);
    if (at >= 0 && step) go(step);
  });

  // A link to a step that this page does not have leads to the page that has it, once.
  const wanted = location.hash.match(/^#step-(\d{1,9})$/);
  const isAsked = new URLSearchParams(location.search).get("step");
  if (wanted && document.querySelector("#steps") && !document.getElementById(`step-${wanted[1]}`) && isAsked !== wanted[1]) {
    location.replace(`${ladder.dataset.job}?step=${wanted[1]}#step-${wanted[1]}`);
  }
})();
