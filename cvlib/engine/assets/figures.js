// Figures open larger, on a click or with their button: to zoom (wheel, + and -, double click), to
// move about (drag, arrow keys, scroll), and on to the next one (arrow keys when it fits).
(() => {
  "use strict";
  const STEP = 1.25;
  const MOST = 8; // times the picture's own size

  document.addEventListener("DOMContentLoaded", () => {
    const pictures = [...document.querySelectorAll("article .picture img, article p > img:only-child")];
    if (!pictures.length) return;
    const view = viewer(pictures);
    pictures.forEach((picture, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "enlarge";
      button.title = "Enlarge";
      button.setAttribute("aria-label", `Enlarge ${named(picture)}`);
      button.addEventListener("click", () => view(place));
      picture.addEventListener("click", () => view(place));
      picture.classList.add("can-enlarge");
      (picture.closest("figure") ?? picture.parentElement).append(button);
    });
  });

  // "Figure 3a", or what the picture shows
  function named(picture) {
    const panel = picture.closest(".panel")?.querySelector(".float-number");
    const float = picture.closest(".float")?.querySelector(":scope > figcaption .float-number");
    const letter = panel ? panel.textContent.replace(/[()]/g, "") : "";
    return float ? float.textContent.replace(/\.$/, "") + letter : picture.alt || "the picture";
  }

  function viewer(pictures) {
    const dialog = document.createElement("dialog");
    dialog.className = "viewer";
    dialog.innerHTML = `<div class="viewer-bar"><p class="viewer-name" aria-live="polite"></p>
      <button type="button" data-do="previous" aria-label="Previous figure" title="Previous (←)">‹</button>
      <button type="button" data-do="next" aria-label="Next figure" title="Next (→)">›</button>
      <button type="button" data-do="out" aria-label="Zoom out" title="Zoom out (-)">−</button>
      <button type="button" data-do="fit" title="Whole figure (0)">Fit</button>
      <button type="button" data-do="in" aria-label="Zoom in" title="Zoom in (+)">+</button>
      <button type="button" data-do="close" title="Close (Escape)">Close</button></div>
      <div class="viewer-area" tabindex="0"><img alt=""></div>`;
    document.body.append(dialog);
    const area = dialog.querySelector(".viewer-area");
    const image = area.querySelector("img");
    let place = 0;
    let scale = 1;
    let fits = true;
    let drag = null;

    // SVG pictures know their size in CSS pixels; the width is set, not transformed: lines stay crisp
    const own = () => ({ width: image.naturalWidth || 600, height: image.naturalHeight || 400 });
    const whole = () => Math.min((area.clientWidth - 2) / own().width, (area.clientHeight - 2) / own().height);

    function draw(next, x = area.clientWidth / 2, y = area.clientHeight / 2) {
      const before = image.getBoundingClientRect();
      const box = area.getBoundingClientRect();
      const part = { x: (box.left + x - before.left) / before.width, y: (box.top + y - before.top) / before.height };
      fits = next <= whole() * 1.001;
      scale = fits ? whole() : Math.min(next, Math.max(MOST, whole()));
      image.style.width = `${own().width * scale}px`;
      area.classList.toggle("is-zoomed", !fits);
      // what was under the pointer stays there
      const after = image.getBoundingClientRect();
      area.scrollLeft += after.left + part.x * after.width - (box.left + x);
      area.scrollTop += after.top + part.y * after.height - (box.top + y);
    }

    function show(next) {
      place = (next + pictures.length) % pictures.length;
      const picture = pictures[place];
      dialog.querySelector(".viewer-name").textContent = named(picture);
      dialog.setAttribute("aria-label", named(picture));
      image.alt = picture.alt;
      image.onload = () => draw(0);
      image.src = picture.currentSrc || picture.src;
      dialog.classList.toggle("is-alone", pictures.length < 2);
      if (!dialog.open) dialog.showModal();
      area.focus();
      if (image.complete) draw(0);
    }

    const actions = {
      previous: () => show(place - 1),
      next: () => show(place + 1),
      in: () => draw(scale * STEP),
      out: () => draw(scale / STEP),
      fit: () => draw(0),
      close: () => dialog.close(),
    };
    dialog.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) actions[button.dataset.do]();
      else if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const action = {
        "+": "in", "=": "in", "-": "out", 0: "fit",
        // arrow keys of a zoomed figure scroll it
        ...(fits ? { ArrowLeft: "previous", ArrowRight: "next" } : {}),
      }[event.key];
      if (!action) return;
      event.preventDefault();
      actions[action]();
    });
    dialog.addEventListener("close", () => {
      const home = pictures[place].closest("figure") ?? pictures[place].parentElement;
      home.querySelector(":scope > .enlarge")?.focus({ preventScroll: false });
    });
    const at = (event) => {
      const box = area.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    area.addEventListener("wheel", (event) => {
      event.preventDefault();
      draw(scale * (event.deltaY < 0 ? STEP : 1 / STEP), ...at(event));
    }, { passive: false });
    area.addEventListener("dblclick", (event) => draw(fits ? whole() * 2.5 : 0, ...at(event)));
    // a finger scrolls by itself; a mouse drags
    area.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button) return;
      drag = { x: event.clientX + area.scrollLeft, y: event.clientY + area.scrollTop };
      area.setPointerCapture(event.pointerId);
    });
    area.addEventListener("pointermove", (event) => {
      if (drag) area.scrollTo(drag.x - event.clientX, drag.y - event.clientY);
    });
    area.addEventListener("pointerup", () => { drag = null; });
    image.draggable = false;
    addEventListener("resize", () => { if (dialog.open) draw(fits ? 0 : scale); });
    return show;
  }
})();
