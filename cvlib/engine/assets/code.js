// One button shows, or folds, the code of all cells of the page. The choice is remembered.
(() => {
  "use strict";
  const store = {
    get() { try { return localStorage.getItem("journal-code"); } catch { return null; } },
    set(value) { try { localStorage.setItem("journal-code", value); } catch { /* not remembered */ } },
  };
  document.addEventListener("DOMContentLoaded", () => {
    const cells = [...document.querySelectorAll("details.code")];
    const button = document.querySelector(".code-button");
    if (!cells.length) return;
    const label = button.querySelector(".code-label");
    const say = () => { label.textContent = cells.every((cell) => cell.open) ? "Hide all code" : "Show all code"; };
    const set = (open) => cells.forEach((cell) => { cell.open = open; });
    button.hidden = false;
    if (store.get()) set(store.get() === "shown");
    button.addEventListener("click", () => {
      const open = !cells.every((cell) => cell.open);
      set(open);
      store.set(open ? "shown" : "folded");
      say();
    });
    cells.forEach((cell) => cell.addEventListener("toggle", say));
    say();
  });
})();
