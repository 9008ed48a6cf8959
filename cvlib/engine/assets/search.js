// Search in all chapters. The index is a script of its own, fetched on first use: a page that was
// opened as a file may load scripts, and nothing else.
(() => {
  "use strict";
  const base = new URL(".", document.currentScript.src);
  const MOST = 12; // results shown
  const BEFORE = 40; // letters shown before the first word found
  const SHOWN = 150;

  // Letter by letter, so that positions stay the same: "É" is found by "e".
  const plain = (text) => [...text].map((letter) => letter.normalize("NFD")[0].toLowerCase()).join("");

  let loading;
  function index() {
    loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL("search-index.js", base);
      script.onload = () => resolve(window.journalIndex.map((entry) => ({
        ...entry,
        letters: [...entry.text],
        found: { title: plain(entry.title), text: plain(entry.text), chapter: plain(entry.chapter) },
      })));
      script.onerror = () => { loading = undefined; reject(new Error("search-index.js is not there")); };
      document.head.append(script);
    });
    return loading;
  }

  // A word at the start of a word counts more than inside one, in a title more than in the text.
  function worth(text, word, weight) {
    const at = text.indexOf(word);
    if (at < 0) return 0;
    const starts = new RegExp(`(^|[^\\p{L}\\p{N}])${word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`, "u");
    return starts.test(text) ? weight : weight / 3;
  }

  function search(entries, query) {
    const words = plain(query).split(/\s+/).filter(Boolean);
    const found = [];
    for (const entry of entries) {
      let score = 0;
      for (const word of words) {
        const one = worth(entry.found.title, word, 12) + worth(entry.found.text, word, 3)
          + worth(entry.found.chapter, word, 1);
        if (!one) { score = 0; break; }
        score += one;
      }
      if (score) found.push({ entry, score });
    }
    found.sort((a, b) => b.score - a.score); // equal ones stay in reading order
    return { words, entries: found.slice(0, MOST).map((each) => each.entry), all: found.length };
  }

  function marked(letters, folded, words) {
    const box = document.createDocumentFragment();
    const on = new Uint8Array(folded.length);
    for (const word of words) {
      for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + word.length)) {
        on.fill(1, at, at + word.length);
      }
    }
    for (let from = 0; from < letters.length;) {
      let to = from + 1;
      while (to < letters.length && on[to] === on[from]) to += 1;
      const text = letters.slice(from, to).join("");
      if (on[from]) box.append(Object.assign(document.createElement("mark"), { textContent: text }));
      else box.append(text);
      from = to;
    }
    return box;
  }

  function snippet(entry, words) {
    const at = Math.min(...words.map((word) => entry.found.text.indexOf(word)).filter((n) => n >= 0), Infinity);
    const first = at === Infinity || at < BEFORE ? 0 : entry.found.text.indexOf(" ", at - BEFORE) + 1;
    const last = first + SHOWN;
    const shown = marked(entry.letters.slice(first, last), entry.found.text.slice(first, last), words);
    if (first) shown.prepend("… ");
    if (last < entry.letters.length) shown.append(" …");
    return shown;
  }

  document.addEventListener("DOMContentLoaded", () => {
    const box = document.querySelector(".search");
    const input = box.querySelector("input");
    const list = box.querySelector(".results");
    const said = box.querySelector(".search-said");
    const chapters = document.querySelector(".sidebar .chapters");
    const menu = document.querySelector(".menu-button");
    const root = new URL("..", base);
    let options = [];
    let active = -1;

    function show(open) {
      list.hidden = !open;
      chapters.hidden = open;
      input.setAttribute("aria-expanded", String(open));
      if (!open) { options = []; activate(-1); list.replaceChildren(); said.textContent = ""; }
    }

    function activate(next) {
      options[active]?.setAttribute("aria-selected", "false");
      active = next;
      const option = options[active];
      if (!option) { input.removeAttribute("aria-activedescendant"); return; }
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", option.id);
    }

    function option(entry, words, place) {
      const item = document.createElement("li");
      item.id = `result-${place}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      const link = document.createElement("a");
      link.href = new URL(entry.page + (entry.anchor ? `#${entry.anchor}` : ""), root);
      link.tabIndex = -1; // reached by arrow keys
      const title = document.createElement("span");
      title.className = "result-title";
      if (entry.number) title.append(Object.assign(document.createElement("span"), { className: "number", textContent: entry.number }), " ");
      title.append(marked([...entry.title], entry.found.title, words));
      link.append(title);
      if (entry.chapter !== entry.title) {
        link.append(Object.assign(document.createElement("span"), { className: "result-chapter", textContent: entry.chapter }));
      }
      const text = document.createElement("span");
      text.className = "result-text";
      text.append(snippet(entry, words));
      link.append(text);
      item.append(link);
      return item;
    }

    async function update() {
      const query = input.value.trim();
      if (!query) { show(false); return; }
      let entries;
      try { entries = await index(); } catch (error) { said.textContent = String(error.message); return; }
      if (input.value.trim() !== query) return; // typed on meanwhile
      const result = search(entries, query);
      options = result.entries.map((entry, place) => option(entry, result.words, place));
      list.replaceChildren(...options);
      show(true);
      activate(options.length ? 0 : -1);
      said.textContent = result.all === 0 ? "Nothing found"
        : result.all > options.length ? `The best ${options.length} of ${result.all} places`
          : result.all === 1 ? "1 place" : `${result.all} places`;
    }

    function close() {
      input.value = "";
      show(false);
    }

    function open() {
      // on narrow screens the sidebar is closed
      if (menu.offsetParent && menu.getAttribute("aria-expanded") === "false") menu.click();
      input.focus();
      input.select();
    }

    input.addEventListener("focus", () => index().catch(() => {}), { once: true });
    input.addEventListener("input", update);
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && options.length) {
        event.preventDefault();
        activate((active + step + options.length) % options.length);
      } else if (event.key === "Enter" && options[active]) {
        event.preventDefault();
        options[active].querySelector("a").click();
      } else if (event.key === "Escape" && input.value) {
        event.stopPropagation(); // the next Escape closes the sidebar
        close();
      }
    });
    list.addEventListener("click", (event) => { if (event.target.closest("a")) close(); });
    document.querySelector(".search-button").addEventListener("click", open);
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      open();
    });
  });
})();
