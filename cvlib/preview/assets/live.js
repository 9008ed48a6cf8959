// What `cvlib preview` adds to a page: it comes again when it is new, says what is wrong with its
// chapter, and shows what is under way. Nothing of this is in the book that is handed in.
(() => {
  "use strict";
  const shown = document.currentScript.dataset.digest;
  const page = decodeURIComponent(location.pathname.slice(1)) || "index.html";
  const KEPT = `preview-open:${page}`;
  const GONE_SECONDS = 3;

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const link = (to, text) => Object.assign(element("a", "", text), { href: `/${to}` });

  // ── a page that is new ────────────────────────────────────────────────────────────────────
  // The browser keeps the place; what was unfolded by hand is noted for the page that comes.
  function again() {
    const open = [...document.querySelectorAll("article details")].map((one) => one.open);
    try { sessionStorage.setItem(KEPT, JSON.stringify(open)); } catch { /* folded again, then */ }
    location.reload();
  }
  function unfold() {
    try {
      const open = JSON.parse(sessionStorage.getItem(KEPT));
      sessionStorage.removeItem(KEPT);
      document.querySelectorAll("article details").forEach((one, place) => {
        if (open && place in open) one.open = open[place];
      });
    } catch { /* nothing noted */ }
  }

  // ── what is wrong with this page ──────────────────────────────────────────────────────────
  const trouble = element("div", "preview-trouble");
  function problems(told) {
    const mine = told.problems.filter((one) => one.page === page || one.page === "");
    const boxes = mine.map((one) => {
      const box = element("section", "preview-problem");
      box.setAttribute("role", "alert");
      box.append(element("p", "preview-where", one.where), element("p", "preview-message", one.message));
      if (one.detail) {
        const more = element("details");
        more.append(element("summary", "", "Details"), element("pre", "", one.detail));
        box.append(more);
      }
      box.append(element("p", "preview-note", "The page shows what worked last. Save to try again."));
      return box;
    });
    const waits = told.waiting.filter((one) => one.page === page).map((one) => {
      const box = element("section", "preview-problem preview-waits");
      box.append(element("p", "preview-message", one.message));
      return box;
    });
    trouble.replaceChildren(...boxes, ...waits);
    document.body.classList.toggle("has-preview-trouble", boxes.length + waits.length > 0);
  }

  // ── what is under way ─────────────────────────────────────────────────────────────────────
  const panel = element("aside", "preview-panel");
  panel.setAttribute("aria-label", "Preview");
  const said = element("p", "preview-busy");
  said.setAttribute("role", "status");
  const list = element("div", "preview-list");
  panel.append(said, list);

  function duration(seconds) {
    if (seconds === null) return "";
    const minutes = Math.round(seconds / 60);
    if (minutes >= 90) return `, about ${(minutes / 60).toFixed(1)} h left`;
    return seconds >= 60 ? `, about ${minutes} min left` : `, about ${Math.round(seconds)} s left`;
  }

  function training(one) {
    const box = element("section", "preview-training");
    const counts = Object.entries(one.experiments);
    const done = counts.reduce((sum, [, [ended]]) => sum + ended, 0);
    const all = counts.reduce((sum, [, [, total]]) => sum + total, 0);
    const names = counts.filter(([, [ended, total]]) => ended < total).map(([name]) => name).join(", ");
    box.append(element("p", "", `${names || "training"}: ${done} of ${all} runs${duration(one.seconds_left)}`));
    const bar = element("progress");
    bar.max = all;
    bar.value = done + one.runs.reduce((sum, run) => sum + (run.epoch ? (run.epoch - 1) / run.epochs : 0), 0);
    bar.setAttribute("aria-label", "runs done");
    box.append(bar);
    for (const run of one.runs) {
      const where = !run.epoch ? "starting" : run.phase === "train" || run.phase === "validate"
        ? `epoch ${run.epoch} of ${run.epochs}` : run.phase;
      box.append(element("p", "preview-run", `${run.name}: ${where}`));
    }
    return box;
  }

  function under_way(told) {
    if (said.textContent !== told.busy) said.textContent = told.busy;
    const elsewhere = told.problems.filter((one) => one.page && one.page !== page).map((one) => {
      const row = element("p", "preview-elsewhere");
      row.append("Error: ", link(one.page, one.where));
      return row;
    });
    const waits = told.waiting.filter((one) => one.page !== page).map((one) => {
      const row = element("p", "preview-elsewhere is-waiting");
      row.append("Waits for results: ", link(one.page, one.page.replace(/^.*\/|\.html$/g, "")));
      return row;
    });
    list.replaceChildren(...told.training.map(training), ...elsewhere, ...waits);
    panel.hidden = !told.busy && !list.childElementCount;
  }

  // ── news ──────────────────────────────────────────────────────────────────────────────────
  let source = null;
  let gone = 0;
  function listen() {
    if (source) return;
    source = new EventSource("/@preview/events");
    source.onopen = () => { clearTimeout(gone); gone = 0; };
    source.onmessage = (event) => {
      const told = JSON.parse(event.data);
      if (told.pages[page] && told.pages[page] !== shown) { again(); return; }
      problems(told);
      under_way(told);
    };
    source.onerror = () => {
      gone ||= setTimeout(() => {
        said.textContent = "The preview has ended: `cvlib preview` starts it again.";
        list.replaceChildren();
        panel.hidden = false;
      }, GONE_SECONDS * 1000);
      // a browser gives up where it got another answer than events
      if (source.readyState === EventSource.CLOSED) { deaf(); setTimeout(listen, 2000); }
    };
  }
  function deaf() {
    source?.close();
    source = null;
  }
  // A browser keeps few connections to one server: pages that nobody looks at hold none.
  document.addEventListener("visibilitychange", () => (document.hidden ? deaf() : listen()));

  document.querySelector("article").before(trouble);
  panel.hidden = true;
  document.body.append(panel);
  unfold();
  if (!document.hidden) listen();
})();
