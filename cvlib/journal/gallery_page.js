/* The body of the gallery's onkeydown and onclick: `this` is the gallery, `event` the key or click.
   A handler and no script element, so that a page that allows no scripts still shows all of it. */
const gallery = this, view = gallery.querySelector("dialog");
const all = [...gallery.querySelectorAll(".mistakes button")];
const go = (to) => {
  const next = all[Math.max(0, Math.min(all.length - 1, to))];
  next.focus();
  return next;
};
const show = (one) => {
  gallery.shown = one;
  const image = one.querySelector("svg").cloneNode(true);
  const table = document.createElement("table");
  for (const line of one.title.split("\n")) {
    const row = table.insertRow(), end = line.indexOf(": ");
    const head = document.createElement("th");
    head.scope = "row"; head.textContent = line.slice(0, end); row.append(head);
    row.insertCell().textContent = line.slice(end + 2);
  }
  view.setAttribute("aria-label", image.getAttribute("aria-label"));
  view.firstElementChild.replaceChildren(image, table);
  if (!view.open) view.showModal();
};
const near = (one, down) => {
  const from = one.getBoundingClientRect(), centre = (box) => box.left + box.width / 2;
  const rows = all.map((other) => [other, other.getBoundingClientRect()])
    .filter(([, box]) => down * (box.top - from.top) > 2);
  const top = down * Math.min(...rows.map(([, box]) => down * box.top));
  const row = rows.filter(([, box]) => Math.abs(box.top - top) < 2);
  row.sort(([, a], [, b]) => Math.abs(centre(a) - centre(from)) - Math.abs(centre(b) - centre(from)));
  return row.length ? all.indexOf(row[0][0]) : all.indexOf(one);
};
if (event.type === "click") {
  const one = event.target.closest("button");
  if (event.target === view || (one && one.value === "close")) view.close();
  else if (one && one.value) show(go(all.indexOf(gallery.shown) + Number(one.value)));
  else if (one) show(one);
  return;
}
const open = view.open, at = all.indexOf(open ? gallery.shown : document.activeElement);
if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
if (event.key === "Tab" && !open) {
  all.forEach((other, place) => { other.tabIndex = place === at ? 0 : -1; });
  return;
}
const one = all[at], to = {
  ArrowRight: () => at + 1, ArrowLeft: () => at - 1, Home: () => 0, End: () => all.length - 1,
  ArrowDown: () => open ? at + 1 : near(one, 1), ArrowUp: () => open ? at - 1 : near(one, -1),
}[event.key];
if (!to) return;
event.preventDefault();
const next = go(to());
if (open) show(next);
