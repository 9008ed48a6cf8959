// Colours, the chapter menu of narrow screens, and the mark at the section being read.
// The page is complete without this script.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");

  // The choice is remembered; without one the system's setting holds. Storage may be forbidden.
  const store = {
    get() { try { return localStorage.getItem("journal-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("journal-theme", value); } catch { /* not remembered */ } },
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = store.get();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";

  document.addEventListener("DOMContentLoaded", () => {
    themes();
    menu();
    sections();
    origins();
  });

  function themes() {
    const buttons = document.querySelectorAll(".theme-button");
    const show = () => buttons.forEach((button) => {
      button.querySelector(".theme-label").textContent = isDark() ? "Light colours" : "Dark colours";
    });
    buttons.forEach((button) => button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      store.set(root.dataset.theme);
      show();
    }));
    system.addEventListener("change", show);
    show();
  }

  function menu() {
    const button = document.querySelector(".menu-button");
    const sidebar = document.getElementById("sidebar");
    const shade = document.querySelector(".shade");
    const open = (state) => {
      button.setAttribute("aria-expanded", String(state));
      sidebar.classList.toggle("is-open", state);
      shade.hidden = !state;
      if (state) sidebar.querySelector("a").focus();
    };
    button.addEventListener("click", () => open(button.getAttribute("aria-expanded") !== "true"));
    shade.addEventListener("click", () => open(false));
    sidebar.addEventListener("click", (event) => { if (event.target.closest("a")) open(false); });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && button.getAttribute("aria-expanded") === "true") {
        open(false);
        button.focus();
      }
    });
  }

  // Where a number comes from: seen by pointing at it, or by a tap. Not in the order of the Tab key,
  // which would stop at every number.
  function origins() {
    const said = (runs, source) => {
      const keys = runs ? runs.split(" ") : [];
      const shown = keys.slice(0, 6).join(" ") + (keys.length > 6 ? ` and ${keys.length - 6} more` : "");
      const from = keys.length ? [`${keys.length} run${keys.length > 1 ? "s" : ""}: ${shown}`] : [];
      return [...from, ...(source ? [source] : [])].join("; ");
    };
    document.querySelectorAll(".value[data-runs], .value[data-source]").forEach((value) => {
      value.title = `From ${said(value.dataset.runs, value.dataset.source)}`;
      value.tabIndex = -1;
    });
    document.querySelectorAll(".traced[data-runs]").forEach((mark) => {
      const number = mark.closest("figure")?.querySelector(".float-number");
      if (number) number.title = `From ${said(mark.dataset.runs)}`;
    });
  }

  function sections() {
    const links = new Map();
    document.querySelectorAll(".sections a").forEach((link) => {
      const heading = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      if (heading) links.set(heading, link);
    });
    if (!links.size) return;
    const headings = [...links.keys()];
    const mark = () => {
      const read = headings.filter((heading) => heading.getBoundingClientRect().top < 120).pop();
      links.forEach((link, heading) => {
        if (heading === read) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    };
    let waiting = false;
    addEventListener("scroll", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; mark(); });
    }, { passive: true });
    mark();
  }
})();
