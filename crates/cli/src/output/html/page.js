"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);
  const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

  /** Tools that need a script stay hidden until there is one. */
  const reveal = (within) => all(".toolbar, .chip.only", within).forEach((tool) => { tool.hidden = false; });

  /** Search and filters over the cards. */
  const changes = (root) => {
    const cards = all(".card", root).map((card) => ({ card, text: card.textContent.toLowerCase() }));
    const search = one("[data-search]", root);
    const kind = one("[data-filter=kind]", root);
    const actions = all("[data-filter=action]", root);
    const found = one("[data-found]", root);
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = new Set(actions.filter((box) => box.checked).map((box) => box.value));
      let shown = 0;
      for (const { card, text } of cards) {
        const fits = wanted.has(card.dataset.action)
          && (kind.value === "" || kind.value === card.dataset.kind)
          && words.every((word) => text.includes(word));
        card.hidden = !fits;
        shown += fits ? 1 : 0;
      }
      found.textContent = shown === cards.length
        ? ""
        : shown === 0 ? "Nothing fits." : `${shown} of ${plural(cards.length, "resource")} shown.`;
    };
    [search, kind, ...actions].forEach((control) => control.addEventListener("input", filter));
    search.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { search.value = ""; filter(); }
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("input, select, textarea")) return;
      event.preventDefault();
      search.focus();
    });
    all("[data-fold]", root).forEach((button) => button.addEventListener("click", () => {
      cards.forEach(({ card }) => { card.open = button.dataset.fold === "open"; });
    }));
    filter();
  };

  /** One of several is shown; the buttons say which. */
  const choose = (buttons, views, [button, view], at) => {
    buttons.forEach((one) => {
      if (one.dataset[button] === at) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    });
    views.forEach((one) => { one.hidden = one.dataset[view] !== at; });
  };

  const sessions = (frame) => {
    const buttons = all("[data-open]", frame);
    const views = all("[data-view]", frame);
    const open = (button) => choose(buttons, views, ["open", "view"], button.dataset.open);
    buttons.forEach((button) => button.addEventListener("click", () => open(button)));
    const current = buttons.find((button) => button.hasAttribute("aria-current")) ?? buttons[0];
    if (current) open(current);
    views.forEach((view) => {
      const tabs = all("[data-tab]", view);
      const pages = all("[data-page]", view);
      tabs.forEach((tab) => tab.addEventListener("click", () => choose(tabs, pages, ["tab", "page"], tab.dataset.tab)));
      if (tabs.length > 0) choose(tabs, pages, ["tab", "page"], tabs[0].dataset.tab);
    });
  };

  /** The countdown of the toast that is shown. It is read out when it ends, not every second. */
  const countdown = (root, say) => {
    let timer = 0, toast = null, left = 0, paused = false;
    const pause = one("[data-count=pause]", root);
    const stop = () => { clearInterval(timer); timer = 0; };
    const draw = () => {
      one("[data-left]", toast).textContent = String(left);
      one("progress", toast).value = left;
    };
    const label = () => { if (pause) pause.textContent = paused ? "Go on" : "Pause countdown"; };
    const end = (words) => { stop(); toast.classList.add("gone"); say(words); };
    const tick = () => {
      if (paused || document.hidden) return;
      left -= 1;
      draw();
      if (left <= 0) end(`Nobody answered: the notification went away after ${plural(Number(toast.dataset.seconds), "second")}.`);
    };
    const ring = (next) => {
      stop();
      toast = next;
      paused = false;
      label();
      say("");
      if (!toast) return;
      left = Number(toast.dataset.seconds);
      toast.classList.remove("gone");
      draw();
      if (left > 0) timer = setInterval(tick, 1000);
    };
    one("[data-count=again]", root)?.addEventListener("click", () => {
      ring(toast);
      if (toast) say("The notification is shown again.");
    });
    pause?.addEventListener("click", () => { paused = !paused; label(); });
    all("[data-answer]", root).forEach((button) => button.addEventListener("click", () => {
      if (!toast) return;
      const passed = plural(Number(toast.dataset.seconds) - left, "second");
      end(button.dataset.answer === "accept" ? `Accepted after ${passed}: the session opens.` : `Rejected after ${passed}.`);
      one("[data-count=again]", root)?.focus();
    }));
    return ring;
  };

  /** The screens: which profile, which notification, before or after, and what the slugs stand for. */
  const screens = (root) => {
    root.classList.add("live");
    const said = one("[data-said]", root);
    const ring = countdown(root, (words) => { said.textContent = words; });
    const picks = all("[data-pick]", root);
    const parts = all("[data-desktop], [data-toast], [data-state]", root);
    all(".frame", root).forEach(sessions);
    const show = () => {
      const wanted = { state: "after" };
      picks.forEach((pick) => {
        if (pick.type !== "radio" || pick.checked) wanted[pick.dataset.pick] = pick.value;
      });
      parts.forEach((part) => {
        part.hidden = !["desktop", "toast", "state"].every((name) => part.dataset[name] === undefined || part.dataset[name] === wanted[name]);
      });
      ring(all(".toast", root).find((toast) => !toast.hidden) ?? null);
    };
    picks.forEach((pick) => pick.addEventListener("input", show));
    const slugs = new Map();
    all("[data-slug]", root).forEach((slug) => {
      if (!slugs.has(slug.dataset.slug)) slugs.set(slug.dataset.slug, []);
      slugs.get(slug.dataset.slug).push(slug);
    });
    all("[data-sample]", root).forEach((input) => input.addEventListener("input", () => {
      const text = input.value === "" ? `{${input.dataset.sample}}` : input.value;
      slugs.get(input.dataset.sample)?.forEach((slug) => { slug.textContent = text; });
    }));
    show();
  };

  /** A node under the pointer lights up what it refers to and what refers to it. */
  const trace = (graph) => {
    const edges = all(".edge", graph);
    const nodes = new Map(all(".node", graph).map((node) => [node.dataset.node, node]));
    const clear = () => {
      graph.classList.remove("tracing");
      all(".lit", graph).forEach((part) => part.classList.remove("lit"));
    };
    nodes.forEach((node, at) => {
      node.addEventListener("pointerenter", () => {
        graph.classList.add("tracing");
        node.classList.add("lit");
        edges.filter((edge) => edge.dataset.from === at || edge.dataset.to === at).forEach((edge) => {
          edge.classList.add("lit");
          nodes.get(edge.dataset.from).classList.add("lit");
          nodes.get(edge.dataset.to).classList.add("lit");
        });
      });
      node.addEventListener("pointerleave", clear);
    });
  };

  /** The section that is being read is marked in the navigation. */
  const navigation = () => {
    const links = new Map(all(".sections a").map((link) => [link.getAttribute("href").slice(1), link]));
    const watch = new IntersectionObserver((entries) => entries.forEach((entry) => {
      if (!entry.isIntersecting) return;
      links.forEach((link, id) => {
        if (id === entry.target.id) link.setAttribute("aria-current", "location");
        else link.removeAttribute("aria-current");
      });
    }), { rootMargin: "-15% 0px -75% 0px" });
    all(".band").forEach((band) => watch.observe(band));
  };

  const only = (box) => box.addEventListener("input", () => {
    all(".matrix [data-same]").forEach((row) => { row.hidden = box.checked; });
  });

  /** On paper everything is unfolded. */
  const printing = () => {
    let folded = [];
    addEventListener("beforeprint", () => {
      folded = all("details:not([open])");
      folded.forEach((details) => { details.open = true; });
    });
    addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));
  };

  /** An editor draws the page anew after each change; what was chosen on the page before it stays chosen. */
  const remember = () => {
    const editor = globalThis.acquireVsCodeApi?.();
    if (!editor) return;
    const kept = editor.getState() ?? {};
    const keep = (key, value) => { kept[key] = value; editor.setState(kept); };
    const restored = new Map();
    all("[data-pick], [data-sample]").forEach((input) => {
      const key = `${input.dataset.pick ?? input.dataset.sample} ${input.type}`;
      const fits = input.type === "select-one" ? [...input.options].some(({ value }) => value === kept[key]) : input.type === "text";
      if (fits && kept[key] !== undefined) {
        input.value = kept[key];
        input.dispatchEvent(new Event("input"));
      }
      input.addEventListener("input", () => keep(key, input.value));
    });
    all("[data-open], [data-tab]").forEach((button) => {
      const { open, tab } = button.dataset;
      const key = `${button.closest("[data-desktop]")?.dataset.desktop} ${tab === undefined ? "" : button.closest("[data-view]")?.dataset.view}`;
      if (kept[key] === (open ?? tab)) restored.set(key, button);
      button.addEventListener("click", () => keep(key, open ?? tab));
    });
    restored.forEach((button) => button.click());
    // Beside a file there is little room: a preview begins with the screen, and its samples are folded.
    const preview = one("[data-changes]") ? null : one("[data-screens]");
    all(".samples").forEach((samples) => {
      samples.open = kept.samples ?? !preview;
      samples.addEventListener("toggle", () => keep("samples", samples.open));
    });
    const top = preview ? preview.getBoundingClientRect().top + scrollY - one(".sections").offsetHeight - 8 : 0;
    scrollTo(0, kept.scroll ?? top);
    addEventListener("scrollend", () => keep("scroll", scrollY));
  };

  reveal(document);
  all("[data-changes]").forEach(changes);
  all("[data-screens]").forEach(screens);
  all(".graph").forEach(trace);
  all("[data-only]").forEach(only);
  navigation();
  printing();
  remember();
})();
